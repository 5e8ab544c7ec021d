package ferrocket.interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.AckCallback;
import org.apache.rocketmq.client.consumer.AckResult;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PopCallback;
import org.apache.rocketmq.client.consumer.PopResult;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.consumer.ReceiptHandle;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.header.AckMessageRequestHeader;
import org.apache.rocketmq.remoting.protocol.header.PopMessageRequestHeader;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Fills a broker's store with whatever RocketMQ keeps in its files: {@code what=} messages (every form a record has,
 * retries, dead letters, offsets, delays under way), addresses (a few more, for a broker of another address), pending
 * (timers, half messages, checkpoints of pops), batches (batch queues), light (light queues). {@code broker=} is its address.
 * What becomes due does so in topics named {@code due-…}, about a minute later.
 */
final class StoreFill {
    /** A topic with the prefix of retries is longer than 127 bytes, and its records have the second form. */
    private static final String LONG_GROUP = "long-" + "g".repeat(150);
    /** One minute. */
    private static final int DELAY_LEVEL = 5;

    private final Run run;
    private final DefaultMQProducer producer;
    private final DefaultMQAdminExt admin;
    private final String broker;

    private StoreFill(Run run) throws Exception {
        this.run = run;
        this.producer = new Clients(run).producer("store-producer");
        this.admin = new Clients(run).admin();
        this.broker = run.text("broker");
    }

    static void perform(Run run) throws Exception {
        StoreFill fill = new StoreFill(run);
        switch (run.text("what")) {
            case "messages":
                fill.messages();
                break;
            case "addresses":
                fill.addresses();
                break;
            case "pending":
                fill.pending();
                break;
            case "batches":
                fill.batches();
                break;
            case "light":
                fill.light();
                break;
            default:
                throw new Run.Failure("what= is unknown");
        }
    }

