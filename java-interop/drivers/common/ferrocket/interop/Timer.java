package ferrocket.interop;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Messages with a delivery time of their own.
 *
 * <p>{@code timer-send} sends one for each of {@code times=}, such as {@code sec-2000,ms-1500,at-2500}: how it is asked
 * for, and milliseconds from now; {@code on-1700000000000} is a moment. All of it {@code repeat=} times; prints {@code sent}
 * or {@code refused}. With {@code property=NAME:value} every message carries that property too.
 *
 * <p>{@code timer-receive} consumes {@code count=} of them, and {@code settle=} milliseconds longer, and prints
 * {@code message} with {@code lateMillis}.
 *
 * <p>{@code timer-accuracy} sends {@code count=} over the next {@code spread=} milliseconds and prints {@code accuracy}:
 * how late they came to a waiting consumer. Fails when one comes early, twice or not at all.
 */
final class Timer {
    private static final String DUE = "due";

    private Timer() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("timer-send", Timer::send);
        scenarios.put("timer-receive", Timer::receive);
        scenarios.put("timer-accuracy", Timer::accuracy);
        TimerApi.register(scenarios);
    }

    private static void send(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group());
        String keys = run.text("keys", "timer");
        int number = 0;
        for (int round = 0; round < run.number("repeat", 1); round++) {
            for (String time : run.text("times").split(",")) {
                String[] kindAndMillis = time.split("-", 2);
                Message message =
                    timed(run, kindAndMillis[0], Long.parseLong(kindAndMillis[1]), keys + "-" + number++);
                if (run.has("property")) {
                    String[] nameAndValue = run.text("property").split(":", 2);
                    TimerApi.setProperty(message, nameAndValue[0], nameAndValue[1]);
                }
                try {
                    SendResult result = sendPatiently(run, producer, message);
                    run.emit("sent", "keys", message.getKeys(), "msgId", result.getMsgId(), "status",
                        result.getSendStatus().name(), "due", Long.parseLong(message.getUserProperty(DUE)),
                        "queueId", result.getMessageQueue().getQueueId(), "recallHandle",
                        TimerApi.recallHandle(result));
                } catch (Exception refused) {
                    emitRefused(run, refused);
                }
            }
        }
    }

    /** A broker that has just started may not be found yet; what it refuses is refused. */
    private static SendResult sendPatiently(Run run, DefaultMQProducer producer, Message message) throws Exception {
        long deadline = System.currentTimeMillis() + run.timeoutMillis();
        while (true) {
            try {
                return producer.send(message);
            } catch (MQBrokerException refused) {
                throw refused;
            } catch (Exception unreachable) {
                if (System.currentTimeMillis() > deadline) {
                    throw unreachable;
                }
                Thread.sleep(50);
            }
        }
    }

    private static Message timed(Run run, String kind, long millis, String keys) {
        Message message = new Message(run.topic(), "timed", keys, Messages.body(run, keys.hashCode()));
        long due = "on".equals(kind) ? millis : System.currentTimeMillis() + millis;
        message.putUserProperty(DUE, Long.toString(due));
        boolean isDelay = "sec".equals(kind) || "ms".equals(kind);
        TimerApi.ask(message, isDelay ? kind : "at", isDelay ? millis : due);
        return message;
    }

    static void emitRefused(Run run, Exception refused) {
        int code = refused instanceof MQBrokerException ? ((MQBrokerException) refused).getResponseCode() : -1;
        run.emit("refused", "code", code, "reason", refused.getMessage());
    }

    private static void receive(Run run) throws Exception {
        BlockingQueue<MessageExt> received = new LinkedBlockingQueue<>();
        consumer(run, received, null);
        int count = run.number("count", 1);
        for (int i = 0; i < count; i++) {
            MessageExt message = received.poll(run.timeoutMillis(), TimeUnit.MILLISECONDS);
            Run.require(message != null, i + " of " + count + " came");
            emitMessage(run, message);
        }
        MessageExt message = received.poll(run.number("settle", 0), TimeUnit.MILLISECONDS);
        while (message != null) {
            emitMessage(run, message);
            message = received.poll(run.number("settle", 0), TimeUnit.MILLISECONDS);
        }
    }

    private static void emitMessage(Run run, MessageExt message) {
        Map<String, Object> fields = Messages.received(message);
        fields.put("lateMillis", late(message));
        run.emit("message", fields);
    }

    /** By the broker's clock when it stored the message for its consumers. */
    private static long late(MessageExt message) {
        return message.getStoreTimestamp() - Long.parseLong(message.getUserProperty(DUE));
    }

    private static void consumer(Run run, BlockingQueue<MessageExt> received, Set<Integer> warmed) throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.subscribe(run.topic(), "timed || warm-up");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                if ("timed".equals(message.getTags())) {
                    message.putUserProperty("received", Long.toString(System.currentTimeMillis()));
                    received.add(message);
                } else if (warmed != null) {
                    warmed.add(message.getQueueId());
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
    }

    private static void accuracy(Run run) throws Exception {
        int count = run.number("count", 1000);
        int spread = run.number("spread", 60_000);
        BlockingQueue<MessageExt> received = new LinkedBlockingQueue<>();
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        producer.send(new Message(run.topic(), "creates-the-topic", Messages.body(run, 0)));
        Set<Integer> warmed = ConcurrentHashMap.newKeySet();
        consumer(run, received, warmed);
        List<MessageQueue> queues = producer.fetchPublishMessageQueues(run.topic());
        for (MessageQueue queue : queues) {
            producer.send(new Message(run.topic(), "warm-up", Messages.body(run, 0)), queue);
        }
        run.await("a message from every queue", () -> warmed.size() == queues.size());
        Random random = new Random(run.number("seed", 1));
        long begin = System.currentTimeMillis() + 1000;
        for (int i = 0; i < count; i++) {
            long due = begin + random.nextInt(spread);
            producer.send(timed(run, "at", due - System.currentTimeMillis(), "t-" + i));
        }
        List<Long> late = new ArrayList<>();
        Set<String> keys = ConcurrentHashMap.newKeySet();
        for (int i = 0; i < count; i++) {
            MessageExt message = received.poll(run.timeoutMillis() + spread, TimeUnit.MILLISECONDS);
            Run.require(message != null, i + " of " + count + " came");
            Run.require(keys.add(message.getKeys()), message.getKeys() + " came twice");
            long at = Long.parseLong(message.getUserProperty("received"));
            late.add(at - Long.parseLong(message.getUserProperty(DUE)));
        }
        Run.require(received.poll(run.number("settle", 1500), TimeUnit.MILLISECONDS) == null, "one came twice");
        Collections.sort(late);
        long early = late.stream().filter(millis -> millis < 0).count();
        run.emit("accuracy", "count", count, "early", early, "p50", late.get(count / 2), "p99",
            late.get(count * 99 / 100), "max", late.get(count - 1));
        Run.same(0L, early, "early messages");
    }
}
