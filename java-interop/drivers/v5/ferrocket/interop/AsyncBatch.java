package ferrocket.interop;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/** A batch sent with a callback. */
final class AsyncBatch {
    private AsyncBatch() {
    }

    static void perform(Run run) throws Exception {
        DefaultMQProducer producer = new Clients(run).producer();
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < run.number("count", 10); i++) {
            messages.add(new Message(run.topic(), Messages.body(run, i)));
        }
        CompletableFuture<SendResult> done = new CompletableFuture<>();
        producer.send(messages, new SendCallback() {
            @Override
            public void onSuccess(SendResult result) {
                done.complete(result);
            }

            @Override
            public void onException(Throwable error) {
                done.completeExceptionally(error);
            }
        });
        SendResult result = done.get(run.timeoutMillis(), TimeUnit.MILLISECONDS);
        Run.same(SendStatus.SEND_OK, result.getSendStatus(), "status");
        Run.same(messages.size(), result.getOffsetMsgId().split(",").length, "offset message ids");
        run.emit("result", "acked", messages.size());
    }
}
