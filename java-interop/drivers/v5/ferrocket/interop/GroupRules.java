package ferrocket.interop;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Rules of groups, topics and brokers. {@code notified}: with {@code notify=false} in its group a consumer does not hear of
 * another until it asks by itself; {@code message-types}: what types a topic can have, printed as {@code type} with
 * code and remark, and that a message of any kind goes to it; {@code suggested}: the broker of the set that a pull suggests
 * next, {@code ratio=} percent of the memory being taken for that of recent messages; {@code transaction-refused}: of a broker that takes none.
 */
final class GroupRules {
    private static final long UNASKED_NANOS = 18_000_000_000L;

    private final Run run;
    private final Clients clients;
    private final DefaultMQAdminExt admin;
    private final String broker;

    private GroupRules(Run run) throws Exception {
        this.run = run;
        this.clients = new Clients(run);
        this.admin = clients.admin();
        this.broker = admin.examineBrokerClusterInfo().getBrokerAddrTable().get("broker-a").getBrokerAddrs().get(0L);
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("notified", run -> new GroupRules(run).notified());
        scenarios.put("message-types", run -> new GroupRules(run).messageTypes());
        scenarios.put("suggested", run -> new GroupRules(run).suggested());
        scenarios.put("transaction-refused", run -> new GroupRules(run).transactionRefused());
    }

    private SubscriptionGroupConfig group() {
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(run.group());
        return config;
    }

    private void notified() throws Exception {
        admin.createAndUpdateTopicConfig(broker, new TopicConfig(run.topic(), 4, 4));
        SubscriptionGroupConfig config = group();
        config.setNotifyConsumerIdsChangedEnable(run.flag("notify"));
        admin.createAndUpdateSubscriptionGroupConfig(broker, config);
        for (int tries = 1; !isProven(); tries++) {
            Run.require(tries < 5, "the members were too slow each time");
        }
    }

    /** Whether it was quick enough: every 20 s a consumer asks by itself, and then nobody knows why it has other queues. */
    private boolean isProven() throws Exception {
        long begin = System.nanoTime();
        DefaultMQPushConsumer first = start("-a");
        run.await("all queues", () -> owned(first).size() == 4);
        DefaultMQPushConsumer second = start("-b");
        run.await("half of the queues", () -> owned(second).size() == 2);
        if (run.flag("notify")) {
            run.await("the other half", () -> owned(first).size() == 2);
        } else {
            Thread.sleep(3_000);
            int queues = owned(first).size();
            if (System.nanoTime() - begin > UNASKED_NANOS) {
                first.shutdown();
                second.shutdown();
                return false;
            }
            Run.same(4, queues, "queues of the first");
            begin = System.nanoTime();
            first.getDefaultMQPushConsumerImpl().getmQClientFactory().rebalanceImmediately();
            run.await("the other half", () -> owned(first).size() == 2);
        }
        second.shutdown();
        if (run.flag("notify")) {
            run.await("all queues again", () -> owned(first).size() == 4);
        } else {
            Thread.sleep(3_000);
            int queues = owned(first).size();
            first.shutdown();
            if (System.nanoTime() - begin > UNASKED_NANOS) {
                return false;
            }
            Run.same(2, queues, "queues of the first");
        }
        return true;
    }

