package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * What an operator's program does: {@code admin-topic} creates a topic and a group and reads the route; {@code create-topic}
 * uses a producer's createTopic; {@code admin-stats} compares topic and consumer figures with what was sent;
 * {@code admin-reset} moves a running group back to its beginning.
 */
final class Admin {
    private Admin() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("admin-topic", Admin::topic);
        scenarios.put("create-topic", Admin::createTopic);
        scenarios.put("admin-stats", Admin::stats);
        scenarios.put("admin-reset", Admin::reset);
        scenarios.put("route", Admin::route);
    }

    /** Creates {@code topic=} with {@code read=} and {@code write=} queues and {@code perm=} on every master. */
    private static void topic(Run run) throws Exception {
        DefaultMQAdminExt admin = new Clients(run).admin();
        List<String> masters = masters(admin);
        Run.require(!masters.isEmpty(), "the cluster has no master");
        TopicConfig config = new TopicConfig(run.topic());
        config.setReadQueueNums(run.number("read", 3));
        config.setWriteQueueNums(run.number("write", 2));
        config.setPerm(run.number("perm", 6));
        for (String master : masters) {
            admin.createAndUpdateTopicConfig(master, config);
            Api.createGroup(admin, master, run.text("group", run.topic() + "-group"), run.number("retryMax", 5));
        }
        emitRoute(run, admin);
        run.emit("result", "masters", masters);
    }

    private static boolean isRouted(Run run, DefaultMQAdminExt admin) throws Exception {
        try {
            return !admin.examineTopicRouteInfo(run.topic()).getQueueDatas().isEmpty();
        } catch (MQClientException notYet) {
            return false;
        }
    }

    private static void createTopic(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        Api.createTopic(producer, run.text("key", "TBW102"), run.topic(), run.number("count", 6));
        DefaultMQAdminExt admin = new Clients(run).admin();
        emitRoute(run, admin);
    }

    private static void route(Run run) throws Exception {
        emitRoute(run, new Clients(run).admin());
    }

    private static void emitRoute(Run run, DefaultMQAdminExt admin) throws Exception {
        // Java's broker does not wait until a name server knows a topic that a message created.
        run.await("route", () -> isRouted(run, admin));
        var route = admin.examineTopicRouteInfo(run.topic());
        List<Object> queues = new ArrayList<>();
        for (var data : route.getQueueDatas()) {
            Map<String, Object> fields = new TreeMap<>();
            fields.put("brokerName", data.getBrokerName());
            fields.put("read", data.getReadQueueNums());
            fields.put("write", data.getWriteQueueNums());
            fields.put("perm", data.getPerm());
            queues.add(fields);
        }
        List<Object> brokers = new ArrayList<>();
        for (var data : route.getBrokerDatas()) {
            Map<String, Object> fields = new TreeMap<>();
            fields.put("brokerName", data.getBrokerName());
            fields.put("cluster", data.getCluster());
            fields.put("addresses", new TreeMap<>(data.getBrokerAddrs()));
            brokers.add(fields);
        }
        run.emit("route", "queues", queues, "brokers", brokers, "orderTopicConf", route.getOrderTopicConf());
    }

    private static List<String> masters(DefaultMQAdminExt admin) throws Exception {
        List<String> masters = new ArrayList<>();
        for (var broker : admin.examineBrokerClusterInfo().getBrokerAddrTable().values()) {
            masters.add(broker.getBrokerAddrs().get(0L));
        }
        return masters;
    }

    private static void stats(Run run) throws Exception {
        int count = run.number("count", 12);
        DefaultMQAdminExt admin = new Clients(run).admin();
        AtomicInteger received = new AtomicInteger();
        sendAll(run, count);
        DefaultMQPushConsumer consumer = consumer(run, received);
        run.await("consumption", () -> received.get() == count);
        long stored = 0;
        for (var queue : admin.examineTopicStats(run.topic()).getOffsetTable().entrySet()) {
            stored += queue.getValue().getMaxOffset() - queue.getValue().getMinOffset();
        }
        Run.same((long) count, stored, "messages by topic stats");
        consumer.getDefaultMQPushConsumerImpl().persistConsumerOffset();
        run.await("consumer progress", () -> {
            long consumed = 0;
            try {
                for (var queue : admin.examineConsumeStats(run.group()).getOffsetTable().entrySet()) {
                    if (queue.getKey().getTopic().equals(run.topic())) {
                        consumed += queue.getValue().getConsumerOffset();
                    }
                }
            } catch (MQClientException notYet) {
                // The name server may not know the retry topic yet, by whose route the group is found.
                return false;
            }
            return consumed == count;
        });
        var connections = admin.examineConsumerConnectionInfo(run.group());
        Run.same(1, connections.getConnectionSet().size(), "connections of the group");
        run.emit("result", "stored", stored, "model", connections.getMessageModel().toString(), "from",
            connections.getConsumeFromWhere().toString());
    }

    private static void reset(Run run) throws Exception {
        int count = run.number("count", 12);
        DefaultMQAdminExt admin = new Clients(run).admin();
        AtomicInteger received = new AtomicInteger();
        long begin = System.currentTimeMillis();
        sendAll(run, count);
        DefaultMQPushConsumer consumer = consumer(run, received);
        run.await("consumption", () -> received.get() == count);
        consumer.getDefaultMQPushConsumerImpl().persistConsumerOffset();
        Map<MessageQueue, Long> moved = admin.resetOffsetByTimestamp(run.topic(), run.group(), begin - 60_000, true);
        Map<Integer, Long> offsets = new TreeMap<>();
        moved.forEach((queue, queueOffset) -> offsets.put(queue.getQueueId(), queueOffset));
        run.emit("reset", "offsets", offsets);
        run.await("second consumption", () -> received.get() == 2 * count);
        run.emit("result", "received", received.get());
    }

    private static void sendAll(Run run, int count) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        for (int i = 0; i < count; i++) {
            producer.send(new Message(run.topic(), Messages.body(run, i)));
        }
    }

    private static DefaultMQPushConsumer consumer(Run run, AtomicInteger received) throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.subscribe(run.topic(), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            received.addAndGet(messages.size());
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        return consumer;
    }
}
