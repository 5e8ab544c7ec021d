package ferrocket.interop;

import java.util.Map;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Where the 4.x clients differ from 5.x in names or abilities. */
final class Api {
    private Api() {
    }

    static void register(Map<String, Scenario> scenarios) {
        // Everything a 4.x client can do, the common scenarios do.
    }

    static void configure(Run run, ClientConfig config) {
        Run.require(!run.has("heartbeatV2") && !run.has("compressType"), "an argument for 5.x clients only");
    }

    static void setBroadcasting(DefaultMQPushConsumer consumer, boolean broadcasting) {
        consumer.setMessageModel(broadcasting ? MessageModel.BROADCASTING : MessageModel.CLUSTERING);
    }

    static String brokerName(MessageExt message) {
        return null;
    }


    static void createTopic(DefaultMQProducer producer, String key, String topic, int queues) throws Exception {
        producer.createTopic(key, topic, queues);
    }

    static void createGroup(DefaultMQAdminExt admin, String broker, String group, int retryMax) throws Exception {
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        config.setRetryMaxTimes(retryMax);
        admin.createAndUpdateSubscriptionGroupConfig(broker, config);
    }
}
