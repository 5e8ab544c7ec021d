package ferrocket.interop;

import com.alibaba.fastjson.JSON;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.body.ConsumerOffsetSerializeWrapper;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Asks a broker ({@code broker=}, its address) for everything in its store and prints each answer: {@code topic},
 * {@code group}, {@code queue} with its offsets, {@code message}, {@code at-time}, {@code keyed} and {@code offset} of a
 * consumer. {@code light=} names light queues, separated by commas.
 *
 * <p>{@code store-due} waits until {@code topics=} hold {@code count=} messages together, prints them without what differs
 * from one delivery to the next, and then {@code delay}, the offset each delay level has come to.
 */
final class StoreAnswers {
    private static final long TIMEOUT_MILLIS = 10_000;
    /** What a pull or a delivery puts into a message; the store does not have it. */
    private static final List<String> OF_THE_MOMENT = Arrays.asList(MessageConst.PROPERTY_MIN_OFFSET,
        MessageConst.PROPERTY_MAX_OFFSET, MessageConst.PROPERTY_TIMER_ENQUEUE_MS, MessageConst.PROPERTY_TIMER_DEQUEUE_MS,
        "DECODED_TIME");

    private final Run run;
    private final DefaultMQAdminExt admin;
    private final DefaultMQPullConsumer consumer;
    private final MQClientAPIImpl api;
    private final String broker;
    private final String brokerName;

    private StoreAnswers(Run run) throws Exception {
        this.run = run;
        this.admin = new Clients(run).admin();
        this.consumer = new Clients(run).pullConsumer("store-reader");
        this.api = admin.getDefaultMQAdminExtImpl().getMqClientInstance().getMQClientAPIImpl();
        this.broker = run.text("broker");
        this.brokerName = admin.examineBrokerClusterInfo().getBrokerAddrTable().keySet().iterator().next();
        // Afterwards the client knows the broker's address, also for topics without a route.
        MQClientInstance client = consumer.getDefaultMQPullConsumerImpl().getRebalanceImpl().getmQClientFactory();
        run.await("the broker's address", () -> {
            client.updateTopicRouteInfoFromNameServer("TBW102");
            return client.findBrokerAddressInPublish(brokerName) != null;
        });
    }

    static void perform(Run run) throws Exception {
        new StoreAnswers(run).answers();
    }

    static void due(Run run) throws Exception {
        new StoreAnswers(run).awaitDue();
    }

    private void answers() throws Exception {
        Map<String, TopicConfig> topics = new TreeMap<>(admin.getAllTopicConfig(broker, TIMEOUT_MILLIS).getTopicConfigTable());
        topics.put(TopicValidator.RMQ_SYS_SCHEDULE_TOPIC, new TopicConfig(TopicValidator.RMQ_SYS_SCHEDULE_TOPIC, 18, 18));
        for (String light : run.text("light", "").split(",")) {
            if (!light.isEmpty()) {
                topics.put(light, new TopicConfig(light, 1, 1));
            }
        }
        for (TopicConfig topic : topics.values()) {
            topic(topic);
        }
        groups();
        consumerOffsets();
        run.emit("result", "topics", topics.size());
    }

    private void topic(TopicConfig topic) throws Exception {
        String name = topic.getTopicName();
        boolean ofTheSystem = isOfTheSystem(name);
        if (!ofTheSystem && !MixAll.isLmq(name)) {
            run.emit("topic", "topic", name, "read", topic.getReadQueueNums(), "write", topic.getWriteQueueNums(), "perm",
                topic.getPerm(), "order", topic.isOrder(), "sysFlag", topic.getTopicSysFlag(), "attributes",
                new TreeMap<>(topic.getAttributes()));
        }
        List<MessageExt> all = new ArrayList<>();
        for (int id = 0; id < Math.max(topic.getReadQueueNums(), topic.getWriteQueueNums()); id++) {
            MessageQueue queue = new MessageQueue(name, brokerName, id);
            long min = api.getMinOffset(broker, queue, TIMEOUT_MILLIS);
            long max = api.getMaxOffset(broker, queue, TIMEOUT_MILLIS);
            if (!ofTheSystem) {
                run.emit("queue", "topic", name, "queueId", id, "min", min, "max", max);
            }
            List<MessageExt> messages = read(queue, min, max);
            for (MessageExt message : messages) {
                Map<String, Object> fields = content(message);
                if (!message.getTopic().equals(name)) {
                    fields.put("from", name);
                }
                run.emit("message", fields);
            }
            if (!ofTheSystem && !MixAll.isLmq(name) && !messages.isEmpty()) {
                atTimes(queue, messages);
            }
            all.addAll(messages);
        }
        if (!ofTheSystem && !MixAll.isLmq(name)) {
            byKeys(name, all);
        }
    }

