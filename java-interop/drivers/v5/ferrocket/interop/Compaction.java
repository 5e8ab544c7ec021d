package ferrocket.interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.admin.ConsumeStats;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Topics of which the newest message of each key stays. {@code create-compacted-topic} makes one, {@code
 * produce-keyed} sends {@code count=} messages to queue 0, from number {@code first=} on, with {@code keys=} keys in
 * turn; {@code refused-without-key} sends one without. {@code wait-compacted} reads the queue until it has no message
 * before {@code until=} but those at {@code offsets=}; {@code compacted-answers} asks everything else about it.
 */
final class Compaction {
    private static final int PULL_COUNT = 32;

    private Compaction() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("create-compacted-topic", Compaction::create);
        scenarios.put("produce-keyed", Compaction::produce);
        scenarios.put("refused-without-key", Compaction::refused);
        scenarios.put("wait-compacted", Compaction::waitFor);
        scenarios.put("compacted-answers", Compaction::answers);
    }

    private static void create(Run run) throws Exception {
        QueueKinds.createTopic(run, Map.of("+cleanup.policy", "COMPACTION"));
    }

    private static void produce(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        MessageQueue queue = producer.fetchPublishMessageQueues(run.topic()).get(0);
        int first = run.number("first", 0);
        for (int number = first; number < first + run.number("count", 1); number++) {
            SendResult result = producer.send(message(run, number), queue);
            Run.same(SendStatus.SEND_OK, result.getSendStatus(), "status");
            Run.same((long) number, result.getQueueOffset(), "queue offset");
        }
    }

    private static Message message(Run run, int number) {
        String key = "k" + number % run.number("keys", 1);
        return new Message(run.topic(), "tag" + number % 2, key, ("message " + number).getBytes(StandardCharsets.UTF_8));
    }

    private static void refused(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        for (String keys : new String[] {null, " "}) {
            Message message = new Message(run.topic(), "body".getBytes(StandardCharsets.UTF_8));
            if (keys != null) {
                message.putUserProperty("x", "y");
                message.getProperties().put("KEYS", keys);
            }
            try {
                producer.send(message);
                throw new Run.Failure("taken without a key");
            } catch (MQBrokerException refused) {
                run.emit("refused", "code", refused.getResponseCode(), "remark", refused.getErrorMessage());
            }
        }
    }

    private static void waitFor(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        MessageQueue queue = queue(run, consumer);
        List<Long> expected = new ArrayList<>();
        for (String offset : run.text("offsets").split(",")) {
            expected.add(Long.parseLong(offset));
        }
        run.await("compaction to " + expected, () -> {
            List<Long> seen = new ArrayList<>();
            for (MessageExt message : readAll(consumer, queue)) {
                String number = Long.toString(message.getQueueOffset());
                Run.same("message " + number, new String(message.getBody(), StandardCharsets.UTF_8), "body");
                if (message.getQueueOffset() < run.number("until", Integer.MAX_VALUE)) {
                    seen.add(message.getQueueOffset());
                }
            }
            run.emit("looked", "offsets", seen.toString());
            Thread.sleep(100);
            return seen.equals(expected);
        });
        for (MessageExt message : readAll(consumer, queue)) {
            run.emit("message", Messages.received(message));
        }
    }

    private static List<MessageExt> readAll(DefaultMQPullConsumer consumer, MessageQueue queue) throws Exception {
        List<MessageExt> messages = new ArrayList<>();
        long next = 0;
        while (true) {
            PullResult result = consumer.pull(queue, "*", next, PULL_COUNT);
            if (result.getPullStatus() != PullStatus.FOUND) {
                return messages;
            }
            messages.addAll(result.getMsgFoundList());
            Run.require(result.getNextBeginOffset() > next, "no progress at " + next + ": " + result);
            next = result.getNextBeginOffset();
        }
    }

    private static void answers(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        DefaultMQAdminExt admin = new Clients(run).admin();
        MessageQueue queue = queue(run, consumer);
        for (String offset : run.text("pull").split(",")) {
            emitPull(run, "pull-" + offset, consumer.pull(queue, "*", Long.parseLong(offset), PULL_COUNT));
        }
        emitPull(run, "pull-few", consumer.pull(queue, "*", 0, 3));
        emitPull(run, "pull-tag", consumer.pull(queue, "tag1", 0, PULL_COUNT));
        run.emit("answer", "to", "min", "is", consumer.minOffset(queue));
        run.emit("answer", "to", "max", "is", consumer.maxOffset(queue));
        run.emit("answer", "to", "search-0", "is", consumer.searchOffset(queue, 0));
        run.emit("answer", "to", "search-end", "is", consumer.searchOffset(queue, Long.MAX_VALUE / 2));
        for (MessageExt message : readAll(consumer, queue)) {
            long found = consumer.searchOffset(queue, message.getStoreTimestamp());
            Run.require(found <= message.getQueueOffset(), "searched " + message + ", found " + found);
        }
        for (String key : new String[] {"k0", "k1"}) {
            TreeSet<Long> offsets = new TreeSet<>();
            for (MessageExt message : admin.queryMessage(run.topic(), key, 64, 0, Long.MAX_VALUE).getMessageList()) {
                offsets.add(message.getQueueOffset());
            }
            run.emit("answer", "to", "query-" + key, "is", offsets.toString());
        }
        admin.examineTopicStats(run.topic()).getOffsetTable().forEach((of, offset) ->
            run.emit("answer", "to", "stats-" + of.getQueueId(), "is",
                offset.getMinOffset() + ".." + offset.getMaxOffset()));
        emitProgress(run, admin);
    }

    private static void emitProgress(Run run, DefaultMQAdminExt admin) throws Exception {
        if (run.has("consumed")) {
            ConsumeStats stats = admin.examineConsumeStats(run.text("consumed"));
            Map<String, Object> progress = new TreeMap<>();
            stats.getOffsetTable().forEach((of, offset) -> {
                if (of.getTopic().equals(run.topic())) {
                    progress.put(Integer.toString(of.getQueueId()),
                        offset.getConsumerOffset() + " of " + offset.getBrokerOffset());
                }
            });
            run.emit("answer", "to", "progress", "is", progress.toString());
        }
    }

    private static void emitPull(Run run, String name, PullResult result) {
        List<Long> offsets = new ArrayList<>();
        if (result.getMsgFoundList() != null) {
            result.getMsgFoundList().forEach(message -> offsets.add(message.getQueueOffset()));
        }
        run.emit("answer", "to", name, "is", result.getPullStatus() + " " + offsets + " next "
            + result.getNextBeginOffset() + " in " + result.getMinOffset() + ".." + result.getMaxOffset());
    }

    private static MessageQueue queue(Run run, DefaultMQPullConsumer consumer) throws Exception {
        return consumer.fetchSubscribeMessageQueues(run.topic()).stream()
            .filter(queue -> queue.getQueueId() == run.number("queue", 0)).findFirst()
            .orElseThrow(() -> new Run.Failure("no such queue"));
    }
}
