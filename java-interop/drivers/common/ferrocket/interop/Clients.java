package ferrocket.interop;

import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
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
        producer.setSendMsgTimeout(run.number("sendTimeout", 5000));
        producer.setRetryTimesWhenSendFailed(run.number("retries", 2));
        producer.setMaxMessageSize(run.number("clientMax", 1024 * 1024 * 4));
        producer.setDefaultTopicQueueNums(run.number("queues", 4));
        Api.configure(run, producer);
        producer.start();
        run.atEnd(producer::shutdown);
        return producer;
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
        DefaultMQAdminExt admin = new DefaultMQAdminExt(run.number("adminTimeout", 5000));
        admin.setNamesrvAddr(run.text("namesrv"));
        admin.setInstanceName("admin-" + (run.id == null ? Long.toString(System.nanoTime()) : run.id));
        admin.start();
        run.atEnd(admin::shutdown);
        return admin;
    }

    void configure(ClientConfig config, String suffix) {
        config.setNamesrvAddr(run.text("namesrv"));
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
}
