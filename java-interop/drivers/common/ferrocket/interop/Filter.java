package ferrocket.interop;

import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * SQL92 filters; {@code sql=} has {@code ~} for each blank. {@code filter-produce} sends {@code count=} messages numbered
 * from {@code from=} on in the property {@code i}; {@code filter-push} consumes by an expression until it is told to stop,
 * with {@code fail=true} each message only the second time; {@code filter-pull} pulls every queue to its end, each time
 * with the expression; {@code filter-refused} subscribes and expects the broker to refuse.
 */
final class Filter {
    private Filter() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("filter-produce", Filter::produce);
        scenarios.put("filter-push", Filter::push);
        scenarios.put("filter-pull", Filter::pull);
        scenarios.put("filter-refused", Filter::refused);
    }

    private static MessageSelector selector(Run run) {
        return MessageSelector.bySql(run.text("sql").replace('~', ' '));
    }

    private static void produce(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        int from = run.number("from", 0);
        for (int i = from; i < from + run.number("count", 10); i++) {
            Message message = new Message(run.topic(), i % 3 == 0 ? "third" : "other", "body".getBytes());
            message.putUserProperty("i", Integer.toString(i));
            message.putUserProperty("price", i + ".5");
            message.putUserProperty("name", i % 2 == 0 ? "it's even" : "odd");
            if (i % 4 == 0) {
                message.putUserProperty("rare", "TRUE");
            }
            if (i == from) {
                // Until the client has found its way; it may be sent twice.
                run.await("first message", () -> isSent(producer, message));
            } else {
                producer.send(message);
            }
        }
    }

    private static boolean isSent(DefaultMQProducer producer, Message message) {
        try {
            producer.send(message);
            return true;
        } catch (Exception notYet) {
            return false;
        }
    }

    private static void push(Run run) throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.subscribe(run.topic(), selector(run));
        Set<String> failed = ConcurrentHashMap.newKeySet();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                String number = message.getUserProperty("i");
                if (run.flag("fail") && failed.add(number)) {
                    context.setDelayLevelWhenNextConsume(1);
                    return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
                run.emit("message", "i", Integer.parseInt(number), "reconsumeTimes", message.getReconsumeTimes());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        run.emit("started");
        run.awaitCommand();
    }

    private static void pull(Run run) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer();
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(run.topic())) {
            long end = consumer.maxOffset(queue);
            long next = consumer.minOffset(queue);
            long begin = next;
            // Clients filter only where a heartbeat has told them of the broker's version.
            run.await("pull by an expression", () -> isPulled(run, consumer, queue, begin));
            while (next < end) {
                PullResult result = consumer.pull(queue, selector(run), next, 4);
                Run.require(result.getNextBeginOffset() > next, "no progress from " + next + ": " + result);
                Run.require(result.getPullStatus() != PullStatus.OFFSET_ILLEGAL, "illegal offset: " + result);
                if (result.getPullStatus() == PullStatus.FOUND) {
                    for (MessageExt message : result.getMsgFoundList()) {
                        run.emit("message", "i", Integer.parseInt(message.getUserProperty("i")), "reconsumeTimes", 0);
                    }
                }
                next = result.getNextBeginOffset();
            }
        }
    }

    private static boolean isPulled(Run run, DefaultMQPullConsumer consumer, MessageQueue queue, long from)
        throws Exception {
        try {
            consumer.pull(queue, selector(run), from, 1);
            return true;
        } catch (MQClientException notYet) {
            return false;
        }
    }

    private static void refused(Run run) throws Exception {
        run.await("a broker that is asked", () -> isDecided(run));
    }

    /** Starts a consumer, which has to fail; false when its client could not ask the broker. */
    private static boolean isDecided(Run run) throws Exception {
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("");
        consumer.subscribe(run.topic(), selector(run));
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) ->
            ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
        try {
            consumer.start();
        } catch (MQClientException refused) {
            if (refused.getResponseCode() < 0) {
                // The broker did not answer in time.
                consumer.shutdown();
                return false;
            }
            run.emit("refused", "code", refused.getResponseCode(), "message", refused.getErrorMessage());
            return true;
        }
        // A client that did not find the route in time starts without having asked.
        boolean isAsked = consumer.getDefaultMQPushConsumerImpl().getmQClientFactory()
            .findBrokerAddrByTopic(run.topic()) != null;
        Run.require(!isAsked, "the consumer started");
        consumer.shutdown();
        return false;
    }
}
