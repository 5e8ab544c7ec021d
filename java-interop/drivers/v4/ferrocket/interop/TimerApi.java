package ferrocket.interop;

import java.util.Map;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;

/** Timed messages by the bare properties: 4.x clients do not know them. */
final class TimerApi {
    private TimerApi() {
    }

    static void register(Map<String, Scenario> scenarios) {
        // Nothing to recall by.
    }

    /** Asks for a delivery after {@code millis}, or at that moment; {@code kind} is sec or ms, or at. */
    static void ask(Message message, String kind, long millis) {
        switch (kind) {
            case "sec":
                setProperty(message, "TIMER_DELAY_SEC", Long.toString(millis / 1000));
                break;
            case "ms":
                setProperty(message, "TIMER_DELAY_MS", Long.toString(millis));
                break;
            case "at":
                setProperty(message, "TIMER_DELIVER_MS", Long.toString(millis));
                break;
            default:
                throw new Run.Failure("unknown kind of time " + kind);
        }
    }

    static void setProperty(Message message, String name, String value) {
        MessageAccessor.putProperty(message, name, value);
    }

    static String recallHandle(SendResult result) {
        return null;
    }
}
