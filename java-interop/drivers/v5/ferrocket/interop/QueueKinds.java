package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Queues that are not simple ones. {@code create-batch-topic} makes a topic with batch queues, {@code
 * produce-inner-batches} sends {@code count=} batches of one to five messages to queue 0, {@code produce-auto-batch}
 * lets the client make the batches; {@code produce-light} sends messages that name the light queues {@code lights=},
 * {@code wait-light} has a pull wait at one for a message, {@code commit-light} commits an offset in one. {@code
 * walk-queue} reads any queue from its smallest offset to its end, {@code topic=} being a light one if {@code parent=}
 * names the topic it is fed from.
 */
final class QueueKinds {
    private static final int PULL_COUNT = 32;

    private QueueKinds() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("create-batch-topic", QueueKinds::createBatchTopic);
        scenarios.put("produce-inner-batches", QueueKinds::innerBatches);
        scenarios.put("produce-auto-batch", QueueKinds::autoBatch);
        scenarios.put("produce-light", QueueKinds::produceLight);
        scenarios.put("wait-light", QueueKinds::waitLight);
        scenarios.put("commit-light", QueueKinds::commitLight);
        scenarios.put("walk-queue", QueueKinds::walk);
    }

    private static void createBatchTopic(Run run) throws Exception {
        createTopic(run, Map.of("+queue.type", "BatchCQ"));
    }

    /** Makes {@code topic=} with {@code queues=} queues and these attributes on every master. */
    static void createTopic(Run run, Map<String, String> attributes) throws Exception {
        DefaultMQAdminExt admin = new Clients(run).admin();
        for (var broker : admin.examineBrokerClusterInfo().getBrokerAddrTable().values()) {
            TopicConfig config = new TopicConfig(run.topic(), run.number("queues", 1), run.number("queues", 1));
            config.setAttributes(attributes);
            admin.createAndUpdateTopicConfig(broker.getBrokerAddrs().get(0L), config);
        }
        run.await("route", () -> {
            try {
                return !admin.examineTopicRouteInfo(run.topic()).getQueueDatas().isEmpty();
            } catch (Exception notYet) {
                return false;
            }
        });
    }

    private static void innerBatches(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        MessageQueue queue = queue(producer.fetchPublishMessageQueues(run.topic()), run.number("queue", 0));
        int number = 0;
        for (int i = 0; i < run.number("count", 1); i++) {
            List<Message> batch = new ArrayList<>();
            for (int j = 0; j <= i % 5; j++) {
                batch.add(message(run, number++));
            }
            SendResult result = producer.send(batch, queue);
            Run.same(SendStatus.SEND_OK, result.getSendStatus(), "status");
            run.emit("batch", "size", batch.size(), "queueOffset", result.getQueueOffset(), "msgId", result.getMsgId(),
                "offsetMsgId", result.getOffsetMsgId());
            Thread.sleep(run.number("pause", 0));
        }
        run.emit("result", "sent", number);
    }

    private static Message message(Run run, int number) {
        Message message = new Message(run.topic(), run.text("tags", null), run.text("keys", "k") + number,
            Messages.body(run, number));
        message.putUserProperty("number", Integer.toString(number));
        return message;
    }

    private static void autoBatch(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        producer.setAutoBatch(true);
        List<CompletableFuture<SendResult>> sends = new ArrayList<>();
        for (int i = 0; i < run.number("count", 20); i++) {
            Message message = message(run, i);
            sends.add(CompletableFuture.supplyAsync(() -> {
                try {
                    return producer.send(message);
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            }));
        }
        for (CompletableFuture<SendResult> send : sends) {
            SendResult result = send.get(run.timeoutMillis(), TimeUnit.MILLISECONDS);
            Run.same(SendStatus.SEND_OK, result.getSendStatus(), "status");
        }
        run.emit("result", "sent", sends.size());
    }

    private static void produceLight(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        for (int i = 0; i < run.number("count", 1); i++) {
            SendResult result = producer.send(lightMessage(run, i));
            run.emit("sent", "index", i, "queueId", result.getMessageQueue().getQueueId(), "queueOffset",
                result.getQueueOffset(), "msgId", result.getMsgId());
        }
    }

    private static Message lightMessage(Run run, int number) {
        Message message = message(run, number);
        message.putUserProperty(MessageConst.PROPERTY_INNER_MULTI_DISPATCH, run.text("lights"));
        return message;
    }

    private static void waitLight(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group() + "-producer");
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        MessageQueue queue = anyQueue(run, consumer, run.text("lights"), 0);
        long end = consumer.maxOffset(queue);
        CompletableFuture<PullResult> waiting = CompletableFuture.supplyAsync(() -> {
            try {
                return consumer.pullBlockIfNotFound(queue, "*", end, PULL_COUNT);
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        });
        Thread.sleep(run.number("settle", 500));
        Run.require(!waiting.isDone(), "the pull did not wait");
        long begin = System.nanoTime();
        producer.send(lightMessage(run, 0));
        PullResult result = waiting.get(run.timeoutMillis(), TimeUnit.MILLISECONDS);
        run.emit("woken", "millis", (System.nanoTime() - begin) / 1_000_000, "status", result.getPullStatus().name());
        Run.same(PullStatus.FOUND, result.getPullStatus(), "status");
    }

    /** {@code group=} is that of a light queue if its name is. */
    private static void commitLight(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        MessageQueue queue = anyQueue(run, consumer, run.topic(), 0);
        run.emit("committed", "before", consumer.fetchConsumeOffset(queue, true));
        if (run.has("offset")) {
            consumer.updateConsumeOffset(queue, run.number("offset", 0));
            consumer.getOffsetStore().persist(queue);
            run.await("commit", () -> consumer.fetchConsumeOffset(queue, true) == run.number("offset", 0));
        }
    }

    private static void walk(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        MessageQueue queue = anyQueue(run, consumer, run.topic(), run.number("queue", 0));
        long begin = consumer.minOffset(queue);
        long end = consumer.maxOffset(queue);
        List<MessageExt> received = new ArrayList<>();
        for (long next = begin; next < end; ) {
            PullResult result = consumer.pull(queue, run.text("tags", "*"), next, PULL_COUNT);
            if (result.getPullStatus() == PullStatus.FOUND) {
                received.addAll(result.getMsgFoundList());
            }
            Run.require(result.getNextBeginOffset() > next, "no progress at " + next + ": " + result);
            next = result.getNextBeginOffset();
        }
        received.forEach(message -> run.emit("message", Messages.received(message)));
        run.emit("queue", "minOffset", begin, "maxOffset", end);
        if (run.flag("search")) {
            for (MessageExt message : received) {
                long found = consumer.searchOffset(queue, message.getStoreTimestamp());
                run.emit("search", "queueOffset", message.getQueueOffset(), "storeTimestamp",
                    message.getStoreTimestamp(), "found", found);
            }
            run.emit("search-before-all", "found", consumer.searchOffset(queue, 1));
            run.emit("search-after-all", "found", consumer.searchOffset(queue, Long.MAX_VALUE / 2));
        }
    }

    /** The queue of a topic of whose parent the client knows the route. */
    private static MessageQueue anyQueue(Run run, DefaultMQPullConsumer consumer, String topic, int queueId)
        throws Exception {
        List<MessageQueue> known = new ArrayList<>(consumer.fetchSubscribeMessageQueues(run.text("parent", run.topic())));
        Run.require(!known.isEmpty(), "no route");
        // Asks for the route, by which the client then knows where its broker is.
        consumer.minOffset(known.get(0));
        return new MessageQueue(topic, known.get(0).getBrokerName(), queueId);
    }

    private static MessageQueue queue(List<MessageQueue> queues, int queueId) {
        return queues.stream().filter(queue -> queue.getQueueId() == queueId).findFirst()
            .orElseThrow(() -> new Run.Failure("topic has no queue " + queueId));
    }
}
