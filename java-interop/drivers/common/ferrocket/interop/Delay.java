package ferrocket.interop;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * One message for each delay level up to {@code levels=} (1 s, 5 s, 10 s, 30 s): prints {@code message} with
 * {@code lateMillis}, its distance from the moment it was due. Fails when one comes early.
 */
final class Delay {
    private static final long[] LEVEL_MILLIS = {0, 1_000, 5_000, 10_000, 30_000};

    private Delay() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("delay", Delay::perform);
    }

    private static void perform(Run run) throws Exception {
        int levels = run.number("levels", 2);
        BlockingQueue<MessageExt> received = new LinkedBlockingQueue<>();
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        producer.send(new Message(run.topic(), "creates-the-topic", Messages.body(run, 0)));
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        Set<Integer> warmed = ConcurrentHashMap.newKeySet();
        consumer.subscribe(run.topic(), "delayed || warm-up");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                if ("delayed".equals(message.getTags())) {
                    received.add(message);
                } else {
                    warmed.add(message.getQueueId());
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        // Until its first rebalance is over, a client may pull nothing for up to 20 seconds.
        List<MessageQueue> queues = producer.fetchPublishMessageQueues(run.topic());
        for (MessageQueue queue : queues) {
            producer.send(new Message(run.topic(), "warm-up", Messages.body(run, 0)), queue);
        }
        run.await("a message from every queue", () -> warmed.size() == queues.size());
        for (int level = levels; level >= 1; level--) {
            Message message = new Message(run.topic(), "delayed", Messages.body(run, level));
            message.setDelayTimeLevel(level);
            message.putUserProperty("level", Integer.toString(level));
            producer.send(message);
        }
        Set<Integer> levelsSeen = new TreeSet<>();
        while (levelsSeen.size() < levels) {
            MessageExt message = received.poll(run.timeoutMillis() + LEVEL_MILLIS[levels], TimeUnit.MILLISECONDS);
            Run.require(message != null, "of " + levels + " levels only " + levelsSeen + " came");
            Map<String, Object> fields = Messages.received(message);
            int level = Integer.parseInt(message.getUserProperty("level"));
            long late = System.currentTimeMillis() - message.getBornTimestamp() - LEVEL_MILLIS[level];
            fields.put("level", level);
            fields.put("lateMillis", late);
            run.emit("message", fields);
            // Not in the order of their levels when the machine was slow to send or to receive them.
            Run.require(levelsSeen.add(level), "level " + level + " came twice");
            Run.require(late >= 0, "level " + level + " came " + -late + " ms early");
        }
        run.emit("result", "received", levels);
    }
}
