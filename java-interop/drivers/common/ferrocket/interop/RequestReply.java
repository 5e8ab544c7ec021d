package ferrocket.interop;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** A consumer answers each message; the producer gets the answers by callback. */
final class RequestReply {
    private RequestReply() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("request-reply", RequestReply::perform);
    }

    private static void perform(Run run) throws Exception {
        DefaultMQProducer requester = new Clients(run).producer(run.group() + "-requester");
        DefaultMQProducer replier = new Clients(run).producer(run.group() + "-replier");
        requester.send(new Message(run.topic(), "ignored", Messages.body(run, 0)));
        awaitHeartbeat(run, requester);
        DefaultMQPushConsumer consumer = new Clients(run).pushConsumer("-replier");
        consumer.subscribe(run.topic(), "request");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                try {
                    String text = new String(message.getBody(), StandardCharsets.UTF_8);
                    Message reply = MessageUtil.createReplyMessage(message, ("re: " + text).getBytes(StandardCharsets.UTF_8));
                    replier.send(reply, 60_000);
                } catch (Exception refused) {
                    run.emit("reply-failed", "reason", refused.toString());
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        run.await("queues to consume from", () -> !ConsumePush.assignment(consumer, run.topic()).isEmpty());
        for (int i = 0; i < run.number("count", 3); i++) {
            CompletableFuture<Message> answer = new CompletableFuture<>();
            requester.request(new Message(run.topic(), "request", ("question " + i).getBytes(StandardCharsets.UTF_8)),
                new RequestCallback() {
                    @Override
                    public void onSuccess(Message message) {
                        // Some releases also call back when the broker has stored the request, without a message.
                        if (message != null) {
                            answer.complete(message);
                        }
                    }

                    @Override
                    public void onException(Throwable error) {
                        answer.completeExceptionally(error);
                    }
                }, 40_000);
            Message reply = answer.get(run.timeoutMillis(), TimeUnit.MILLISECONDS);
            Run.same("re: question " + i, new String(reply.getBody(), StandardCharsets.UTF_8), "reply");
            run.emit("reply", Messages.content(reply));
        }
        run.emit("result", "replies", run.number("count", 3));
    }

    /**
     * The broker pushes replies to a client it has a heartbeat of. Old clients send theirs only every 30 s, and one
     * that is asked for is left out while another is under way.
     */
    private static void awaitHeartbeat(Run run, DefaultMQProducer requester) throws Exception {
        DefaultMQAdminExt admin = new Clients(run).admin();
        run.await("a heartbeat of the requester", () -> {
            requester.getDefaultMQProducerImpl().getmQClientFactory().sendHeartbeatToAllBrokerWithLock();
            try {
                return !admin.examineProducerConnectionInfo(requester.getProducerGroup(), run.topic())
                    .getConnectionSet().isEmpty();
            } catch (MQClientException | MQBrokerException notYet) {
                return false;
            }
        });
    }
}
