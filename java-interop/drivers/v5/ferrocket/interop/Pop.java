package ferrocket.interop;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.AckCallback;
import org.apache.rocketmq.client.consumer.AckResult;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PopCallback;
import org.apache.rocketmq.client.consumer.PopResult;
import org.apache.rocketmq.client.consumer.PopStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.impl.ClientRemotingProcessor;
import org.apache.rocketmq.client.impl.mqclient.MQClientAPIExt;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageRequestMode;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.protocol.header.AckMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ChangeInvisibleTimeRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.ExtraInfoUtil;
import org.apache.rocketmq.remoting.protocol.header.NotificationRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.route.BrokerData;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Popping. {@code pop-push} is a push consumer whose group is switched to POP: {@code count=} messages to acknowledge,
 * {@code fail=} how many of them fail once before; {@code started} is printed when it runs.
 *
 * <p>{@code pop-raw} does what it is told, a command a line with arguments after commas; messages are named by their keys:
 * {@code pop,num=,invisible=,poll=,order=,queue=,exp=,attempt=}, {@code ack,keys=a|b}, {@code batch-ack,keys=},
 * {@code change,keys=,invisible=}, {@code notify,poll=,order=}, {@code stop}. It prints {@code popped} and a
 * {@code message} each, {@code acked}, {@code changed}, {@code notified}, or {@code refused} with the code. The topic is a
 * light queue if {@code parent=} names the one it is fed from.
 */
final class Pop {
    private static final long LIMIT = 30_000;

    private final Run run;
    private final Map<String, MessageExt> popped = new HashMap<>();
    private final Map<String, String> checkPoints = new HashMap<>();
    private MQClientAPIExt api;
    private String broker;
    private String brokerName;

    private Pop(Run run) {
        this.run = run;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("pop-push", run -> new Pop(run).push());
        scenarios.put("pop-raw", run -> new Pop(run).raw());
    }

    private void push() throws Exception {
        DefaultMQAdminExt admin = new Clients(run).admin();
        Api.createGroup(admin, brokerAddress(admin), run.group(), 16);
        admin.setMessageRequestMode(broker, run.topic(), run.group(), MessageRequestMode.POP, run.number("share", 0), LIMIT);
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.setClientRebalance(false);
        consumer.setPopInvisibleTime(run.number("invisible", 60_000));
        consumer.subscribe(run.topic(), run.text("tags", "*"));
        int fail = run.number("fail", 0);
        AtomicInteger failed = new AtomicInteger();
        Map<String, Integer> done = new ConcurrentHashMap<>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            emit(message);
            if (message.getReconsumeTimes() == 0 && failed.getAndIncrement() < fail) {
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            done.merge(message.getKeys(), 1, Integer::sum);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        run.emit("started");
        int count = run.number("count", 1);
        run.await(count + " messages", () -> done.size() >= count);
        Thread.sleep(run.number("settle", 500));
        Run.same(count, done.values().stream().mapToInt(times -> times).sum(), "messages");
    }

    private String brokerAddress(DefaultMQAdminExt admin) throws Exception {
        run.await("route", () -> {
            try {
                BrokerData data = admin.examineTopicRouteInfo(run.text("parent", run.topic())).getBrokerDatas().get(0);
                broker = data.selectBrokerAddr();
                brokerName = data.getBrokerName();
                return true;
            } catch (Exception unknown) {
                return false;
            }
        });
        return broker;
    }

    private void raw() throws Exception {
        brokerAddress(new Clients(run).admin());
        ClientConfig config = new ClientConfig();
        config.setInstanceName("pop-" + System.nanoTime());
        api = new MQClientAPIExt(config, new NettyClientConfig(), new ClientRemotingProcessor(null), null);
        api.updateNameServerAddressList(run.text("namesrv"));
        api.start();
        run.atEnd(api::shutdown);
        run.emit("started");
        while (true) {
            String line = run.awaitCommand();
            if ("stop".equals(line)) {
                return;
            }
            String[] words = line.split(",");
            Map<String, String> arguments = new HashMap<>();
            for (int i = 1; i < words.length; i++) {
                String[] pair = words[i].split("=", 2);
                arguments.put(pair[0], pair[1]);
            }
            try {
                obey(words[0], arguments);
            } catch (ExecutionException refused) {
                Throwable cause = refused.getCause();
                int code = cause instanceof MQBrokerException ? ((MQBrokerException) cause).getResponseCode() : -1;
                run.emit("refused", "code", code, "reason", String.valueOf(cause.getMessage()));
            }
        }
    }

    private void obey(String command, Map<String, String> arguments) throws Exception {
        switch (command) {
            case "pop":
                pop(arguments);
                break;
            case "ack":
                for (String key : keys(arguments)) {
                    run.emit("acked", "keys", key, "status", ack(key).getStatus().name());
                }
                break;
            case "batch-ack":
                List<String> infos = new ArrayList<>();
                keys(arguments).forEach(key -> infos.add(checkPoints.get(key)));
                CompletableFuture<AckResult> all = new CompletableFuture<>();
                api.batchAckMessageAsync(broker, LIMIT, callback(all), run.topic(), run.group(), infos);
                run.emit("acked", "status", all.get(LIMIT, TimeUnit.MILLISECONDS).getStatus().name());
                break;
            case "change":
                for (String key : keys(arguments)) {
                    change(key, Long.parseLong(arguments.get("invisible")));
                }
                break;
            case "notify":
                NotificationRequestHeader header = new NotificationRequestHeader();
                header.setConsumerGroup(run.group());
                header.setTopic(run.topic());
                header.setQueueId(-1);
                header.setPollTime(Long.parseLong(arguments.get("poll")));
                header.setBornTime(System.currentTimeMillis());
                header.setOrder(Boolean.parseBoolean(arguments.get("order")));
                run.emit("notified", "has", api.notification(broker, header, header.getPollTime() + LIMIT).get());
                break;
            default:
                throw new Run.Failure("unknown command " + command);
        }
    }

    private static List<String> keys(Map<String, String> arguments) {
        return Arrays.asList(arguments.get("keys").split("\\|"));
    }

    private void pop(Map<String, String> arguments) throws Exception {
        PopMessageRequestHeader header = new PopMessageRequestHeader();
        header.setConsumerGroup(run.group());
        header.setTopic(run.topic());
        header.setQueueId(Integer.parseInt(arguments.getOrDefault("queue", "-1")));
        header.setMaxMsgNums(Integer.parseInt(arguments.getOrDefault("num", "32")));
        header.setInvisibleTime(Long.parseLong(arguments.getOrDefault("invisible", "60000")));
        header.setInitMode(0);
        header.setExpType(arguments.getOrDefault("type", "TAG"));
        header.setExp(arguments.getOrDefault("exp", "*"));
        header.setOrder(Boolean.parseBoolean(arguments.get("order")));
        header.setAttemptId(arguments.get("attempt"));
        long poll = Long.parseLong(arguments.getOrDefault("poll", "0"));
        header.setPollTime(poll);
        header.setBornTime(System.currentTimeMillis());
        CompletableFuture<PopResult> future = new CompletableFuture<>();
        api.popMessageAsync(brokerName, broker, header, poll + LIMIT, new PopCallback() {
            @Override
            public void onSuccess(PopResult result) {
                future.complete(result);
            }

            @Override
            public void onException(Throwable problem) {
                future.completeExceptionally(problem);
            }
        });
        long began = System.currentTimeMillis();
        PopResult result = future.get(poll + LIMIT, TimeUnit.MILLISECONDS);
        List<MessageExt> messages = new ArrayList<>();
        if (result.getPopStatus() == PopStatus.FOUND) {
            messages.addAll(result.getMsgFoundList());
        }
        for (MessageExt message : messages) {
            popped.put(name(message), message);
            checkPoints.put(name(message), message.getProperty(MessageConst.PROPERTY_POP_CK));
            emit(message);
        }
        run.emit("popped", "status", result.getPopStatus().name(), "count", messages.size(), "rest", result.getRestNum(),
            "tookMillis", System.currentTimeMillis() - began);
    }

    /** Its key; that of a batch, which has none, is its offset. */
    private static String name(MessageExt message) {
        return message.getKeys() == null ? "at-" + message.getQueueOffset() : message.getKeys();
    }

    private void emit(MessageExt message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("keys", name(message));
        fields.put("topic", message.getTopic());
        fields.put("queueId", message.getQueueId());
        fields.put("queueOffset", message.getQueueOffset());
        fields.put("reconsumeTimes", message.getReconsumeTimes());
        fields.put("firstPop", message.getProperty(MessageConst.PROPERTY_FIRST_POP_TIME) != null);
        fields.put("uniqKey", message.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX));
        fields.put("retry", ExtraInfoUtil.getRetry(ExtraInfoUtil.split(message.getProperty(MessageConst.PROPERTY_POP_CK))));
        fields.put("millis", System.currentTimeMillis());
        run.emit("message", fields);
    }

