package ferrocket.interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.exception.RemotingException;

/**
 * Transactions. {@code transaction} sends one message for each word of {@code plan=} (separated by commas) and goes on until the
 * command {@code stop}; a word is a letter for the local transaction and one for each check, the last one repeated: c
 * commit, r rollback, u unknown, w and x unknown until the command {@code decide} or {@code decide:<key>}, then commit
 * and rollback. {@code immune=} seconds before the first check, {@code delay=} level and
 * {@code properties=true} are put on every message, {@code silent=true} sends nothing and only answers checks, from the
 * plan in the message's keys. Prints {@code sent} and {@code checked}.
 *
 * <p>{@code transaction-ledger} decides {@code count=} numbered transactions on {@code threads=} threads through any restart of
 * the broker, {@code unknown=} percent of them not until they are checked, and then reads the topic until every committed
 * one is there. It prints {@code progress} and at last {@code result} with the numbers of {@code lost}, {@code doubled} and
 * {@code wrong} ones.
 */
final class Transactions {
    /** Short, so that a broker that is killed at some point is killed near it. */
    private static final int PROGRESS_MILLIS = 20;

    private final Run run;

    private Transactions(Run run) {
        this.run = run;
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("transaction", run -> new Transactions(run).decide());
        scenarios.put("transaction-ledger", run -> new Transactions(run).keepLedger());
    }

    private TransactionMQProducer producer(TransactionListener listener) throws Exception {
        TransactionMQProducer producer = new TransactionMQProducer(run.text("group", "producer"));
        new Clients(run).configure(producer, "");
        producer.setRetryTimesWhenSendFailed(run.number("retries", 2));
        producer.setTransactionListener(listener);
        new Clients(run).start(producer);
        return producer;
    }

    private static LocalTransactionState state(char letter) {
        switch (letter) {
            case 'c':
                return LocalTransactionState.COMMIT_MESSAGE;
            case 'r':
                return LocalTransactionState.ROLLBACK_MESSAGE;
            default:
                return LocalTransactionState.UNKNOW;
        }
    }

