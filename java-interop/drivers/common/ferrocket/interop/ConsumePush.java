package ferrocket.interop;

import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.consumer.store.OffsetStore;
import org.apache.rocketmq.client.consumer.store.ReadOffsetType;
import org.apache.rocketmq.client.consumer.store.RemoteBrokerOffsetStore;
import org.apache.rocketmq.client.impl.consumer.DefaultMQPushConsumerImpl;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * A push consumer that succeeds at once. Arguments: {@code count=} messages to wait for within {@code timeout=}, then
 * {@code settle=} millis in which no further one may come; {@code tags=} expression, {@code from=} first, last, a
 * yyyyMMddHHmmss or {@code millis-} and millis since 1970; {@code hold=true} keeps it running until the command {@code stop}, whatever arrives, and prints
 * {@code assignment} whenever the queues it owns change; {@code started} is printed once it runs.
 */
final class ConsumePush {
    private final Run run;
    private final AtomicInteger received = new AtomicInteger();
    private final Map<String, Long> lastOffsets = new ConcurrentHashMap<>();
    /** The greatest offset received of each queue. */
    private final Map<Integer, Long> reached = new ConcurrentHashMap<>();
    private final Map<String, AtomicInteger> active = new ConcurrentHashMap<>();
    private volatile String violation;

    private ConsumePush(Run run) {
        this.run = run;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("consume-push-concurrent", run -> new ConsumePush(run).perform(false, false));
        scenarios.put("consume-push-orderly", run -> new ConsumePush(run).perform(true, false));
        scenarios.put("broadcast", run -> new ConsumePush(run).perform(false, true));
    }

    private void perform(boolean orderly, boolean broadcast) throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        Api.setBroadcasting(consumer, broadcast);
        consumer.subscribe(run.topic(), run.text("tags", "*"));
        if (orderly) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                inOrder(messages, context.getMessageQueue());
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(this::accept);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        run.emit("started", "clientId", consumer.buildMQClientId());
        if (run.flag("hold")) {
            hold(consumer);
        } else {
            waitForAll();
            if (!broadcast) {
                commit(consumer);
            }
        }
        Run.require(violation == null, violation);
        run.emit("result", "received", received.get());
    }

    private void accept(MessageExt message) {
        run.emit("message", Messages.received(message));
        reached.merge(message.getQueueId(), message.getQueueOffset(), Long::max);
        received.incrementAndGet();
    }

    /**
     * Waits until the broker has the offsets behind all that was received: whoever comes next goes on there. Shutdown
     * commits too, but waits for nothing, and the listener is told of a message before it counts as consumed.
     */
    private void commit(DefaultMQPushConsumer consumer) throws Exception {
        DefaultMQPushConsumerImpl inner = consumer.getDefaultMQPushConsumerImpl();
        // A store of its own: the consumer's would take what it reads for what was consumed.
        OffsetStore broker = new RemoteBrokerOffsetStore(inner.getmQClientFactory(), consumer.getConsumerGroup());
        run.await("offsets at the broker", () -> {
            inner.persistConsumerOffset();
            return inner.getRebalanceImpl().getProcessQueueTable().keySet().stream()
                .filter(queue -> !queue.getTopic().startsWith("%RETRY%"))
                .allMatch(queue -> broker.readOffset(queue, ReadOffsetType.READ_FROM_STORE)
                    > reached.getOrDefault(queue.getQueueId(), Long.MIN_VALUE));
        });
    }

    /** One thread a queue, and offsets only grow. */
    private void inOrder(List<MessageExt> messages, MessageQueue queue) {
        AtomicInteger inside = active.computeIfAbsent(queue.toString(), name -> new AtomicInteger());
        if (inside.incrementAndGet() != 1) {
            violation = "two threads consume " + queue;
        }
        for (MessageExt message : messages) {
            Long before = lastOffsets.put(queue.toString(), message.getQueueOffset());
            if (before != null && message.getQueueOffset() <= before) {
                violation = "offset of " + queue + " went from " + before + " to " + message.getQueueOffset();
            }
            accept(message);
        }
        inside.decrementAndGet();
    }

    private void waitForAll() throws Exception {
        int count = run.number("count", 1);
        try {
            run.await("message count", () -> received.get() >= count);
        } catch (Run.Failure late) {
            throw new Run.Failure("received " + received.get() + " of " + count + " messages");
        }
        Thread.sleep(run.number("settle", 500));
        Run.same(count, received.get(), "messages");
    }

    private void hold(DefaultMQPushConsumer consumer) throws Exception {
        TreeSet<Integer> before = null;
        while (true) {
            String command = run.nextCommand(20);
            if ("stop".equals(command)) {
                return;
            }
            TreeSet<Integer> queues = assignment(consumer, run.topic());
            if (!queues.equals(before)) {
                run.emit("assignment", "queues", queues, "millis", System.currentTimeMillis());
                before = queues;
            }
        }
    }

    /** The queues a consumer owns at this moment. */
    static TreeSet<Integer> assignment(DefaultMQPushConsumer consumer, String topic) {
        TreeSet<Integer> queues = new TreeSet<>();
        consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().forEach((queue, process) -> {
            if (queue.getTopic().equals(topic) && !process.isDropped()) {
                queues.add(queue.getQueueId());
            }
        });
        return queues;
    }
}
