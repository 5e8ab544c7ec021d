package ferrocket.interop;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * All ways to send. Arguments: {@code count=}, {@code body=} and {@code size=} (see {@link Messages#body}), {@code tags=a,b}
 * (in turn), {@code keys=prefix}, {@code properties=true} (user properties), {@code delay=level}, {@code flag=},
 * {@code pause=} (millis between two), {@code queue=} (all into this one). Prints {@code sent} for each message, and
 * {@code result} with {@code acked}.
 */
final class Produce {
    private static final int LONG_VALUE_CHARS = 8_000;

    private final Run run;
    private final Map<String, Long> lastOffsets = new HashMap<>();
    private int acked;

    private Produce(Run run) {
        this.run = run;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("produce-sync", run -> new Produce(run).sync());
        scenarios.put("produce-async", run -> new Produce(run).async());
        scenarios.put("produce-oneway", run -> new Produce(run).oneway());
        scenarios.put("produce-selector", run -> new Produce(run).selector());
        scenarios.put("produce-batch", run -> new Produce(run).batch());
        scenarios.put("produce-refused", run -> new Produce(run).refused());
    }

    private void sync() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        for (int i = 0; i < run.number("count", 1); i++) {
            Message message = message(i);
            SendResult result;
            if (run.has("queue")) {
                result = producer.send(message, queue(producer, run.number("queue", 0)));
            } else {
                result = producer.send(message);
            }
            sent(i, message, result);
            Thread.sleep(run.number("pause", 0));
        }
        run.emit("result", "acked", acked);
    }

    private MessageQueue queue(DefaultMQProducer producer, int queueId) throws Exception {
        for (MessageQueue queue : producer.fetchPublishMessageQueues(run.topic())) {
            if (queue.getQueueId() == queueId) {
                return queue;
            }
        }
        throw new Run.Failure("topic has no queue " + queueId);
    }

    private void async() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        int count = run.number("count", 1);
        CountDownLatch open = new CountDownLatch(count);
        ConcurrentLinkedQueue<Throwable> errors = new ConcurrentLinkedQueue<>();
        SendResult[] results = new SendResult[count];
        Message[] messages = new Message[count];
        for (int i = 0; i < count; i++) {
            int index = i;
            messages[i] = message(i);
            producer.send(messages[i], new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    results[index] = result;
                    open.countDown();
                }

                @Override
                public void onException(Throwable error) {
                    errors.add(error);
                    open.countDown();
                }
            });
        }
        Run.require(open.await(run.timeoutMillis(), TimeUnit.MILLISECONDS), "callbacks missing: " + open.getCount());
        Run.require(errors.isEmpty(), "send failed: " + errors.peek());
        for (int i = 0; i < count; i++) {
            Run.require(results[i].getSendStatus() == SendStatus.SEND_OK, "status " + results[i]);
            acked++;
            emit(i, messages[i], results[i]);
        }
        run.emit("result", "acked", acked);
    }

    private void oneway() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        int count = run.number("count", 1);
        for (int i = 0; i < count; i++) {
            Message message = message(i);
            producer.sendOneway(message);
            emit(i, message, null);
        }
        // The frames may still be in the client's write buffer, which shutdown discards.
        run.await("the messages at the broker", () -> stored(producer) >= count);
        run.emit("result", "acked", 0);
    }

    /** How many messages the topic has, which the first of them creates. */
    private long stored(DefaultMQProducer producer) {
        try {
            long stored = 0;
            for (MessageQueue queue : producer.fetchPublishMessageQueues(run.topic())) {
                stored += producer.maxOffset(queue);
            }
            return stored;
        } catch (MQClientException notYet) {
            return 0;
        }
    }

    /** Message i belongs to key i modulo {@code selectorKeys=}, and a key's messages share a queue. */
    private void selector() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        int keys = run.number("selectorKeys", 10);
        Map<Integer, Integer> queues = new HashMap<>();
        for (int i = 0; i < run.number("count", 1); i++) {
            int key = i % keys;
            Message message = message(i);
            message.putUserProperty("key", Integer.toString(key));
            message.putUserProperty("step", Integer.toString(i / keys));
            SendResult result = producer.send(message,
                (available, target, argument) -> available.get((Integer) argument % available.size()), key);
            Integer before = queues.putIfAbsent(key, result.getMessageQueue().getQueueId());
            Run.require(before == null || before == result.getMessageQueue().getQueueId(), "key changed its queue");
            sent(i, message, result);
        }
        run.emit("result", "acked", acked, "queues", queues);
    }

    private void batch() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        int count = run.number("count", 1);
        int size = run.number("batch", 10);
        for (int from = 0; from < count; from += size) {
            List<Message> messages = new ArrayList<>();
            for (int i = from; i < Math.min(count, from + size); i++) {
                messages.add(message(i));
            }
            SendResult result = producer.send(messages);
            check(result, messages.size());
            for (int i = 0; i < messages.size(); i++) {
                emit(from + i, messages.get(i), result);
            }
            acked += messages.size();
        }
        run.emit("result", "acked", acked);
    }

    /** A send that must fail: prints the client's exception. {@code clientMax=} lifts the client's own limit. */
    private void refused() throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        Message message = message(0);
        try {
            SendResult result = producer.send(message);
            throw new Run.Failure("accepted: " + result);
        } catch (MQBrokerException refusal) {
            refused(refusal, refusal.getResponseCode(), refusal.getErrorMessage());
        } catch (MQClientException refusal) {
            refused(refusal, refusal.getResponseCode(), refusal.getErrorMessage());
        }
    }

    private void refused(Exception refusal, int code, String remark) {
        Throwable cause = refusal.getCause();
        if (cause instanceof MQBrokerException) {
            code = ((MQBrokerException) cause).getResponseCode();
            remark = ((MQBrokerException) cause).getErrorMessage();
        }
        run.emit("refused", "exception", refusal.getClass().getSimpleName(), "code", code, "remark", remark);
    }

    private Message message(int index) {
        Message message = new Message(run.topic(), Messages.body(run, index));
        if (run.has("tags")) {
            String[] tags = run.text("tags").split(",");
            message.setTags(tags[index % tags.length]);
        }
        if (run.has("keys")) {
            message.setKeys(run.text("keys") + index);
        }
        if (run.has("delay")) {
            message.setDelayTimeLevel(run.number("delay", 0));
        }
        message.setFlag(run.number("flag", 0));
        if (run.flag("properties")) {
            message.putUserProperty("index", Integer.toString(index));
            message.putUserProperty("blank", "a value with blanks = and ; signs");
            message.putUserProperty("unicode", "Straße 東京 \uD83D\uDE00");
            message.putUserProperty("long", "v".repeat(LONG_VALUE_CHARS));
            message.setBuyerId("buyer-" + index);
        }
        return message;
    }

    private void sent(int index, Message message, SendResult result) {
        check(result, 1);
        acked++;
        emit(index, message, result);
    }

    private void check(SendResult result, int messages) {
        Run.same(SendStatus.SEND_OK, result.getSendStatus(), "status");
        Run.same(messages, result.getMsgId().split(",").length, "message ids");
        Run.same(messages, result.getOffsetMsgId().split(",").length, "offset message ids");
        String topic = result.getMessageQueue().getTopic();
        Run.require(run.topic().equals(topic), "sent to topic " + topic);
        Run.require(result.getMessageQueue().getQueueId() >= 0, "queue id " + result.getMessageQueue());
        String queue = result.getMessageQueue().toString();
        Long before = lastOffsets.put(queue, result.getQueueOffset() + messages - 1);
        Run.require(before == null || result.getQueueOffset() > before,
            "offset of " + queue + " went from " + before + " to " + result.getQueueOffset());
    }

    private void emit(int index, Message message, SendResult result) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("index", index);
        fields.put("sentMillis", System.currentTimeMillis());
        fields.putAll(Messages.content(message));
        if (result != null) {
            fields.put("msgId", result.getMsgId());
            fields.put("offsetMsgId", result.getOffsetMsgId());
            fields.put("brokerName", result.getMessageQueue().getBrokerName());
            fields.put("queueId", result.getMessageQueue().getQueueId());
            fields.put("queueOffset", result.getQueueOffset());
            fields.put("regionId", result.getRegionId());
            fields.put("traceOn", result.isTraceOn());
        }
        run.emit("sent", fields);
    }
}
