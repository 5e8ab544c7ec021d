package ferrocket.interop;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * {@code ordered-send}: sends in the order of {@code selectorKeys=} keys, round after round, until told to {@code stop};
 * a message that cannot be sent is sent again before the next of its key. Prints {@code sent}, and {@code failed} with the
 * number of queues the producer knows.
 */
final class Ordered {
    private Ordered() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("ordered-send", Ordered::send);
    }

    private static void send(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        Map<Integer, Integer> steps = new HashMap<>();
        int keys = run.number("selectorKeys", 8);
        for (int i = 0; run.nextCommand(run.number("pause", 5)) == null; i++) {
            int key = i % keys;
            int step = steps.getOrDefault(key, 0);
            Message message = new Message(run.topic(), "", key + "-" + step, Messages.body(run, step));
            message.putUserProperty("key", Integer.toString(key));
            message.putUserProperty("step", Integer.toString(step));
            int[] queues = new int[1];
            try {
                SendResult result = producer.send(message, (available, target, argument) -> {
                    queues[0] = available.size();
                    return choose(available, (Integer) argument);
                }, key);
                steps.put(key, step + 1);
                run.emit("sent", "keys", message.getKeys(), "brokerName", result.getMessageQueue().getBrokerName(),
                    "queueId", result.getMessageQueue().getQueueId(), "queues", queues[0]);
            } catch (Exception gone) {
                run.emit("failed", "keys", message.getKeys(), "queues", queues[0], "reason", gone.toString());
            }
        }
        run.emit("result", "sent", steps.values().stream().mapToInt(Integer::intValue).sum());
    }

    private static MessageQueue choose(List<MessageQueue> available, int key) {
        return available.get(key % available.size());
    }
}