    private List<MessageExt> read(MessageQueue queue, long min, long max) throws Exception {
        List<MessageExt> messages = new ArrayList<>();
        for (long next = min; next < max;) {
            PullResult result = consumer.pull(queue, "*", next, 32);
            Run.require(result.getPullStatus() == PullStatus.FOUND,
                "pull at " + next + " of " + queue + " below " + max + ": " + result.getPullStatus());
            messages.addAll(result.getMsgFoundList());
            next = result.getNextBeginOffset();
        }
        for (MessageExt message : messages) {
            // One out of an inner batch has no record of its own, and that of a light queue names another queue.
            if (!MixAll.isLmq(queue.getTopic()) && message.getStoreSize() > 0) {
                MessageExt byPlace = api.viewMessage(broker, queue.getTopic(), message.getCommitLogOffset(), TIMEOUT_MILLIS);
                Run.same(message.getQueueOffset(), byPlace.getQueueOffset(), "queue offset by place");
                Run.same(message.getStoreSize(), byPlace.getStoreSize(), "size by place");
            }
        }
        return messages;
    }

    private static Map<String, Object> content(MessageExt message) {
        Map<String, Object> fields = Messages.received(message);
        fields.remove("receivedMillis");
        fields.remove("bodyText");
        Map<String, String> properties = new TreeMap<>(message.getProperties());
        OF_THE_MOMENT.forEach(properties::remove);
        fields.put("properties", properties);
        return fields;
    }

    /** The offsets for the store time of each message, and for a moment before and after. */
    private void atTimes(MessageQueue queue, List<MessageExt> messages) throws Exception {
        TreeSet<Long> times = new TreeSet<>();
        for (MessageExt message : messages) {
            times.add(message.getStoreTimestamp());
        }
        times.add(times.first() - 1);
        times.add(times.last() + 1);
        List<Long> lower = new ArrayList<>();
        List<Long> upper = new ArrayList<>();
        for (long time : times) {
            lower.add(admin.searchLowerBoundaryOffset(queue, time));
            upper.add(admin.searchUpperBoundaryOffset(queue, time));
        }
        run.emit("at-time", "topic", queue.getTopic(), "queueId", queue.getQueueId(), "times", new ArrayList<>(times), "lower",
            lower, "upper", upper);
    }

    private void byKeys(String topic, List<MessageExt> messages) throws Exception {
        TreeSet<String> keys = new TreeSet<>();
        for (MessageExt message : messages) {
            keys.add(message.getMsgId());
            if (message.getKeys() != null) {
                keys.addAll(Arrays.asList(message.getKeys().split(MessageConst.KEY_SEPARATOR)));
            }
        }
        for (String key : keys) {
            TreeSet<String> places = new TreeSet<>();
            try {
                for (MessageExt found : admin.queryMessage(topic, key, 64, 0, Long.MAX_VALUE).getMessageList()) {
                    places.add(found.getQueueId() + "/" + found.getQueueOffset());
                }
            } catch (MQClientException none) {
                places.clear();
            }
            run.emit("keyed", "topic", topic, "key", key, "places", new ArrayList<>(places));
        }
    }

    private void groups() throws Exception {
        Map<String, SubscriptionGroupConfig> groups =
            new TreeMap<>(admin.getAllSubscriptionGroup(broker, TIMEOUT_MILLIS).getSubscriptionGroupTable());
        for (SubscriptionGroupConfig group : groups.values()) {
            if (group.getGroupName().startsWith("store-") || group.getGroupName().startsWith("long-")) {
                run.emit("group", "group", group.getGroupName(), "consumeEnable", group.isConsumeEnable(), "retryQueueNums",
                    group.getRetryQueueNums(), "retryMaxTimes", group.getRetryMaxTimes(), "orderly", group.isConsumeMessageOrderly());
            }
        }
    }

