package ferrocket.interop;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;

/**
 * A push consumer waits; {@code count=} messages are sent {@code interval=} millis apart. Prints percentiles of the time
 * from before the send to the listener, in micros.
 */
final class Latency {
    /** Until every queue has been pulled from once and the code is compiled. */
    private static final long WARM_UP_MILLIS = 2_000;

    private Latency() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("longpoll-latency", Latency::perform);
    }

    private static void perform(Run run) throws Exception {
        int count = run.number("count", 100);
        List<Long> micros = Collections.synchronizedList(new ArrayList<>());
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        producer.send(new Message(run.topic(), stamp()));
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.subscribe(run.topic(), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            long now = System.nanoTime();
            messages.forEach(message -> micros.add((now - ByteBuffer.wrap(message.getBody()).getLong()) / 1000));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        run.await("first message", () -> !micros.isEmpty());
        int warmUp = 1;
        for (long begin = System.nanoTime(); System.nanoTime() - begin < WARM_UP_MILLIS * 1_000_000; warmUp++) {
            send(run, producer);
        }
        for (int i = 0; i < count; i++) {
            send(run, producer);
        }
        int sent = warmUp + count;
        run.await("all messages", () -> micros.size() == sent);
        List<Long> measured = new ArrayList<>(micros.subList(warmUp, micros.size()));
        Collections.sort(measured);
        run.emit("result", "count", count, "p50Micros", measured.get(count / 2), "p90Micros",
            measured.get(count * 90 / 100), "p99Micros", measured.get(count * 99 / 100), "maxMicros",
            measured.get(count - 1));
    }

    private static void send(Run run, DefaultMQProducer producer) throws Exception {
        Thread.sleep(run.number("interval", 10));
        producer.send(new Message(run.topic(), stamp()));
    }

    private static byte[] stamp() {
        return ByteBuffer.allocate(64).putLong(System.nanoTime()).array();
    }
}
