package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Consumers that ask: {@code consume-pull} walks every queue from its smallest offset to its end and beyond, and
 * {@code consume-litepull} with {@code mode=} subscribe or assign. {@code count=} messages are expected.
 */
final class ConsumePull {
    private static final int PULL_COUNT = 32;

    private ConsumePull() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("consume-pull", ConsumePull::pull);
        scenarios.put("consume-litepull", ConsumePull::litePull);
    }

    private static void pull(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        int received = 0;
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(run.topic())) {
            received += drain(run, consumer, queue);
        }
        Run.same(run.number("count", received), received, "messages");
        run.emit("result", "received", received);
    }

    private static int drain(Run run, DefaultMQPullConsumer consumer, MessageQueue queue) throws Exception {
        long begin = consumer.minOffset(queue);
        long end = consumer.maxOffset(queue);
        int received = 0;
        long next = begin;
        while (true) {
            PullResult result = consumer.pull(queue, run.text("tags", "*"), next, PULL_COUNT);
            if (result.getPullStatus() == PullStatus.FOUND) {
                for (MessageExt message : result.getMsgFoundList()) {
                    run.emit("message", Messages.received(message));
                    received++;
                }
            }
            Run.same(begin, result.getMinOffset(), "min offset of the reply");
            Run.require(result.getMaxOffset() >= end, "max offset of the reply " + result.getMaxOffset());
            next = result.getNextBeginOffset();
            if (result.getPullStatus() == PullStatus.NO_NEW_MSG) {
                break;
            }
            Run.require(result.getPullStatus() != PullStatus.OFFSET_ILLEGAL, "offset illegal at " + next);
        }
        Run.require(next >= end, "stopped at " + next + " before " + end);
        consumer.updateConsumeOffset(queue, next);
        consumer.getOffsetStore().persist(queue);
        long committed = next;
        run.await("committed offset", () -> consumer.fetchConsumeOffset(queue, true) == committed);
        PullResult beyond = consumer.pull(queue, "*", next + 1000, PULL_COUNT);
        run.emit("queue", "queueId", queue.getQueueId(), "minOffset", begin, "maxOffset", end,
            "beyondStatus", beyond.getPullStatus().name(), "beyondNext", beyond.getNextBeginOffset());
        return received;
    }

    private static void litePull(Run run) throws Exception {
        DefaultLitePullConsumer consumer = new Clients(run).litePullConsumer();
        boolean assign = "assign".equals(run.text("mode", "subscribe"));
        if (!assign) {
            consumer.subscribe(run.topic(), run.text("tags", "*"));
        }
        consumer.setAutoCommit(false);
        consumer.start();
        if (assign) {
            // No seek here: one that meets the first pulls interrupts the thread that last served its queue, and if
            // that thread just delivers another queue's messages, the client loses them.
            List<MessageQueue> queues = new ArrayList<>();
            run.await("route", () -> {
                try {
                    return queues.addAll(consumer.fetchMessageQueues(run.topic()));
                } catch (MQClientException notYet) {
                    return false;
                }
            });
            consumer.assign(queues);
        }
        int count = run.number("count", 1);
        List<MessageExt> received = new ArrayList<>();
        long deadline = System.currentTimeMillis() + run.timeoutMillis();
        while (received.size() < count && System.currentTimeMillis() < deadline) {
            received.addAll(poll(run, consumer, 1000));
        }
        Run.same(count, received.size(), "messages");
        Run.same(0, poll(run, consumer, run.number("settle", 500)).size(), "further messages");
        consumer.commitSync();
        commitIsStored(run, consumer, received);
        rereads(run, consumer, received);
        run.emit("result", "received", received.size());
    }

    private static List<MessageExt> poll(Run run, DefaultLitePullConsumer consumer, long timeoutMillis) {
        List<MessageExt> messages = consumer.poll(timeoutMillis);
        messages.forEach(message -> run.emit("message", Messages.received(message)));
        return messages;
    }

    private static void commitIsStored(Run run, DefaultLitePullConsumer consumer, List<MessageExt> received)
        throws Exception {
        TreeSet<Integer> queueIds = new TreeSet<>();
        received.forEach(message -> queueIds.add(message.getQueueId()));
        for (MessageQueue queue : consumer.fetchMessageQueues(run.topic())) {
            if (queueIds.contains(queue.getQueueId())) {
                long last = received.stream().filter(m -> m.getQueueId() == queue.getQueueId())
                    .mapToLong(MessageExt::getQueueOffset).max().orElse(-1);
                run.await("commit of " + queue, () -> consumer.committed(queue) == last + 1);
            }
        }
    }

    /** Seeking back to the first message delivers it again, and every later one of its queue. */
    private static void rereads(Run run, DefaultLitePullConsumer consumer, List<MessageExt> received) throws Exception {
        MessageExt first = received.get(0);
        for (MessageQueue queue : consumer.fetchMessageQueues(run.topic())) {
            if (queue.getQueueId() == first.getQueueId()) {
                consumer.seek(queue, first.getQueueOffset());
            }
        }
        long deadline = System.currentTimeMillis() + run.timeoutMillis();
        while (System.currentTimeMillis() < deadline) {
            for (MessageExt again : consumer.poll(500)) {
                if (again.getQueueId() == first.getQueueId() && again.getQueueOffset() == first.getQueueOffset()) {
                    Run.same(first.getMsgId(), again.getMsgId(), "message read again");
                    return;
                }
            }
        }
        throw new Run.Failure("seek did not bring the first message back");
    }
}