    private DefaultMQPushConsumer start(String suffix) throws Exception {
        DefaultMQPushConsumer consumer = clients.pushConsumer(suffix);
        consumer.subscribe(run.topic(), "*");
        consumer.registerMessageListener(
            (MessageListenerConcurrently) (messages, context) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
        consumer.start();
        return consumer;
    }

    private TreeSet<Integer> owned(DefaultMQPushConsumer consumer) {
        return ConsumePush.assignment(consumer, run.topic());
    }

    private void messageTypes() throws Exception {
        for (String attributes : new String[] {"+message.type=FIFO", "+message.type=DELAY", "+message.type=TRANSACTION",
            "+message.type=NORMAL", "+message.type=MIXED", "+message.type=OTHER", "+no.such=1", "message.type=FIFO",
            "-message.type"}) {
            TopicConfig config = new TopicConfig(run.topic(), 1, 1);
            config.setAttributes(new HashMap<>());
            String[] pair = attributes.split("=");
            config.getAttributes().put(pair[0], pair.length > 1 ? pair[1] : "");
            int code = 0;
            String remark = null;
            try {
                admin.createAndUpdateTopicConfig(broker, config);
            } catch (MQClientException refusal) {
                code = refusal.getResponseCode();
                remark = refusal.getErrorMessage();
            }
            run.emit("type", "attributes", attributes, "code", code, "remark", remark, "kept",
                String.valueOf(admin.examineTopicConfig(broker, run.topic()).getAttributes()));
        }
        TopicConfig delays = new TopicConfig(run.topic(), 1, 1);
        delays.setAttributes(new HashMap<>(Map.of("+message.type", "DELAY")));
        admin.createAndUpdateTopicConfig(broker, delays);
        DefaultMQProducer producer = clients.producer(run.group() + "-p");
        Run.same(SendStatus.SEND_OK, producer.send(new Message(run.topic(), Messages.body(run, 0))).getSendStatus(), "send");
        SubscriptionGroupConfig config = group();
        config.setAttributes(new HashMap<>(Map.of("+no.such", "1")));
        try {
            admin.createAndUpdateSubscriptionGroupConfig(broker, config);
            run.emit("group", "kept", String.valueOf(admin.examineSubscriptionGroupConfig(broker, run.group()).getAttributes()));
        } catch (MQClientException refusal) {
            run.emit("group", "code", refusal.getResponseCode(), "remark", refusal.getErrorMessage());
        }
    }

    private void suggested() throws Exception {
        DefaultMQProducer producer = clients.producer(run.group() + "-p");
        producer.send(new Message(run.topic(), Messages.body(run, 0)));
        DefaultMQPullConsumer consumer = clients.pullConsumer();
        MessageQueue queue = new ArrayList<>(consumer.fetchSubscribeMessageQueues(run.topic())).get(0);
        if (run.has("ratio")) {
            Properties changes = new Properties();
            changes.setProperty("accessMessageInMemoryMaxRatio", run.text("ratio"));
            admin.updateBrokerConfig(broker, changes);
        }
        for (long brokerId : new long[] {0, 3}) {
            SubscriptionGroupConfig config = group();
            config.setBrokerId(brokerId);
            config.setWhichBrokerWhenConsumeSlowly(7);
            admin.createAndUpdateSubscriptionGroupConfig(broker, config);
            consumer.pull(queue, "*", 0, 1);
            run.emit("suggested", "brokerId",
                consumer.getDefaultMQPullConsumerImpl().getPullAPIWrapper().recalculatePullFromWhichNode(queue));
        }
    }

    private void transactionRefused() throws Exception {
        TransactionMQProducer producer = new TransactionMQProducer(run.group());
        clients.configure(producer, "");
        AtomicInteger asked = new AtomicInteger();
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                asked.incrementAndGet();
                return LocalTransactionState.COMMIT_MESSAGE;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                asked.incrementAndGet();
                return LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        clients.start(producer);
        List<String> remarks = new ArrayList<>();
        try {
            producer.sendMessageInTransaction(new Message(run.topic(), Messages.body(run, 0)), null);
        } catch (MQClientException refusal) {
            for (Throwable cause = refusal; cause != null; cause = cause.getCause()) {
                remarks.add(String.valueOf(cause.getMessage()));
            }
        }
        Run.same(0, asked.get(), "local transactions");
        run.emit("refused", "remarks", String.join("\n", remarks));
        Run.same(SendStatus.SEND_OK, producer.send(new Message(run.topic(), Messages.body(run, 1))).getSendStatus(), "send");
    }
}
