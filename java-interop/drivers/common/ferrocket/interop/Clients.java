package ferrocket.interop;

import java.util.concurrent.Callable;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Makes the clients of a run, all from the same arguments: {@code namesrv=}, {@code instance=}, {@code vip=true},
 * {@code unit=}, {@code namespace=}, {@code poll=} (millis between route look-ups), {@code heartbeat=} (millis between
 * heartbeats) and those of {@link Api}. Each is shut down when the run ends.
 */
final class Clients {
    /** Every broker has it that creates topics by itself. */
    private static final String TEMPLATE_TOPIC = "TBW102";
    private static final int API_TIMEOUT_MILLIS = 20_000;

    private final Run run;

    Clients(Run run) {
        this.run = run;
    }

    DefaultMQProducer producer() throws Exception {
        return producer(run.text("group", "producer"));
    }

    DefaultMQProducer producer(String group) throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(group);
        configure(producer, "");
        producer.setRetryTimesWhenSendFailed(run.number("retries", 2));
        producer.setMaxMessageSize(run.number("clientMax", 1024 * 1024 * 4));
        producer.setDefaultTopicQueueNums(run.number("queues", 4));
        Api.configure(run, producer);
        start(producer);
        return producer;
    }

    /** Starts a producer of any kind, which is patient. */
    void start(DefaultMQProducer producer) throws Exception {
        producer.setSendMsgTimeout(run.number("sendTimeout", 60_000));
        producer.start();
        run.atEnd(producer::shutdown);
        awaitNameServer(() -> producer.getDefaultMQProducerImpl().fetchPublishMessageQueues(TEMPLATE_TOPIC));
    }

    /**
     * A look-up waits for some seconds, which the first connection may take on a busy machine, and a send without a
     * route fails. Here the client looks up a topic until it is answered; from then on it is connected.
     */
    private void awaitNameServer(Callable<?> lookUp) throws Exception {
        run.await("an answer of a name server", () -> {
            try {
                lookUp.call();
                return true;
            } catch (MQClientException notYet) {
                return false;
            }
        });
    }

    /** Not started: the caller subscribes and registers its listener first. */
    DefaultMQPushConsumer pushConsumer(String suffix) {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(run.group());
        configure(consumer, suffix);
        String from = run.text("from", "first");
        if ("first".equals(from)) {
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        } else if ("last".equals(from)) {
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        } else {
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP);
            boolean millis = from.startsWith("millis-");
            consumer.setConsumeTimestamp(
                millis ? UtilAll.timeMillisToHumanString3(Long.parseLong(from.substring("millis-".length()))) : from);
        }
        if (run.has("maxReconsumeTimes")) {
            consumer.setMaxReconsumeTimes(run.number("maxReconsumeTimes", -1));
        }
        consumer.setConsumeMessageBatchMaxSize(run.number("batch", 1));
        consumer.setConsumeThreadMin(run.number("threads", 8));
        consumer.setConsumeThreadMax(run.number("threads", 8));
        Api.configure(run, consumer);
        run.atEnd(consumer::shutdown);
        return consumer;
    }

    DefaultMQPullConsumer pullConsumer() throws Exception {
        return pullConsumer(run.group());
    }

    DefaultMQPullConsumer pullConsumer(String group) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group);
        configure(consumer, "");
        consumer.start();
        run.atEnd(consumer::shutdown);
        awaitNameServer(() -> consumer.getDefaultMQPullConsumerImpl().fetchSubscribeMessageQueues(TEMPLATE_TOPIC));
        return consumer;
    }

    /** Not started. */
    DefaultLitePullConsumer litePullConsumer() {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(run.group());
        configure(consumer, "");
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        run.atEnd(consumer::shutdown);
        return consumer;
    }

    DefaultMQAdminExt admin() throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt(run.number("adminTimeout", 20_000));
        admin.setNamesrvAddr(run.text("namesrv"));
        bePatient(admin);
        admin.setInstanceName("admin-" + (run.id == null ? Long.toString(System.nanoTime()) : run.id));
        admin.start();
        run.atEnd(admin::shutdown);
        return admin;
    }

    void configure(ClientConfig config, String suffix) {
        config.setNamesrvAddr(run.text("namesrv"));
        bePatient(config);
        // Clients of one process with one instance name share connections and, in old versions, the name server too.
        String instance = run.text("instance", run.id == null ? null : "run-" + run.id);
        if (!suffix.isEmpty()) {
            instance = (instance == null ? "i" + System.nanoTime() : instance) + suffix;
        }
        if (instance != null) {
            config.setInstanceName(instance);
        }
        if (run.has("vip")) {
            config.setVipChannelEnabled(run.flag("vip"));
        }
        if (run.has("unit")) {
            config.setUnitName(run.text("unit"));
        }
        if (run.has("namespace")) {
            config.setNamespace(run.text("namespace"));
        }
        if (run.has("poll")) {
            config.setPollNameServerInterval(run.number("poll", 30_000));
        }
        if (run.has("heartbeat")) {
            config.setHeartbeatBrokerInterval(run.number("heartbeat", 30_000));
        }
        if (run.has("persist")) {
            config.setPersistConsumerOffsetInterval(run.number("persist", 5_000));
        }
    }

    /** Look-ups, heartbeats and questions for the members of a group give up after three seconds by themselves. */
    private static void bePatient(ClientConfig config) {
        try {
            ClientConfig.class.getMethod("setMqClientApiTimeout", int.class).invoke(config, API_TIMEOUT_MILLIS);
        } catch (NoSuchMethodException older) {
            // Nobody can tell clients of 4.7.
        } catch (ReflectiveOperationException never) {
            throw new IllegalStateException(never);
        }
    }
}
