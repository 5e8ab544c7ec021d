package ferrocket.interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.trace.TraceContext;
import org.apache.rocketmq.client.trace.TraceDataEncoder;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.subscription.CustomizedRetryPolicy;
import org.apache.rocketmq.remoting.protocol.subscription.ExponentialRetryPolicy;
import org.apache.rocketmq.remoting.protocol.subscription.GroupRetryPolicy;
import org.apache.rocketmq.remoting.protocol.subscription.GroupRetryPolicyType;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * What groups and brokers can be set to. {@code group-settings}: settings of a group, kept and acted on; {@code
 * message-trace}: traces of {@code topic=} in {@code traceTopic=}; {@code unique-keys}: a message's key through delay,
 * retry, transaction and batch, and {@code unique-keys-again} looks for {@code keys=} later; {@code cold-data}: cold-data control.
 */
final class Settings {
    private static final int TRACED_MAX = 3;

    private final Run run;
    private final Clients clients;
    private final DefaultMQAdminExt admin;

    private Settings(Run run) throws Exception {
        this.run = run;
        this.clients = new Clients(run);
        this.admin = clients.admin();
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("group-settings", run -> new Settings(run).groupSettings());
        scenarios.put("message-trace", run -> new Settings(run).trace());
        scenarios.put("unique-keys", run -> new Settings(run).uniqueKeys());
        scenarios.put("unique-keys-again", run -> new Settings(run).uniqueKeysAgain());
        scenarios.put("cold-data", run -> new Settings(run).coldData());
    }

    private String broker() throws Exception {
        return admin.examineBrokerClusterInfo().getBrokerAddrTable().get("broker-a").getBrokerAddrs().get(0L);
    }

