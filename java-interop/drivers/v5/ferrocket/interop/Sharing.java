package ferrocket.interop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.AllocateMessageQueueStrategy;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragelyByCircle;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueConsistentHash;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.consumer.RebalanceImpl;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageRequestMode;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Push consumers that let the broker decide which queues they have, and whether they pull or pop them. {@code
 * pop-sharing} makes {@code topic=} with {@code queues=} queues and obeys: {@code join:NAME[:STRATEGY]}, {@code
 * leave:NAME}, {@code mode:POP:1} ({@code popShareQueueNum} last), {@code rebalance} (at once rather than in 20 s), {@code
 * send:COUNT}, {@code ask:STRATEGY} (what a stranger is told), {@code stop}. It prints {@code assignment} with the queues each
 * member has when they change, {@code received} when all that was sent has come, {@code refused} with code and remark.
 */
final class Sharing {
    private final Run run;
    private final Clients clients;
    private final Map<String, DefaultMQPushConsumer> members = new TreeMap<>();
    private final Set<String> received = ConcurrentHashMap.newKeySet();
    private DefaultMQAdminExt admin;
    private String broker;
    private int sent;

    private Sharing(Run run) {
        this.run = run;
        this.clients = new Clients(run);
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("pop-sharing", run -> new Sharing(run).perform());
    }

    private void perform() throws Exception {
        admin = clients.admin();
        broker = admin.examineBrokerClusterInfo().getBrokerAddrTable().get("broker-a").getBrokerAddrs().get(0L);
        int queues = run.number("queues", 8);
        admin.createAndUpdateTopicConfig(broker, new TopicConfig(run.topic(), queues, queues));
        Api.createGroup(admin, broker, run.group(), 16);
        DefaultMQProducer producer = clients.producer(run.group() + "-p");
        run.await("route", () -> {
            try {
                return producer.fetchPublishMessageQueues(run.topic()).size() == queues;
            } catch (Exception notYet) {
                return false;
            }
        });
        run.emit("started");
        Map<String, Object> before = null;
        boolean told = true;
        while (true) {
            String command = run.nextCommand(20);
            if ("stop".equals(command)) {
                return;
            }
            if (command != null) {
                try {
                    obey(command.split(":"), producer);
                } catch (MQClientException refusal) {
                    run.emit("refused", "code", refusal.getResponseCode(), "remark", refusal.getErrorMessage());
                }
                told &= !command.startsWith("send");
            }
            Map<String, Object> now = assignments();
            if (!now.equals(before)) {
                run.emit("assignment", now);
                before = now;
            }
            if (!told && received.size() == sent) {
                run.emit("received", "count", sent);
                told = true;
            }
        }
    }

    private void obey(String[] words, DefaultMQProducer producer) throws Exception {
        switch (words[0]) {
            case "join":
                members.put(words[1], join(words[1], strategy(words.length > 2 ? words[2] : "AVG")));
                break;
            case "leave":
                members.remove(words[1]).shutdown();
                break;
            case "mode":
                admin.setMessageRequestMode(broker, words.length > 3 ? words[3] : run.topic(), run.group(),
                    MessageRequestMode.valueOf(words[1]), Integer.parseInt(words[2]), 20_000);
                break;
            case "rebalance":
                members.values().forEach(
                    member -> member.getDefaultMQPushConsumerImpl().getmQClientFactory().rebalanceImmediately());
                break;
            case "send":
                for (int end = sent + Integer.parseInt(words[1]); sent < end; sent++) {
                    producer.send(new Message(run.topic(), null, "m-" + sent, Messages.body(run, sent)));
                }
                break;
            case "ask":
                var told = admin.getDefaultMQAdminExtImpl().getMqClientInstance().getMQClientAPIImpl().queryAssignment(broker,
                    run.topic(), run.group(), "stranger", words[1], MessageModel.valueOf(words[2]), 20_000);
                List<String> queues = new ArrayList<>();
                if (told != null) {
                    told.forEach(one -> queues.add(one.getMode() + " " + one.getMessageQueue().getQueueId()));
                }
                run.emit("told", "known", told != null, "queues", new TreeSet<>(queues));
                break;
            default:
                throw new Run.Failure("unknown command " + words[0]);
        }
    }

    private static AllocateMessageQueueStrategy strategy(String name) {
        switch (name) {
            case "AVG":
                return new AllocateMessageQueueAveragely();
            case "AVG_BY_CIRCLE":
                return new AllocateMessageQueueAveragelyByCircle();
            default:
                return new AllocateMessageQueueConsistentHash();
        }
    }

    private DefaultMQPushConsumer join(String name, AllocateMessageQueueStrategy strategy) throws Exception {
        DefaultMQPushConsumer consumer = clients.pushConsumer("-" + name);
        consumer.setClientRebalance(false);
        // What a pop got that the member gave up while it waited comes again after so long.
        consumer.setPopInvisibleTime(10_000);
        consumer.setAllocateMessageQueueStrategy(strategy);
        consumer.subscribe(run.topic(), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> received.add(message.getKeys()));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        return consumer;
    }

    /** Of each member what it pops and what it pulls. */
    private Map<String, Object> assignments() {
        Map<String, Object> all = new LinkedHashMap<>();
        members.forEach((name, member) -> {
            RebalanceImpl rebalance = member.getDefaultMQPushConsumerImpl().getRebalanceImpl();
            TreeSet<String> queues = new TreeSet<>();
            rebalance.getPopProcessQueueTable().forEach((queue, process) -> {
                if (queue.getTopic().equals(run.topic()) && !process.isDropped()) {
                    queues.add("POP " + queue.getQueueId());
                }
            });
            ConsumePush.assignment(member, run.topic()).forEach(queueId -> queues.add("PULL " + queueId));
            all.put(name, queues);
        });
        return all;
    }
}
