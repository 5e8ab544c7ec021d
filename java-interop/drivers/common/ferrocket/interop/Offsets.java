package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Looks up offsets in a topic of its own: smallest, largest, by time, and the time of the earliest message. Prints
 * {@code search} for each look-up. {@code offset-range} only prints smallest and largest of each queue, as {@code queue}.
 */
final class Offsets {
    private static final int COUNT = 5;

    private Offsets() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("offsets", Offsets::perform);
        scenarios.put("offset-range", Offsets::range);
    }

    private static void range(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(run.topic())) {
            run.emit("queue", "queueId", queue.getQueueId(), "minOffset", consumer.minOffset(queue), "maxOffset",
                consumer.maxOffset(queue));
        }
    }

    private static void perform(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        producer.send(new Message(run.topic(), Messages.body(run, 0)));
        MessageQueue queue = producer.fetchPublishMessageQueues(run.topic()).get(0);
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        long before = consumer.maxOffset(queue);
        for (int i = 0; i < COUNT; i++) {
            // No two messages of one millisecond: the first may be in this queue as well.
            Thread.sleep(30);
            producer.send(new Message(run.topic(), Messages.body(run, i)), queue);
        }
        run.await("messages in the queue", () -> consumer.maxOffset(queue) == before + COUNT);
        Run.same(0L, consumer.minOffset(queue), "min offset");
        List<MessageExt> stored = new ArrayList<>();
        run.await("messages readable", () -> {
            List<MessageExt> found = consumer.pull(queue, "*", 0, 32).getMsgFoundList();
            if (found != null && found.size() == before + COUNT) {
                stored.addAll(found);
            }
            return !stored.isEmpty();
        });
        Run.same(stored.get(0).getStoreTimestamp(), consumer.earliestMsgStoreTime(queue), "earliest store time");
        for (MessageExt message : stored) {
            search(run, consumer, queue, message.getStoreTimestamp(), message.getQueueOffset());
            search(run, consumer, queue, message.getStoreTimestamp() - 1, message.getQueueOffset());
        }
        long last = stored.get(stored.size() - 1).getStoreTimestamp();
        search(run, consumer, queue, stored.get(0).getStoreTimestamp() - 100_000, 0);
        search(run, consumer, queue, last + 1, before + COUNT);
        search(run, consumer, queue, last + 100_000, before + COUNT);
        run.emit("result", "maxOffset", before + COUNT);
    }

    private static void search(Run run, DefaultMQPullConsumer consumer, MessageQueue queue, long timestamp,
        long expected) throws Exception {
        long found = consumer.searchOffset(queue, timestamp);
        run.emit("search", "timestamp", timestamp, "found", found, "expected", expected);
        Run.same(expected, found, "offset at " + timestamp);
    }
}
