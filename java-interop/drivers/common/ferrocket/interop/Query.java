package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Finds messages by the id of their place, by their unique key and by a user's key. */
final class Query {
    private Query() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("query-message", Query::perform);
    }

    private static void perform(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        DefaultMQAdminExt admin = new Clients(run).admin();
        long begin = System.currentTimeMillis();
        List<Message> messages = new ArrayList<>();
        List<SendResult> results = new ArrayList<>();
        for (int i = 0; i < run.number("count", 6); i++) {
            Message message = new Message(run.topic(), "", "common own-" + i, Messages.body(run, i));
            messages.add(message);
            results.add(producer.send(message));
        }
        for (int i = 0; i < messages.size(); i++) {
            String digest = Messages.sha256(messages.get(i).getBody());
            MessageExt byPlace = producer.viewMessage(run.topic(), results.get(i).getOffsetMsgId());
            Run.same(digest, Messages.sha256(byPlace.getBody()), "body by offset id");
            MessageExt byKey = byUniqueKey(run, producer, results.get(i).getMsgId());
            Run.same(digest, Messages.sha256(byKey.getBody()), "body by unique key");
            Run.same(byPlace.getQueueOffset(), byKey.getQueueOffset(), "queue offset");
            run.emit("message", Messages.received(byKey));
            byUserKey(run, admin, "own-" + i, begin, 1);
        }
        byUserKey(run, admin, "common", begin, messages.size());
        absent(run, admin, begin);
        run.emit("result", "count", messages.size());
    }

    /**
     * The index may follow the log with a delay. Not viewMessage: it takes a unique key for an address first and waits for
     * a host that does not exist.
     */
    private static MessageExt byUniqueKey(Run run, DefaultMQProducer producer, String msgId) throws Exception {
        MessageExt[] found = new MessageExt[1];
        run.await("message " + msgId, () -> {
            try {
                found[0] = producer.getDefaultMQProducerImpl().getmQClientFactory().getMQAdminImpl()
                    .queryMessageByUniqKey(run.topic(), msgId);
                return found[0] != null;
            } catch (MQClientException notYet) {
                return false;
            }
        });
        return found[0];
    }

    private static void byUserKey(Run run, DefaultMQAdminExt admin, String key, long begin, int expected)
        throws Exception {
        run.await("messages with key " + key, () -> {
            try {
                var list = admin.queryMessage(run.topic(), key, 32, begin - 1000, begin + 600_000).getMessageList();
                return list.size() == expected;
            } catch (MQClientException notYet) {
                return false;
            }
        });
    }

    private static void absent(Run run, DefaultMQAdminExt admin, long begin) throws Exception {
        try {
            var list = admin.queryMessage(run.topic(), "no-such-key", 32, begin - 1000, begin + 600_000);
            throw new Run.Failure("found " + list.getMessageList().size() + " messages of a key nobody used");
        } catch (MQClientException expected) {
            run.emit("absent", "code", expected.getResponseCode(), "message", expected.getErrorMessage());
        }
    }
}
