package ferrocket.interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * What a crash may not lose. {@code produce-acklog} sends numbered messages on {@code threads=} threads, each {@code pause=}
 * millis after its last one, through any restart of the broker, until the command {@code stop}, and prints {@code ack} for
 * each acknowledged one; the numbers of a send that failed are used up. {@code verify-log} reads every queue from its beginning and prints {@code seen} for each message.
 */
final class AckLog {
    private AckLog() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("produce-acklog", AckLog::produce);
        scenarios.put("verify-log", AckLog::verify);
    }

    private static void produce(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        AtomicLong numbers = new AtomicLong();
        AtomicLong failures = new AtomicLong();
        List<Thread> threads = new ArrayList<>();
        boolean[] stopping = new boolean[1];
        for (int t = 0; t < run.number("threads", 4); t++) {
            Thread thread = new Thread(() -> {
                while (!stopping[0]) {
                    sendNext(run, producer, numbers.incrementAndGet(), failures);
                    pause(run.number("pause", 0));
                }
            }, "acklog-" + t);
            thread.start();
            threads.add(thread);
        }
        while (!"stop".equals(run.nextCommand(1000))) {
            run.emit("progress", "sent", numbers.get(), "failed", failures.get());
        }
        stopping[0] = true;
        for (Thread thread : threads) {
            thread.join();
        }
        run.emit("result", "sent", numbers.get(), "failed", failures.get());
    }

    private static void sendNext(Run run, DefaultMQProducer producer, long number, AtomicLong failures) {
        byte[] text = (number + " ").getBytes(StandardCharsets.UTF_8);
        byte[] body = new byte[Math.max(text.length, run.number("size", 200))];
        java.util.Arrays.fill(body, (byte) '.');
        System.arraycopy(text, 0, body, 0, text.length);
        try {
            SendResult result = producer.send(new Message(run.topic(), body));
            if (result.getSendStatus() == SendStatus.SEND_OK) {
                run.emit("ack", "number", number, "queueId", result.getMessageQueue().getQueueId(), "queueOffset",
                    result.getQueueOffset(), "msgId", result.getMsgId());
                return;
            }
        } catch (Exception unacknowledged) {
            failures.incrementAndGet();
        }
        pause(20);
    }

    private static void pause(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException never) {
            Thread.currentThread().interrupt();
        }
    }

    private static void verify(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        long seen = 0;
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(run.topic())) {
            long next = consumer.minOffset(queue);
            long end = consumer.maxOffset(queue);
            while (next < end) {
                PullResult result = consumer.pull(queue, "*", next, 32);
                Run.require(result.getPullStatus() == PullStatus.FOUND, "pull at " + next + " of " + queue + " below "
                    + end + ": " + result.getPullStatus());
                for (MessageExt message : result.getMsgFoundList()) {
                    String text = new String(message.getBody(), StandardCharsets.UTF_8);
                    run.emit("seen", "number", Long.parseLong(text.substring(0, text.indexOf(' '))), "queueId",
                        message.getQueueId(), "queueOffset", message.getQueueOffset(), "msgId", message.getMsgId());
                    seen++;
                }
                next = result.getNextBeginOffset();
            }
        }
        run.emit("result", "seen", seen);
    }
}
