package ferrocket.interop;

import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Messages that fail. {@code retry}: {@code fails=} attempts are refused, the next succeeds. {@code dlq}: every attempt is
 * refused until {@code maxReconsumeTimes=}; then the message must lie in the dead-letter topic. {@code orderly=true} uses
 * an orderly consumer, {@code delayLevel=} asks for that delay (else the broker's progression 10 s, 30 s, …).
 * Prints {@code attempt} each time, {@code dead} for the dead letter.
 */
final class Retry {
    private final Run run;
    private final BlockingQueue<Map<String, Object>> attempts = new LinkedBlockingQueue<>();
    private final AtomicInteger failuresLeft = new AtomicInteger();

    private Retry(Run run) {
        this.run = run;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("retry", run -> new Retry(run).retry());
        scenarios.put("dlq", run -> new Retry(run).deadLetter());
    }

    private void retry() throws Exception {
        int fails = run.number("fails", 1);
        failuresLeft.set(fails);
        SendResult sent = sendOne();
        startConsumer();
        long before = 0;
        for (int attempt = 0; attempt <= fails; attempt++) {
            before = report(sent, attempt, before);
        }
        Map<String, Object> further = attempts.poll(run.number("settle", 1500), TimeUnit.MILLISECONDS);
        Run.require(further == null, "delivered again after success");
        run.emit("result", "attempts", fails + 1);
    }

    private void deadLetter() throws Exception {
        failuresLeft.set(Integer.MAX_VALUE);
        SendResult sent = sendOne();
        startConsumer();
        int max = run.number("maxReconsumeTimes", 1);
        long before = 0;
        for (int attempt = 0; attempt <= max; attempt++) {
            before = report(sent, attempt, before);
        }
        MessageExt dead = readDeadLetter();
        run.emit("dead", Messages.received(dead));
        Run.same(sent.getMsgId(), dead.getMsgId(), "message id of the dead letter");
        Run.require(attempts.isEmpty(), "delivered again after its last attempt");
        run.emit("result", "attempts", max + 1);
    }

    private void startConsumer() throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.subscribe(run.topic(), run.text("tags", "*"));
        if (run.flag("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                attempts.add(Messages.received(messages.get(0)));
                if (run.has("suspend")) {
                    context.setSuspendCurrentQueueTimeMillis(run.number("suspend", 1000));
                }
                return failuresLeft.getAndDecrement() > 0 ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT
                    : ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                attempts.add(Messages.received(messages.get(0)));
                context.setDelayLevelWhenNextConsume(run.number("delayLevel", 0));
                return failuresLeft.getAndDecrement() > 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER
                    : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
    }

    private SendResult sendOne() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        Message message = new Message(run.topic(), "doomed", "doomed-key", Messages.body(run, 0));
        message.putUserProperty("origin", "kept");
        return producer.send(message);
    }

    /** The listener described the message: an orderly consumer changes it between attempts. */
    private long report(SendResult sent, int attempt, long before) throws InterruptedException {
        Map<String, Object> fields = attempts.poll(run.timeoutMillis(), TimeUnit.MILLISECONDS);
        Run.require(fields != null, "attempt " + attempt + " did not come");
        long received = (Long) fields.get("receivedMillis");
        fields.put("attempt", attempt);
        fields.put("sincePreviousMillis", before == 0 ? 0 : received - before);
        run.emit("attempt", fields);
        Run.same(attempt, fields.get("reconsumeTimes"), "reconsumeTimes");
        Run.same(sent.getMsgId(), fields.get("msgId"), "message id");
        return received;
    }

    private MessageExt readDeadLetter() throws Exception {
        DefaultMQPullConsumer reader = new Clients(run).pullConsumer(run.group() + "-reader");
        String topic = "%DLQ%" + run.group();
        MessageExt[] found = new MessageExt[1];
        run.await("dead letter in " + topic, () -> {
            try {
                for (MessageQueue queue : reader.fetchSubscribeMessageQueues(topic)) {
                    PullResult result = reader.pull(queue, "*", 0, 32);
                    if (result.getMsgFoundList() != null) {
                        Run.same(1, result.getMsgFoundList().size(), "dead letters");
                        found[0] = result.getMsgFoundList().get(0);
                        return true;
                    }
                }
            } catch (org.apache.rocketmq.client.exception.MQClientException notYet) {
                Thread.sleep(200);
            }
            return false;
        });
        return found[0];
    }
}
