package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Offsets by time with lower and upper boundary, on three batches of three messages, each batch with one store time.
 * Prints {@code search} with {@code place} and both offsets.
 */
final class Boundaries {
    private static final int BATCHES = 3;
    private static final int BATCH = 3;

    private Boundaries() {
    }

    static void perform(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        DefaultMQAdminExt admin = new Clients(run).admin();
        Api.createTopic(producer, "TBW102", run.topic(), 1);
        List<MessageQueue> queues = new ArrayList<>();
        run.await("route", () -> {
            queues.addAll(producer.fetchPublishMessageQueues(run.topic()));
            return !queues.isEmpty();
        });
        MessageQueue queue = queues.get(0);
        for (int i = 0; i < BATCHES; i++) {
            List<Message> batch = new ArrayList<>();
            for (int j = 0; j < BATCH; j++) {
                batch.add(new Message(run.topic(), Messages.body(run, j)));
            }
            producer.send(batch, queue);
            Thread.sleep(50);
        }
        List<MessageExt> stored = new ArrayList<>();
        run.await("messages readable", () -> {
            List<MessageExt> found = consumer.pull(queue, "*", 0, 32).getMsgFoundList();
            if (found != null && found.size() == BATCHES * BATCH) {
                stored.addAll(found);
            }
            return !stored.isEmpty();
        });
        for (int i = 0; i < BATCHES; i++) {
            long time = stored.get(i * BATCH).getStoreTimestamp();
            Run.same(time, stored.get(i * BATCH + BATCH - 1).getStoreTimestamp(), "store time within a batch");
            search(run, admin, queue, "before-" + i, time - 1);
            search(run, admin, queue, "at-" + i, time);
            search(run, admin, queue, "after-" + i, time + 1);
        }
    }

    private static void search(Run run, DefaultMQAdminExt admin, MessageQueue queue, String place, long time)
        throws Exception {
        run.emit("search", "place", place, "lower", admin.searchLowerBoundaryOffset(queue, time), "upper",
            admin.searchUpperBoundaryOffset(queue, time));
    }
}