    private void messages() throws Exception {
        createTopic("plain", 4);
        createTopic("ordered", 1, "+message.type", "FIFO");
        for (int i = 0; i < 24; i++) {
            Message message = new Message("plain", i % 3 == 0 ? "" : "tag-" + i % 3, "key-" + i + " shared", text(i));
            message.putUserProperty("colour", i % 2 == 0 ? "rot" : "grün 绿");
            message.setFlag(i);
            send(message, i % 4);
        }
        for (CompressionType type : CompressionType.values()) {
            producer.setCompressType(type);
            producer.setCompressMsgBodyOverHowmuch(512);
            send(new Message("plain", "compressed", type.name(), "a text that repeats itself ".repeat(60).getBytes(StandardCharsets.UTF_8)), 0);
        }
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            batch.add(new Message("plain", "batched", "batched-" + i, text(100 + i)));
        }
        producer.send(batch, queue("plain", 1));
        for (int i = 0; i < 6; i++) {
            // Larger ones, so that files come to their ends.
            byte[] body = new byte[9_000];
            Arrays.fill(body, (byte) ('a' + i));
            producer.setCompressMsgBodyOverHowmuch(1 << 20);
            send(new Message("ordered", "", "large-" + i, body), 0);
        }
        retries();
        commitOffsets();
        for (int i = 0; i < 3; i++) {
            Message message = new Message("due-delay", "late", "late-" + i, text(200 + i));
            message.setDelayTimeLevel(DELAY_LEVEL);
            producer.send(message);
        }
    }

    private void addresses() throws Exception {
        createTopic("addresses", 1);
        for (int i = 0; i < 5; i++) {
            send(new Message("addresses", "", "address-" + i, text(300 + i)), 0);
        }
    }

    /** A message that failed once, of a group with a long name and one with a short; a dead letter. */
    private void retries() throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer("store-puller");
        MessageExt message = consumer.pull(queue("plain", 0), "*", 0, 1).getMsgFoundList().get(0);
        for (String group : new String[] {"store-group", LONG_GROUP}) {
            Api.createGroup(admin, broker, group, 3);
            consumer.sendMessageBack(message, 1, message.getBrokerName(), group);
        }
        consumer.sendMessageBack(message, -1, message.getBrokerName(), "store-group");
        for (String topic : new String[] {"%RETRY%store-group", "%RETRY%" + LONG_GROUP, "%DLQ%store-group"}) {
            MessageQueue queue = new MessageQueue(topic, message.getBrokerName(), 0);
            run.await("a message in " + topic, () -> {
                try {
                    return consumer.pull(queue, "*", 0, 1).getMsgFoundList() != null;
                } catch (Exception notYet) {
                    return false;
                }
            });
        }
    }

    private void commitOffsets() throws Exception {
        for (int id = 0; id < 4; id++) {
            admin.updateConsumeOffset(broker, "store-group", queue("plain", id), id + 2);
        }
        admin.updateConsumeOffset(broker, LONG_GROUP, queue("ordered", 0), 4);
    }

    private void pending() throws Exception {
        timers();
        halves();
        pops();
    }

    private void timers() throws Exception {
        long due = System.currentTimeMillis() + 60_000;
        for (int i = 0; i < 5; i++) {
            Message message = new Message("due-timer", "timed", "timed-" + i, text(400 + i));
            message.setDeliverTimeMs(due + i * 400L);
            producer.send(message);
        }
    }

    /** One transaction that was committed, one rolled back, three nobody has decided. */
    private void halves() throws Exception {
        TransactionMQProducer transactions = new TransactionMQProducer("store-transactions");
        transactions.setNamesrvAddr(run.text("namesrv"));
        transactions.setInstanceName("transactions-" + run.id);
        transactions.setTransactionListener(new Decisions());
        new Clients(run).start(transactions);
        createTopic("decided", 2);
        for (String decision : new String[] {"COMMIT_MESSAGE", "ROLLBACK_MESSAGE", "UNKNOW", "UNKNOW", "UNKNOW"}) {
            Message message = new Message("decided", decision, text(500));
            transactions.sendMessageInTransaction(message, LocalTransactionState.valueOf(decision));
        }
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer("store-puller");
        run.await("the committed message", () -> consumer.maxOffset(queue("decided", 0))
            + consumer.maxOffset(queue("decided", 1)) == 1);
    }

    private static final class Decisions implements TransactionListener {
        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object decision) {
            return (LocalTransactionState) decision;
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            return LocalTransactionState.UNKNOW;
        }
    }

    /** Four messages a group has popped and not yet handled, one of a fifth that it has. */
    private void pops() throws Exception {
        createTopic("popped", 1);
        for (int i = 0; i < 5; i++) {
            send(new Message("popped", "", "popped-" + i, text(600 + i)), 0);
        }
        Api.createGroup(admin, broker, "store-poppers", 3);
        MQClientAPIImpl api = admin.getDefaultMQAdminExtImpl().getMqClientInstance().getMQClientAPIImpl();
        PopMessageRequestHeader pop = new PopMessageRequestHeader();
        pop.setConsumerGroup("store-poppers");
        pop.setTopic("popped");
        pop.setQueueId(0);
        pop.setMaxMsgNums(5);
        pop.setInvisibleTime(60_000);
        pop.setPollTime(0);
        pop.setBornTime(System.currentTimeMillis());
        CompletableFuture<PopResult> popped = new CompletableFuture<>();
        String name = producer.fetchPublishMessageQueues("popped").get(0).getBrokerName();
        api.popMessageAsync(name, broker, pop, 10_000, new PopCallback() {
            @Override
            public void onSuccess(PopResult result) {
                popped.complete(result);
            }

            @Override
            public void onException(Throwable failure) {
                popped.completeExceptionally(failure);
            }
        });
        List<MessageExt> messages = popped.get(20, TimeUnit.SECONDS).getMsgFoundList();
        Run.same(5, messages.size(), "popped messages");
        ReceiptHandle handle = ReceiptHandle.decode(messages.get(0).getProperty(MessageConst.PROPERTY_POP_CK));
        AckMessageRequestHeader ack = new AckMessageRequestHeader();
        ack.setConsumerGroup("store-poppers");
        ack.setTopic("popped");
        ack.setQueueId(0);
        ack.setOffset(handle.getOffset());
        ack.setExtraInfo(messages.get(0).getProperty(MessageConst.PROPERTY_POP_CK));
        CompletableFuture<AckResult> acked = new CompletableFuture<>();
        api.ackMessageAsync(broker, 10_000, new AckCallback() {
            @Override
            public void onSuccess(AckResult result) {
                acked.complete(result);
            }

            @Override
            public void onException(Throwable failure) {
                acked.completeExceptionally(failure);
            }
        }, ack);
        acked.get(20, TimeUnit.SECONDS);
    }

    private void batches() throws Exception {
        createTopic("batches", 2, "+queue.type", "BatchCQ");
        for (int id = 0; id < 2; id++) {
            for (int i = 0; i < 3; i++) {
                send(new Message("batches", "single", "single-" + id + i, text(700 + i)), id);
                List<Message> batch = new ArrayList<>();
                for (int j = 0; j < 4; j++) {
                    batch.add(new Message("batches", "inner", "inner-" + id + i + j, text(800 + 10 * i + j)));
                }
                producer.send(batch, queue("batches", id));
            }
        }
    }

    private void light() throws Exception {
        createTopic("dispatched", 1);
        for (int i = 0; i < 6; i++) {
            Message message = new Message("dispatched", "", "light-" + i, text(900 + i));
            message.putUserProperty(MessageConst.PROPERTY_INNER_MULTI_DISPATCH, i % 2 == 0 ? "%LMQ%one,%LMQ%other" : "%LMQ%one");
            send(message, 0);
        }
    }

    private static byte[] text(int index) {
        return ("message " + index + ", für dich \uD83D\uDE80").getBytes(StandardCharsets.UTF_8);
    }

    private void send(Message message, int queueId) throws Exception {
        producer.send(message, queue(message.getTopic(), queueId));
    }

    private MessageQueue queue(String topic, int queueId) throws Exception {
        for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
            if (queue.getQueueId() == queueId) {
                return queue;
            }
        }
        throw new Run.Failure("no queue " + queueId + " of " + topic);
    }

    private void createTopic(String topic, int queues, String... attributes) throws Exception {
        TopicConfig config = new TopicConfig(topic, queues, queues);
        for (int i = 0; i < attributes.length; i += 2) {
            config.getAttributes().put(attributes[i], attributes[i + 1]);
        }
        admin.createAndUpdateTopicConfig(broker, config);
        run.await("a route to " + topic, () -> {
            try {
                return producer.fetchPublishMessageQueues(topic).size() == queues;
            } catch (Exception notYet) {
                return false;
            }
        });
    }
}
