package ferrocket.interop;

import java.util.Map;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;

/** Timed messages as the 5.x clients offer them. */
final class TimerApi {
    private TimerApi() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("recall", TimerApi::recall);
    }

    /** Asks for a delivery after {@code millis}, or at that moment; {@code kind} is sec or ms, or at. */
    static void ask(Message message, String kind, long millis) {
        switch (kind) {
            case "sec":
                message.setDelayTimeSec(millis / 1000);
                break;
            case "ms":
                message.setDelayTimeMs(millis);
                break;
            case "at":
                message.setDeliverTimeMs(millis);
                break;
            default:
                throw new Run.Failure("unknown kind of time " + kind);
        }
    }

    static void setProperty(Message message, String name, String value) {
        MessageAccessor.putProperty(message, name, value);
    }

    static String recallHandle(SendResult result) {
        return result.getRecallHandle();
    }

    /** Recalls {@code handle=} of {@code topic=} and prints {@code recalled}, or {@code refused}. */
    private static void recall(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer(run.group());
        try {
            run.emit("recalled", "msgId", producer.recallMessage(run.topic(), run.text("handle")));
        } catch (Exception refused) {
            Timer.emitRefused(run, refused);
        }
    }
}