    private void decide() throws Exception {
        Map<String, AtomicInteger> checks = new ConcurrentHashMap<>();
        Set<String> released = ConcurrentHashMap.newKeySet();
        TransactionMQProducer producer = producer(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                return state(message.getUserProperty("plan").charAt(0));
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                String plan = message.getUserProperty("plan");
                int check = checks.computeIfAbsent(message.getKeys(), key -> new AtomicInteger()).incrementAndGet();
                Map<String, Object> fields = Messages.received(message);
                fields.put("transactionId", message.getTransactionId());
                fields.put("check", check);
                run.emit("checked", fields);
                char letter = plan.charAt(Math.min(check, plan.length() - 1));
                boolean isReleased = released.contains("") || released.contains(message.getKeys());
                return state(isReleased && letter == 'w' ? 'c' : isReleased && letter == 'x' ? 'r' : letter);
            }
        });
        if (!run.flag("silent")) {
            String[] plans = run.text("plan").split(",");
            for (int index = 0; index < plans.length; index++) {
                send(producer, index, plans[index]);
            }
        }
        run.emit("started");
        String command = null;
        while (!"stop".equals(command)) {
            // Checks are answered meanwhile.
            command = run.nextCommand(1000);
            if (command != null && command.startsWith("decide")) {
                released.add(command.substring(Math.min(command.length(), "decide:".length())));
            }
        }
    }

    private void send(TransactionMQProducer producer, int index, String plan) throws Exception {
        Message message = new Message(run.topic(), run.text("tags", "TagT"), run.text("keys", "k") + "-" + index,
            Messages.body(run, index));
        message.putUserProperty("plan", plan);
        if (run.has("immune")) {
            message.putUserProperty("CHECK_IMMUNITY_TIME_IN_SECONDS", run.text("immune"));
        }
        if (run.has("delay")) {
            message.setDelayTimeLevel(run.number("delay", 1));
        }
        if (run.flag("properties")) {
            message.putUserProperty("colour", "grün");
            message.setFlag(5);
        }
        TransactionSendResult result = transact(producer, message);
        Map<String, Object> fields = new LinkedHashMap<>(Messages.content(message));
        fields.put("status", result.getSendStatus().name());
        fields.put("state", result.getLocalTransactionState().name());
        fields.put("msgId", result.getMsgId());
        fields.put("offsetMsgId", result.getOffsetMsgId());
        fields.put("transactionId", result.getTransactionId());
        fields.put("queueId", result.getMessageQueue().getQueueId());
        fields.put("queueOffset", result.getQueueOffset());
        run.emit("sent", fields);
    }

    /** On a busy machine a new client may not find its route in time: then nothing was sent, and it tries again. */
    private TransactionSendResult transact(TransactionMQProducer producer, Message message) throws Exception {
        long deadline = System.currentTimeMillis() + run.timeoutMillis();
        while (true) {
            try {
                return producer.sendMessageInTransaction(message, null);
            } catch (MQClientException failure) {
                Throwable cause = failure.getCause();
                boolean noRoute = cause instanceof IllegalStateException || String.valueOf(cause).contains("No route info");
                if (!noRoute || System.currentTimeMillis() > deadline) {
                    throw failure;
                }
                Thread.sleep(200);
            }
        }
    }

    /** What became of a numbered transaction here, whatever the broker knows of it. */
    private enum Local {
        /** Its local transaction was not carried out: its send failed, or is under way. */
        NONE,
        COMMIT,
        ROLLBACK
    }

    private void keepLedger() throws Exception {
        int count = run.number("count", 1000);
        int unknown = run.number("unknown", 10);
        Local[] ledger = new Local[count];
        Set<Integer> checked = ConcurrentHashMap.newKeySet();
        AtomicLong failed = new AtomicLong();
        AtomicInteger next = new AtomicInteger();
        TransactionMQProducer producer = producer(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
                int number = (Integer) argument;
                Local local = number % 5 == 4 ? Local.ROLLBACK : Local.COMMIT;
                synchronized (ledger) {
                    ledger[number] = local;
                }
                return number % 100 < unknown ? LocalTransactionState.UNKNOW : answer(local);
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                int number = number(message);
                checked.add(number);
                synchronized (ledger) {
                    return answer(ledger[number]);
                }
            }
        });
        producer.setSendMsgTimeout(run.number("sendTimeout", 2000));
        // Were the client to repeat a send whose answer a kill took, there would be two half messages of one number, and
        // both would be committed: one by the client, one by a check.
        producer.setRetryTimesWhenSendFailed(0);
        List<Thread> threads = new ArrayList<>();
        long begin = System.nanoTime();
        for (int t = 0; t < run.number("threads", 16); t++) {
            Thread thread = new Thread(() -> {
                for (int number = next.getAndIncrement(); number < count; number = next.getAndIncrement()) {
                    transact(producer, number, failed);
                }
            }, "ledger-" + t);
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            while (thread.isAlive()) {
                thread.join(PROGRESS_MILLIS);
                run.emit("progress", "begun", Math.min(next.get(), count), "failed", failed.get());
            }
        }
        double seconds = (System.nanoTime() - begin) / 1e9;
        run.emit("sent", "count", count, "failed", failed.get(), "perSecond", Math.round(count / seconds));
        Map<String, Object> result = verify(ledger);
        result.put("failed", failed.get());
        result.put("checked", checked.size());
        run.emit("result", result);
    }

    private static LocalTransactionState answer(Local local) {
        return local == Local.COMMIT ? LocalTransactionState.COMMIT_MESSAGE : LocalTransactionState.ROLLBACK_MESSAGE;
    }

    private void transact(TransactionMQProducer producer, int number, AtomicLong failed) {
        byte[] text = (number + " ").getBytes(StandardCharsets.UTF_8);
        byte[] body = new byte[Math.max(text.length, run.number("size", 200))];
        java.util.Arrays.fill(body, (byte) '.');
        System.arraycopy(text, 0, body, 0, text.length);
        try {
            TransactionSendResult sent = producer.sendMessageInTransaction(new Message(run.topic(), body), number);
            if (sent.getSendStatus() != SendStatus.SEND_OK) {
                failed.incrementAndGet();
            }
        } catch (Exception unacknowledged) {
            // Its half message may be there all the same: a check of it is answered with a rollback.
            failed.incrementAndGet();
            try {
                Thread.sleep(50);
            } catch (InterruptedException never) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static int number(MessageExt message) {
        String text = new String(message.getBody(), StandardCharsets.UTF_8);
        return Integer.parseInt(text.substring(0, text.indexOf(' ')));
    }

    private Map<String, Object> verify(Local[] ledger) throws Exception {
        DefaultMQPullConsumer consumer = new Clients(run).pullConsumer("ledger-reader");
        BitSet seen = new BitSet();
        AtomicInteger doubled = new AtomicInteger();
        AtomicInteger wrong = new AtomicInteger();
        Map<MessageQueue, Long> positions = new HashMap<>();
        int expected = 0;
        for (Local local : ledger) {
            expected += local == Local.COMMIT ? 1 : 0;
        }
        long deadline = System.currentTimeMillis() + run.timeoutMillis();
        while (seen.cardinality() < expected && System.currentTimeMillis() < deadline) {
            try {
                read(consumer, positions, ledger, seen, doubled, wrong);
            } catch (MQClientException | RemotingException away) {
                // The last kill may come when everything is sent: the broker is back soon.
                run.emit("waiting", "reason", String.valueOf(away.getMessage()));
            }
            Thread.sleep(100);
        }
        Thread.sleep(run.number("settle", 3000));
        read(consumer, positions, ledger, seen, doubled, wrong);
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("committed", expected);
        result.put("delivered", seen.cardinality());
        result.put("lost", expected - (seen.cardinality() - wrong.get()));
        result.put("doubled", doubled.get());
        result.put("wrong", wrong.get());
        return result;
    }

    private void read(DefaultMQPullConsumer consumer, Map<MessageQueue, Long> positions, Local[] ledger, BitSet seen,
        AtomicInteger doubled, AtomicInteger wrong) throws Exception {
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(run.topic())) {
            long next = positions.getOrDefault(queue, 0L);
            long end = consumer.maxOffset(queue);
            while (next < end) {
                PullResult result = consumer.pull(queue, "*", next, 32);
                if (result.getMsgFoundList() == null) {
                    throw new Run.Failure("pull at " + next + " of " + queue + ": " + result.getPullStatus());
                }
                for (MessageExt message : result.getMsgFoundList()) {
                    int number = number(message);
                    if (seen.get(number)) {
                        doubled.incrementAndGet();
                    } else if (ledger[number] != Local.COMMIT) {
                        wrong.incrementAndGet();
                    }
                    seen.set(number);
                }
                next = result.getNextBeginOffset();
                positions.put(queue, next);
            }
        }
    }
}
