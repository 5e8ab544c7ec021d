package ferrocket.interop;

import java.util.Collections;
import java.util.Map;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Where the 5.x clients differ from 4.x in names or abilities. Arguments only they take: {@code heartbeatV2=true},
 * {@code compressType=} LZ4, ZSTD or ZLIB.
 */
final class Api {
    private Api() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("produce-async-batch", AsyncBatch::perform);
        scenarios.put("offset-boundaries", Boundaries::perform);
        scenarios.put("store-fill", StoreFill::perform);
        scenarios.put("store-answers", StoreAnswers::perform);
        scenarios.put("store-due", StoreAnswers::due);
        StaticTopics.register(scenarios);
        Settings.register(scenarios);
        Ordered.register(scenarios);
        Pop.register(scenarios);
        Sharing.register(scenarios);
        GroupRules.register(scenarios);
        QueueKinds.register(scenarios);
        Compaction.register(scenarios);
        Mqadmin.register(scenarios);
    }

    static void configure(Run run, ClientConfig config) {
        if (run.has("heartbeatV2")) {
            config.setUseHeartbeatV2(run.flag("heartbeatV2"));
        }
        if (run.has("compressType") && config instanceof DefaultMQProducer) {
            ((DefaultMQProducer) config).setCompressType(CompressionType.of(run.text("compressType")));
        }
    }

    static void setBroadcasting(DefaultMQPushConsumer consumer, boolean broadcasting) {
        consumer.setMessageModel(broadcasting ? MessageModel.BROADCASTING : MessageModel.CLUSTERING);
    }

    static String brokerName(MessageExt message) {
        return message.getBrokerName();
    }


    static void createTopic(DefaultMQProducer producer, String key, String topic, int queues) throws Exception {
        producer.createTopic(key, topic, queues, Collections.emptyMap());
    }

    static void createGroup(DefaultMQAdminExt admin, String broker, String group, int retryMax) throws Exception {
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        config.setRetryMaxTimes(retryMax);
        admin.createAndUpdateSubscriptionGroupConfig(broker, config);
    }
}