    private void consumerOffsets() throws Exception {
        ConsumerOffsetSerializeWrapper wrapper =
            ConsumerOffsetSerializeWrapper.decode(ask(RequestCode.GET_ALL_CONSUMER_OFFSET), ConsumerOffsetSerializeWrapper.class);
        for (Map.Entry<String, ? extends Map<Integer, Long>> entry : new TreeMap<>(wrapper.getOffsetTable()).entrySet()) {
            String[] topicAtGroup = entry.getKey().split("@");
            if (topicAtGroup[1].startsWith("store-") || topicAtGroup[1].startsWith("long-")) {
                new TreeMap<>(entry.getValue()).forEach((queueId, offset) -> run.emit("offset", "topic", topicAtGroup[0], "group",
                    topicAtGroup[1], "queueId", queueId, "offset", offset));
            }
        }
    }

    private Map<String, Object> delayOffsets() throws Exception {
        Map<String, Object> table = new TreeMap<>();
        Object offsets = JSON.parseObject(new String(ask(RequestCode.GET_ALL_DELAY_OFFSET), "UTF-8")).get("offsetTable");
        ((Map<?, ?>) offsets).forEach((level, offset) -> table.put(String.valueOf(level), offset));
        return table;
    }

    private byte[] ask(int code) throws Exception {
        RemotingCommand request = RemotingCommand.createRequestCommand(code, null);
        RemotingCommand answer = api.getRemotingClient().invokeSync(broker, request, TIMEOUT_MILLIS);
        Run.same(0, answer.getCode(), "code of the answer to " + code);
        return answer.getBody();
    }

    private static boolean isOfTheSystem(String topic) {
        return TopicValidator.isSystemTopic(topic) || topic.equals("BenchmarkTest") || topic.equals("broker-a")
            || topic.equals("DefaultCluster") || topic.startsWith("rmq_sys") || topic.endsWith("_REPLY_TOPIC");
    }

    private void awaitDue() throws Exception {
        int count = run.number("count", 1);
        String[] topics = run.text("topics").split(",");
        TreeMap<String, Map<String, Object>> found = new TreeMap<>();
        run.await(count + " messages", () -> {
            found.clear();
            for (String topic : topics) {
                collectDue(topic, found);
            }
            Thread.sleep(200);
            return found.size() >= count;
        });
        found.values().forEach(fields -> run.emit("due", fields));
        // The offset of a level follows its messages, and all of them are delivered.
        run.await("offsets of the delay levels", this::isDelivered);
        delayOffsets().forEach((level, offset) -> run.emit("delay", "level", level, "offset", offset));
    }

    private boolean isDelivered() throws Exception {
        Map<String, Object> offsets = delayOffsets();
        for (int level = 1; level <= 18; level++) {
            MessageQueue queue = new MessageQueue(TopicValidator.RMQ_SYS_SCHEDULE_TOPIC, brokerName, level - 1);
            long end = api.getMaxOffset(broker, queue, TIMEOUT_MILLIS);
            Object offset = offsets.get(Integer.toString(level));
            if (end > 0 && (offset == null || ((Number) offset).longValue() != end)) {
                return false;
            }
        }
        return true;
    }

    private void collectDue(String topic, Map<String, Map<String, Object>> found) throws Exception {
        for (int id = 0; id < 8; id++) {
            MessageQueue queue = new MessageQueue(topic, brokerName, id);
            long max = api.getMaxOffset(broker, queue, TIMEOUT_MILLIS);
            for (MessageExt message : read(queue, api.getMinOffset(broker, queue, TIMEOUT_MILLIS), max)) {
                Map<String, Object> all = content(message);
                Map<String, Object> kept = new LinkedHashMap<>();
                for (String field : new String[] {"topic", "tags", "keys", "flag", "properties", "bodySha256", "msgId",
                    "queueId", "reconsumeTimes", "bornTimestamp", "bornHost", "sysFlag"}) {
                    kept.put(field, all.get(field));
                }
                found.put(topic + " " + message.getKeys() + " " + message.getMsgId(), kept);
            }
        }
    }
}