    private void groupSettings() throws Exception {
        String broker = broker();
        clients.producer(run.group() + "-p").send(new Message(run.topic(), Messages.body(run, 0)));
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(run.group());
        config.setConsumeFromMinEnable(false);
        config.setConsumeMessageOrderly(true);
        config.setConsumeTimeoutMinute(7);
        config.setRetryMaxTimes(3);
        config.setRetryQueueNums(2);
        config.setBrokerId(0);
        config.setWhichBrokerWhenConsumeSlowly(2);
        config.setNotifyConsumerIdsChangedEnable(false);
        config.setGroupSysFlag(2);
        GroupRetryPolicy policy = new GroupRetryPolicy();
        policy.setType(GroupRetryPolicyType.EXPONENTIAL);
        policy.setExponentialRetryPolicy(new ExponentialRetryPolicy(1_000, 60_000, 3));
        config.setGroupRetryPolicy(policy);
        kept(broker, config);
        policy.setType(GroupRetryPolicyType.CUSTOMIZED);
        policy.setExponentialRetryPolicy(null);
        policy.setCustomizedRetryPolicy(new CustomizedRetryPolicy(new long[] {1_000, 5_000}));
        kept(broker, config);

        config.setConsumeEnable(false);
        kept(broker, config);
        DefaultMQPullConsumer consumer = clients.pullConsumer();
        consumer.fetchSubscribeMessageQueues(run.topic());
        MessageQueue queue = new MessageQueue(run.topic(), "broker-a", 0);
        forbidden("disabled", consumer, queue);
        config.setConsumeEnable(true);
        config.setConsumeBroadcastEnable(false);
        kept(broker, config);
        run.await("a pull", () -> consumer.pull(queue, "*", 0, 1) != null);
        DefaultMQPushConsumer broadcasting = new DefaultMQPushConsumer(run.group());
        broadcasting.setNamesrvAddr(run.text("namesrv"));
        broadcasting.setInstanceName("broadcast-" + run.id);
        broadcasting.setMessageModel(MessageModel.BROADCASTING);
        broadcasting.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        broadcasting.subscribe(run.topic(), "*");
        Set<String> received = ConcurrentHashMap.newKeySet();
        broadcasting.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> received.add(message.getMsgId()));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.shutdown();
        broadcasting.start();
        run.atEnd(broadcasting::shutdown);
        TimeUnit.SECONDS.sleep(2);
        Run.require(received.isEmpty(), "broadcasting is served");
        config.setConsumeBroadcastEnable(true);
        kept(broker, config);
        run.await("the message", () -> received.size() == 1);
    }

    private void kept(String broker, SubscriptionGroupConfig config) throws Exception {
        admin.createAndUpdateSubscriptionGroupConfig(broker, config);
        SubscriptionGroupConfig kept = admin.examineSubscriptionGroupConfig(broker, run.group());
        Run.same(config.toString(), kept.toString(), "settings of the group");
        run.emit("kept", "policy", kept.getGroupRetryPolicy().getRetryPolicy().nextDelayDuration(1));
    }

    private void forbidden(String what, DefaultMQPullConsumer consumer, MessageQueue queue) throws Exception {
        try {
            consumer.pull(queue, "*", 0, 1);
            throw new Run.Failure(what + " is served");
        } catch (MQBrokerException refusal) {
            run.emit("refused", "what", what, "code", refusal.getResponseCode(), "remark", refusal.getErrorMessage());
        }
    }

    private void trace() throws Exception {
        String traceTopic = run.text("traceTopic");
        DefaultMQProducer producer = new DefaultMQProducer(run.group() + "-p", true, traceTopic);
        producer.setNamesrvAddr(run.text("namesrv"));
        producer.setInstanceName("traced-" + run.id);
        clients.start(producer);
        SendResult first = producer.send(new Message(run.topic(), "tag", "traced-key", Messages.body(run, 0)));
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(run.group(), true, traceTopic);
        consumer.setNamesrvAddr(run.text("namesrv"));
        consumer.setInstanceName("traced-" + run.id);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(run.topic(), "*");
        Set<String> consumed = ConcurrentHashMap.newKeySet();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> consumed.add(message.getMsgId()));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        run.atEnd(consumer::shutdown);
        DefaultMQPullConsumer reader = clients.pullConsumer(run.group() + "-reader");
        for (int tries = 1; tries <= TRACED_MAX; tries++) {
            SendResult sent = tries == 1 ? first
                : producer.send(new Message(run.topic(), "tag", "traced-key", Messages.body(run, 0)));
            run.await("the message", () -> consumed.contains(sent.getMsgId()));
            Set<String> kinds = new TreeSet<>();
            try {
                run.await("traces of sending and consuming", run.timeoutMillis() / TRACED_MAX, () -> {
                    kinds.addAll(kindsOfTraces(all(reader, traceTopic), sent.getMsgId()));
                    return kinds.size() == 3;
                });
            } catch (Run.Failure lost) {
                // A client waits five seconds for a trace to be sent, and then forgets it.
                Run.require(tries < TRACED_MAX, "only " + kinds + " of each message");
                continue;
            }
            run.emit("traced", "kinds", new ArrayList<>(kinds));
            return;
        }
    }

    private static Set<String> kindsOfTraces(List<MessageExt> traces, String msgId) {
        Set<String> kinds = new TreeSet<>();
        for (MessageExt trace : traces) {
            for (TraceContext context : TraceDataEncoder.decoderFromTraceDataString(
                new String(trace.getBody(), StandardCharsets.UTF_8))) {
                if (context.getTraceBeans().get(0).getMsgId().equals(msgId)) {
                    kinds.add(context.getTraceType() + (trace.getKeys().contains(msgId) ? " keyed" : ""));
                }
            }
        }
        return kinds;
    }

    private static List<MessageExt> all(DefaultMQPullConsumer reader, String topic) throws Exception {
        List<MessageExt> found = new ArrayList<>();
        try {
            for (MessageQueue queue : reader.fetchSubscribeMessageQueues(topic)) {
                PullResult result = reader.pull(queue, "*", 0, 32);
                if (result.getMsgFoundList() != null) {
                    found.addAll(result.getMsgFoundList());
                }
            }
        } catch (MQClientException notYet) {
            Thread.sleep(200);
        }
        return found;
    }

    /** Sends one message each way and consumes it; each must keep the key it was sent with and be found by it. */
    private void uniqueKeys() throws Exception {
        DefaultMQProducer producer = clients.producer(run.group() + "-p");
        Message delayed = new Message(run.topic(), "delayed", Messages.body(run, 1));
        delayed.setDelayTimeLevel(1);
        List<Message> batch = Arrays.asList(new Message(run.topic(), "batch-0", Messages.body(run, 2)),
            new Message(run.topic(), "batch-1", Messages.body(run, 3)));
        Message timed = new Message(run.topic(), "timed", Messages.body(run, 5));
        timed.setDelayTimeMs(1_500);
        List<String> keys = new ArrayList<>();
        keys.add(producer.send(new Message(run.topic(), "plain", Messages.body(run, 0))).getMsgId());
        keys.add(producer.send(delayed).getMsgId());
        keys.add(producer.send(timed).getMsgId());
        keys.add(transaction());
        String failing = producer.send(new Message(run.topic(), "failing", Messages.body(run, 4))).getMsgId();
        keys.add(failing);
        List<String> inBatch = Arrays.asList(producer.send(batch).getMsgId().split(","));
        Map<String, List<String>> tags = new ConcurrentHashMap<>();
        DefaultMQPushConsumer consumer = clients.pushConsumer("");
        consumer.subscribe(run.topic(), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            tags.computeIfAbsent(message.getMsgId(), none -> Collections.synchronizedList(new ArrayList<>()))
                .add(message.getTags());
            context.setDelayLevelWhenNextConsume(1);
            return "failing".equals(message.getTags()) && message.getReconsumeTimes() == 0
                ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        run.await("all messages and the retry", () -> tags.values().stream().mapToInt(List::size).sum() == 8);
        Run.same(Arrays.asList("failing", "failing"), tags.get(failing), "attempts of the failing message");
        // The messages of a batch carry the key of the batch after their own.
        keys.add(tags.entrySet().stream().filter(entry -> entry.getValue().contains("batch-0")).findAny().get().getKey());
        Run.require(!inBatch.contains(keys.get(5)), "messages of a batch have keys of their own");
        Run.same(Set.copyOf(keys), tags.keySet(), "keys received");
        for (String key : keys) {
            find(run.topic(), key);
        }
        find("%RETRY%" + run.group(), failing);
        run.emit("result", "keys", String.join(",", keys), "failing", failing);
    }

    /** Sends a message in a transaction that commits at once. */
    private String transaction() throws Exception {
        TransactionMQProducer producer = new TransactionMQProducer(run.group() + "-transactions");
        producer.setNamesrvAddr(run.text("namesrv"));
        producer.setInstanceName("transactions-" + run.id);
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        clients.start(producer);
        Message message = new Message(run.topic(), "transaction", Messages.body(run, 6));
        return producer.sendMessageInTransaction(message, null).getMsgId();
    }

    private void uniqueKeysAgain() throws Exception {
        for (String key : run.text("keys").split(",")) {
            find(run.topic(), key);
        }
    }

    private void find(String topic, String key) throws Exception {
        run.await(key + " in " + topic, () -> {
            try {
                MessageExt found = admin.getDefaultMQAdminExtImpl().getMqClientInstance().getMQAdminImpl()
                    .queryMessageByUniqKey(topic, key);
                return found != null && key.equals(found.getMsgId()) && topic.equals(found.getTopic());
            } catch (MQClientException notYet) {
                return false;
            }
        });
    }

    private void coldData() throws Exception {
        String broker = broker();
        run.emit("info", "text", admin.getColdDataFlowCtrInfo(broker));
        Properties thresholds = new Properties();
        thresholds.setProperty("cold-group", "1234");
        thresholds.setProperty("no-number", "many");
        admin.updateColdDataFlowCtrGroupConfig(broker, thresholds);
        run.emit("info", "text", admin.getColdDataFlowCtrInfo(broker));
        admin.removeColdDataFlowCtrGroupConfig(broker, "cold-group");
        run.emit("info", "text", admin.getColdDataFlowCtrInfo(broker));
        for (String mode : new String[] {"0", "1", "4", "x"}) {
            try {
                run.emit("mode", "mode", mode, "remark", admin.setCommitLogReadAheadMode(broker, mode));
            } catch (MQBrokerException refusal) {
                run.emit("mode", "mode", mode, "code", refusal.getResponseCode(), "remark", refusal.getErrorMessage());
            }
        }
    }
}