    private AckResult ack(String key) throws Exception {
        String info = checkPoints.get(key);
        String[] parts = ExtraInfoUtil.split(info);
        AckMessageRequestHeader header = new AckMessageRequestHeader();
        header.setTopic(ExtraInfoUtil.getRealTopic(parts, run.topic(), run.group()));
        header.setQueueId(ExtraInfoUtil.getQueueId(parts));
        header.setOffset(ExtraInfoUtil.getQueueOffset(parts));
        header.setConsumerGroup(run.group());
        header.setExtraInfo(info);
        CompletableFuture<AckResult> future = new CompletableFuture<>();
        api.ackMessageAsync(broker, LIMIT, callback(future), header);
        return future.get(LIMIT, TimeUnit.MILLISECONDS);
    }

    private void change(String key, long invisible) throws Exception {
        String info = checkPoints.get(key);
        String[] parts = ExtraInfoUtil.split(info);
        ChangeInvisibleTimeRequestHeader header = new ChangeInvisibleTimeRequestHeader();
        header.setTopic(ExtraInfoUtil.getRealTopic(parts, run.topic(), run.group()));
        header.setQueueId(ExtraInfoUtil.getQueueId(parts));
        header.setOffset(ExtraInfoUtil.getQueueOffset(parts));
        header.setConsumerGroup(run.group());
        header.setExtraInfo(info);
        header.setInvisibleTime(invisible);
        CompletableFuture<AckResult> future = new CompletableFuture<>();
        api.changeInvisibleTimeAsync(brokerName, broker, header, LIMIT, callback(future));
        AckResult result = future.get(LIMIT, TimeUnit.MILLISECONDS);
        checkPoints.put(key, result.getExtraInfo());
        run.emit("changed", "keys", key, "status", result.getStatus().name());
    }

    private static AckCallback callback(CompletableFuture<AckResult> future) {
        return new AckCallback() {
            @Override
            public void onSuccess(AckResult result) {
                future.complete(result);
            }

            @Override
            public void onException(Throwable problem) {
                future.completeExceptionally(problem);
            }
        };
    }
}
