package ferrocket.interop;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;

/** Bodies to send, and messages as JSON fields. */
final class Messages {
    private static final String UNICODE = "Grüße, 你好, こんにちは, \uD83D\uDE80 ";

    private Messages() {
    }

    /**
     * The body of message number {@code index}: {@code body=} text (default), unicode, random, zeros, compressible or
     * empty; {@code size=} bytes, or as long as it happens to be.
     */
    static byte[] body(Run run, int index) {
        int size = run.number("size", 0);
        switch (run.text("body", "text")) {
            case "text":
                return fill(("message " + index + " ").getBytes(StandardCharsets.UTF_8), size);
            case "unicode":
                return fill((UNICODE + index).getBytes(StandardCharsets.UTF_8), size);
            case "compressible":
                return fill(("line " + index % 7 + " of a text that repeats itself\n").getBytes(StandardCharsets.UTF_8),
                    size == 0 ? 20_000 : size);
            case "random":
                byte[] noise = new byte[size == 0 ? 1024 : size];
                new Random(index).nextBytes(noise);
                return noise;
            case "zeros":
                return new byte[size == 0 ? 1024 : size];
            default:
                throw new Run.Failure("unknown body kind");
        }
    }

    private static byte[] fill(byte[] pattern, int size) {
        if (size == 0) {
            return pattern;
        }
        byte[] body = new byte[size];
        for (int i = 0; i < size; i++) {
            body[i] = pattern[i % pattern.length];
        }
        return body;
    }

    static Map<String, Object> content(Message message) {
        Map<String, Object> fields = new LinkedHashMap<>();
        byte[] body = message.getBody();
        fields.put("topic", message.getTopic());
        fields.put("tags", message.getTags());
        fields.put("keys", message.getKeys());
        fields.put("flag", message.getFlag());
        fields.put("properties", new TreeMap<>(message.getProperties()));
        fields.put("bodyLength", body.length);
        fields.put("bodySha256", sha256(body));
        if (body.length <= 200) {
            fields.put("bodyText", new String(body, StandardCharsets.UTF_8));
        }
        return fields;
    }

    static Map<String, Object> received(MessageExt message) {
        Map<String, Object> fields = content(message);
        fields.put("receivedMillis", System.currentTimeMillis());
        fields.put("msgId", message.getMsgId());
        if (message instanceof MessageClientExt) {
            fields.put("offsetMsgId", ((MessageClientExt) message).getOffsetMsgId());
        }
        fields.put("brokerName", Api.brokerName(message));
        fields.put("queueId", message.getQueueId());
        fields.put("queueOffset", message.getQueueOffset());
        fields.put("commitLogOffset", message.getCommitLogOffset());
        fields.put("storeSize", message.getStoreSize());
        fields.put("bodyCrc", message.getBodyCRC());
        fields.put("reconsumeTimes", message.getReconsumeTimes());
        fields.put("bornTimestamp", message.getBornTimestamp());
        fields.put("storeTimestamp", message.getStoreTimestamp());
        fields.put("bornHost", host(message.getBornHost()));
        fields.put("storeHost", address(message.getStoreHost()));
        fields.put("sysFlag", message.getSysFlag());
        fields.put("preparedTransactionOffset", message.getPreparedTransactionOffset());
        return fields;
    }

    private static String host(SocketAddress address) {
        return address == null ? null : ((InetSocketAddress) address).getAddress().getHostAddress();
    }

    private static String address(SocketAddress address) {
        return address == null ? null : host(address) + ":" + ((InetSocketAddress) address).getPort();
    }

    static String sha256(byte[] body) {
        try {
            StringBuilder hex = new StringBuilder(64);
            for (byte b : MessageDigest.getInstance("SHA-256").digest(body)) {
                hex.append(String.format("%02x", b));
            }
            return hex.toString();
        } catch (NoSuchAlgorithmException missing) {
            throw new IllegalStateException(missing);
        }
    }
}
