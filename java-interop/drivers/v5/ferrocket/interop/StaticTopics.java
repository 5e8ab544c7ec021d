package ferrocket.interop;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.admin.OffsetWrapper;
import org.apache.rocketmq.remoting.protocol.admin.TopicOffset;
import org.apache.rocketmq.remoting.protocol.header.QueryConsumerOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.UpdateConsumerOffsetRequestHeader;
import org.apache.rocketmq.remoting.protocol.statictopic.LogicQueueMappingItem;
import org.apache.rocketmq.remoting.protocol.statictopic.TopicConfigAndQueueMapping;
import org.apache.rocketmq.remoting.protocol.statictopic.TopicQueueMappingDetail;
import org.apache.rocketmq.remoting.protocol.statictopic.TopicQueueMappingOne;
import org.apache.rocketmq.remoting.protocol.statictopic.TopicQueueMappingUtils;
import org.apache.rocketmq.remoting.protocol.statictopic.TopicRemappingDetailWrapper;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.apache.rocketmq.tools.admin.MQAdminUtils;

/**
 * Static topics on the brokers {@code first=} and {@code second=}: {@code static-topic} creates one on the first, uses it,
 * moves it to the second, uses it across both, and moves it back; {@code static-topic-send} and {@code static-topic-consume}
 * use one that is there; {@code static-topic-hosted} prints how many of its queues each broker knows.
 */
final class StaticTopics {
    private static final int QUEUES = 3;
    private static final int EACH = 8;
    private static final long TIMEOUT_MILLIS = 20_000;
    private static final long BLOCK = TopicQueueMappingUtils.DEFAULT_BLOCK_SEQ_SIZE;

    private final Run run;
    private final Clients clients;
    private final DefaultMQAdminExt admin;
    private final MQClientInstance instance;
    private final String topic;

    private StaticTopics(Run run) throws Exception {
        this.run = run;
        this.clients = new Clients(run);
        this.admin = clients.admin();
        this.instance = admin.getDefaultMQAdminExtImpl().getMqClientInstance();
        this.topic = run.topic();
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("static-topic", run -> new StaticTopics(run).perform());
        scenarios.put("static-topic-send", run -> new StaticTopics(run).sendOnly());
        scenarios.put("static-topic-consume", run -> new StaticTopics(run).consumeOnly());
        scenarios.put("static-topic-hosted", run -> new StaticTopics(run).hosted());
    }

    private void perform() throws Exception {
        String first = run.text("first");
        String second = run.text("second");
        create(first);
        checkMapping(first, -2);
        refusals(first, second);
        DefaultMQProducer producer = clients.producer(run.group() + "-producer");
        send(producer, 0);
        checkRanges(0, EACH);
        List<MessageExt> got = consume(run.group(), QUEUES * EACH, "one");
        checkOffsets(got, 0);
        checkProgress(EACH, EACH);

        long between = System.currentTimeMillis();
        Thread.sleep(20);
        remap(second);
        checkMapping(second, BLOCK);
        awaitForwarding();
        refreshed(producer.getDefaultMQProducerImpl().getMqClientFactory());
        refusedByFormerLeader(first);
        send(producer, BLOCK);
        checkRanges(0, BLOCK + EACH);
        searchByTime(between);
        pullAcross();
        offsetsAcross(second);
        checkOffsets(consume(run.group(), QUEUES * EACH, "two"), BLOCK);
        List<MessageExt> all = consume(run.group() + "-new", 2 * QUEUES * EACH, "three");
        checkOffsets(first(all, BLOCK), 0);
        checkOffsets(last(all, BLOCK), BLOCK);

        remap(first);
        checkMapping(first, 2 * BLOCK);
        refreshed(producer.getDefaultMQProducerImpl().getMqClientFactory());
        send(producer, 2 * BLOCK);
        checkRanges(0, 2 * BLOCK + EACH);
        checkOffsets(consume(run.group(), QUEUES * EACH, "four"), 2 * BLOCK);
        run.emit("result", "block", BLOCK);
    }

