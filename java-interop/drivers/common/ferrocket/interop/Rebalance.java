package ferrocket.interop;

import java.util.ArrayList;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/**
 * Two consumers of one group in one process: the first owns every queue, then both share them, then the second is shut
 * down and the first owns all again. {@code orderly=true} uses broker locks. Prints {@code step} with the millis each
 * change took; every message sent on the way is delivered.
 */
final class Rebalance {
    private final Run run;
    private final Map<String, AtomicInteger> deliveries = new ConcurrentHashMap<>();
    private final ArrayList<String> sent = new ArrayList<>();

    private Rebalance(Run run) {
        this.run = run;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("rebalance", run -> new Rebalance(run).perform());
    }

    private void perform() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        send(producer);
        int all = producer.fetchPublishMessageQueues(run.topic()).size();
        DefaultMQPushConsumer first = start("-a");
        step("one", () -> owned(first).size() == all);
        DefaultMQPushConsumer second = start("-b");
        step("two", () -> {
            TreeSet<Integer> union = owned(first);
            union.addAll(owned(second));
            return union.size() == all && owned(first).size() == all / 2 && owned(second).size() == all / 2;
        });
        send(producer);
        delivered();
        second.shutdown();
        step("left", () -> owned(first).size() == all);
        send(producer);
        delivered();
        long duplicates = deliveries.values().stream().filter(count -> count.get() > 1).count();
        run.emit("result", "queues", all, "sent", sent.size(), "duplicates", duplicates);
    }

    private DefaultMQPushConsumer start(String suffix) throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer(suffix);
        consumer.subscribe(run.topic(), "*");
        if (run.flag("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                messages.forEach(message -> seen(message.getMsgId()));
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                messages.forEach(message -> seen(message.getMsgId()));
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        return consumer;
    }

    private void seen(String msgId) {
        deliveries.computeIfAbsent(msgId, id -> new AtomicInteger()).incrementAndGet();
    }

    private TreeSet<Integer> owned(DefaultMQPushConsumer consumer) {
        return ConsumePush.assignment(consumer, run.topic());
    }

    private void step(String name, java.util.concurrent.Callable<Boolean> reached) throws Exception {
        long began = System.nanoTime();
        run.await("step " + name, reached);
        run.emit("step", "name", name, "millis", (System.nanoTime() - began) / 1_000_000);
    }

    private void send(DefaultMQProducer producer) throws Exception {
        for (int i = 0; i < run.number("count", 40); i++) {
            sent.add(producer.send(new Message(run.topic(), Messages.body(run, i))).getMsgId());
        }
    }

    private void delivered() throws Exception {
        run.await("delivery of everything sent", () -> deliveries.keySet().containsAll(sent));
    }
}