    /** Sends {@code count=} messages to each queue, wherever it is. */
    private void sendOnly() throws Exception {
        DefaultMQProducer producer = clients.producer(run.group() + "-producer");
        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            for (int i = 0; i < run.number("count", EACH); i++) {
                SendResult sent = producer.send(new Message(topic, Messages.body(run, i)), queue);
                run.emit("sent", "brokerName", queue.getBrokerName(), "queueId", sent.getMessageQueue().getQueueId(),
                    "queueOffset", sent.getQueueOffset());
            }
        }
    }

    /** Consumes {@code count=} messages in all. */
    private void consumeOnly() throws Exception {
        for (MessageExt message : consume(run.group(), run.number("count", EACH), "only")) {
            run.emit("message", "queueId", message.getQueueId(), "queueOffset", message.getQueueOffset());
        }
    }

    /** How many queues each broker still has a mapping of. */
    private void hosted() throws Exception {
        for (var config : MQAdminUtils.examineTopicConfigAll(topic, admin).entrySet()) {
            run.emit("hosted", "brokerName", config.getKey(), "queues",
                config.getValue().getMappingDetail().getHostedQueues().size());
        }
    }

    private void create(String broker) throws Exception {
        Map<String, TopicConfigAndQueueMapping> configs = MQAdminUtils.examineTopicConfigAll(topic, admin);
        Run.require(configs.isEmpty(), "the topic is there");
        TopicQueueMappingUtils.createTopicConfigMapping(topic, QUEUES, new HashSet<>(Set.of(broker)), configs);
        MQAdminUtils.completeNoTargetBrokers(configs, admin);
        MQAdminUtils.updateTopicConfigMappingAll(configs, admin, false);
        Run.same(configs, MQAdminUtils.examineTopicConfigAll(topic, admin), "configuration of the new topic");
    }

    private void remap(String broker) throws Exception {
        Map<String, TopicConfigAndQueueMapping> configs = MQAdminUtils.examineTopicConfigAll(topic, admin);
        TopicRemappingDetailWrapper wrapper =
            TopicQueueMappingUtils.remappingStaticTopic(topic, configs, new HashSet<>(Set.of(broker)));
        MQAdminUtils.completeNoTargetBrokers(configs, admin);
        MQAdminUtils.remappingStaticTopic(topic, wrapper.getBrokerToMapIn(), wrapper.getBrokerToMapOut(), configs, (int) BLOCK,
            false, admin);
    }

    /** All queues are led by one broker, and begin there at {@code logicOffset} unless that is -2. */
    private void checkMapping(String broker, long logicOffset) throws Exception {
        Map<String, TopicConfigAndQueueMapping> configs = MQAdminUtils.examineTopicConfigAll(topic, admin);
        TopicQueueMappingUtils.checkNameEpochNumConsistence(topic, configs);
        TopicQueueMappingUtils.checkPhysicalQueueConsistence(configs);
        Map<Integer, TopicQueueMappingOne> queues = TopicQueueMappingUtils.checkAndBuildMappingItems(
            new ArrayList<>(TopicQueueMappingUtils.getMappingDetailFromConfig(configs.values())), false, true);
        Run.same(QUEUES, queues.size(), "logical queues");
        for (TopicQueueMappingOne queue : queues.values()) {
            Run.same(broker, queue.getBname(), "leader");
            List<LogicQueueMappingItem> items = queue.getItems();
            if (logicOffset != -2) {
                Run.same(logicOffset, items.get(items.size() - 1).getLogicOffset(), "begin of the leader");
            }
        }
    }

    /** What cannot follow the mapping that is there is refused, with RocketMQ's words. */
    private void refusals(String first, String second) throws Exception {
        TopicConfigAndQueueMapping config = MQAdminUtils.examineTopicConfigAll(topic, admin).get(first);
        TopicQueueMappingDetail old = config.getMappingDetail();
        TopicQueueMappingDetail small = copy(old, old.getEpoch() - 1);
        refused("small epoch", 1, first, config, small);
        TopicQueueMappingDetail empty = copy(old, old.getEpoch());
        empty.getHostedQueues().clear();
        refused("no queue", 1, first, config, empty);
        TopicQueueMappingDetail moved = copy(old, old.getEpoch());
        List<LogicQueueMappingItem> items = new ArrayList<>(moved.getHostedQueues().get(0));
        items.add(new LogicQueueMappingItem(1, 0, second, -1, 0, -1, -1, -1));
        moved.getHostedQueues().put(0, items);
        refused("another leader", 1, first, config, moved);
        TopicQueueMappingDetail shuffled = copy(old, old.getEpoch());
        shuffled.getHostedQueues().put(0,
            Arrays.asList(items.get(0), new LogicQueueMappingItem(0, 0, second, 9, 0, -1, -1, -1)));
        refused("generations", 1, first, config, shuffled);
        checkMapping(first, -2);
    }

    private static TopicQueueMappingDetail copy(TopicQueueMappingDetail old, long epoch) {
        TopicQueueMappingDetail copy =
            new TopicQueueMappingDetail(old.getTopic(), old.getTotalQueues(), old.getBname(), epoch);
        copy.getHostedQueues().putAll(old.getHostedQueues());
        return copy;
    }

    private void refused(String what, int code, String broker, TopicConfig config, TopicQueueMappingDetail mapping)
        throws Exception {
        try {
            admin.createStaticTopic(address(broker), admin.getCreateTopicKey(), config, mapping, false);
            throw new Run.Failure(what + " is taken");
        } catch (MQBrokerException refusal) {
            Run.same(code, refusal.getResponseCode(), what);
            run.emit("refused", "what", what, "remark", refusal.getErrorMessage());
        }
    }

    private String address(String broker) throws Exception {
        return admin.examineBrokerClusterInfo().getBrokerAddrTable().get(broker).getBrokerAddrs().get(0L);
    }

    /** Until a client's picture of the topic is that of the brokers. */
    private void refreshed(MQClientInstance client) throws Exception {
        Map<String, TopicConfigAndQueueMapping> configs = MQAdminUtils.examineTopicConfigAll(topic, admin);
        Map<Integer, TopicQueueMappingOne> queues = TopicQueueMappingUtils.checkAndBuildMappingItems(
            new ArrayList<>(TopicQueueMappingUtils.getMappingDetailFromConfig(configs.values())), false, true);
        run.await("routes of the topic", () -> {
            client.updateTopicRouteInfoFromNameServer(topic);
            return queues.values().stream().allMatch(
                queue -> queue.getBname().equals(client.getBrokerNameFromMessageQueue(queue(queue.getGlobalId()))));
        });
    }

    /** Brokers look each other up now and then. */
    private void awaitForwarding() throws Exception {
        refreshed(instance);
        run.await("a broker that knows the other", () -> {
            try {
                admin.minOffset(queue(0));
                return true;
            } catch (Exception unknown) {
                return false;
            }
        });
    }

    private MessageQueue queue(int id) {
        return new MessageQueue(topic, "__syslo__global__", id);
    }

    private void send(DefaultMQProducer producer, long base) throws Exception {
        List<MessageQueue> queues = new ArrayList<>(producer.fetchPublishMessageQueues(topic));
        Collections.sort(queues);
        Run.same(Arrays.asList(queue(0), queue(1), queue(2)), queues, "queues of the topic");
        for (MessageQueue queue : queues) {
            for (int i = 0; i < EACH; i++) {
                SendResult sent = producer.send(new Message(topic, Messages.body(run, i)), queue);
                Run.same(queue.getQueueId(), sent.getMessageQueue().getQueueId(), "queue of a message");
                Run.same(base + i, sent.getQueueOffset(), "offset of a message");
            }
        }
    }

    private void checkRanges(long min, long max) throws Exception {
        refreshed(instance);
        for (int i = 0; i < QUEUES; i++) {
            MessageQueue queue = queue(i);
            Run.same(min, admin.minOffset(queue), "min offset");
            run.await("max offset " + max, () -> admin.maxOffset(queue) == max);
            TopicOffset stats = admin.examineTopicStats(topic).getOffsetTable().get(queue);
            Run.same(min, stats.getMinOffset(), "min offset by stats");
            Run.same(max, stats.getMaxOffset(), "max offset by stats");
        }
    }

    private List<MessageExt> consume(String group, int count, String name) throws Exception {
        List<MessageExt> got = Collections.synchronizedList(new ArrayList<>());
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(run.text("namesrv"));
        consumer.setInstanceName("static-" + run.id + name);
        consumer.setPollNameServerInterval(500);
        consumer.setConsumeFromWhere(org.apache.rocketmq.common.consumer.ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            got.addAll(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        try {
            run.await(count + " messages for " + group, () -> got.size() >= count);
            Thread.sleep(200);
            Run.same(count, got.size(), "messages for " + group);
        } finally {
            consumer.shutdown();
        }
        return got;
    }

    private void checkOffsets(List<MessageExt> messages, long base) {
        Map<Integer, List<Long>> offsets = new TreeMap<>();
        for (MessageExt message : messages) {
            Run.same("__syslo__global__", message.getBrokerName(), "broker of a message");
            offsets.computeIfAbsent(message.getQueueId(), none -> new ArrayList<>()).add(message.getQueueOffset());
        }
        Run.same(QUEUES, offsets.size(), "queues with messages");
        for (List<Long> queue : offsets.values()) {
            Collections.sort(queue);
            Run.same(base, queue.get(0), "first offset");
            Run.same(base + EACH - 1, queue.get(EACH - 1), "last offset");
            Run.same(EACH, queue.size(), "messages of a queue");
        }
    }

    private static List<MessageExt> first(List<MessageExt> messages, long end) {
        List<MessageExt> chosen = new ArrayList<>(messages);
        chosen.removeIf(message -> message.getQueueOffset() >= end);
        return chosen;
    }

    private static List<MessageExt> last(List<MessageExt> messages, long begin) {
        List<MessageExt> chosen = new ArrayList<>(messages);
        chosen.removeIf(message -> message.getQueueOffset() < begin);
        return chosen;
    }

    private void checkProgress(long brokerOffset, long consumerOffset) throws Exception {
        for (int i = 0; i < QUEUES; i++) {
            MessageQueue queue = queue(i);
            run.await("progress of the group", () -> {
                try {
                    OffsetWrapper progress = admin.examineConsumeStats(run.group()).getOffsetTable().get(queue);
                    return progress != null && progress.getBrokerOffset() == brokerOffset
                        && progress.getConsumerOffset() == consumerOffset;
                } catch (MQClientException notYet) {
                    // The name server may not know the retry topic yet, by whose route the group is found.
                    return false;
                }
            });
        }
    }

    private void refusedByFormerLeader(String broker) throws Exception {
        MQClientAPIImpl api = instance.getMQClientAPIImpl();
        String address = address(broker);
        MessageQueue queue = queue(1);
        notLeader("max", () -> api.getMaxOffset(address, queue, TIMEOUT_MILLIS));
        notLeader("min", () -> api.getMinOffset(address, queue, TIMEOUT_MILLIS));
        notLeader("search", () -> api.searchOffset(address, queue, 0L, TIMEOUT_MILLIS));
        notLeader("time", () -> api.getEarliestMsgStoretime(address, queue, TIMEOUT_MILLIS));
        notLeader("query", () -> api.queryConsumerOffset(address, query(run.group(), 1), TIMEOUT_MILLIS));
    }

    private interface Asking {
        void ask() throws Exception;
    }

    private void notLeader(String what, Asking asking) throws Exception {
        try {
            asking.ask();
        } catch (MQBrokerException refusal) {
            Run.same(501, refusal.getResponseCode(), what);
            run.emit("refused", "what", what, "remark", refusal.getErrorMessage());
            return;
        }
        throw new Run.Failure(what + " is answered by the former leader");
    }

    private QueryConsumerOffsetRequestHeader query(String group, int queueId) {
        QueryConsumerOffsetRequestHeader header = new QueryConsumerOffsetRequestHeader();
        header.setConsumerGroup(group);
        header.setTopic(topic);
        header.setQueueId(queueId);
        return header;
    }

    private void searchByTime(long between) throws Exception {
        run.emit("searched", "first", admin.searchOffset(queue(0), 0), "between", admin.searchOffset(queue(0), between),
            "later", admin.searchOffset(queue(0), System.currentTimeMillis()), "earliestIsBefore",
            admin.earliestMsgStoreTime(queue(0)) < between);
    }

    /** Both stretches by pulls: what each answers, the moment between them included. */
    private void pullAcross() throws Exception {
        DefaultMQPullConsumer consumer = clients.pullConsumer(run.group() + "-pull");
        consumer.fetchSubscribeMessageQueues(topic);
        for (long offset : new long[] {0, 5, EACH, EACH + 3, BLOCK, BLOCK + 5, BLOCK + EACH}) {
            PullResult result = consumer.pull(queue(2), "*", offset, 4);
            List<Long> found = new ArrayList<>();
            if (result.getMsgFoundList() != null) {
                result.getMsgFoundList().forEach(message -> found.add(message.getQueueOffset()));
            }
            run.emit("pulled", "offset", offset, "status", result.getPullStatus().toString(), "next",
                result.getNextBeginOffset(), "min", result.getMinOffset(), "max", result.getMaxOffset(), "found", found);
        }
    }

    /** Offsets are kept where their stretch is. */
    private void offsetsAcross(String leader) throws Exception {
        MQClientAPIImpl api = instance.getMQClientAPIImpl();
        String group = run.group() + "-offsets";
        Api.createGroup(admin, address(run.text("first")), group, 3);
        Api.createGroup(admin, address(leader), group, 3);
        try {
            api.queryConsumerOffset(address(leader), query(group, 0), TIMEOUT_MILLIS);
            throw new Run.Failure("an offset of a new group");
        } catch (org.apache.rocketmq.client.exception.OffsetNotFoundException none) {
            run.emit("refused", "what", "no offset", "remark", none.getErrorMessage());
        }
        for (long offset : new long[] {3, BLOCK, BLOCK + 5}) {
            UpdateConsumerOffsetRequestHeader header = new UpdateConsumerOffsetRequestHeader();
            header.setConsumerGroup(group);
            header.setTopic(topic);
            header.setQueueId(0);
            header.setCommitOffset(offset);
            api.updateConsumerOffset(address(leader), header, TIMEOUT_MILLIS);
            long kept = api.queryConsumerOffset(address(leader), query(group, 0), TIMEOUT_MILLIS);
            Run.same(offset, kept, "offset of the group");
        }
    }
}
