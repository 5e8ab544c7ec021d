package ferrocket.golden;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.rocketmq.common.MQVersion;
import org.apache.rocketmq.common.action.RocketMQAction;
import org.apache.rocketmq.common.constant.PermName;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.sysflag.MessageSysFlag;
import org.apache.rocketmq.common.sysflag.PullSysFlag;
import org.apache.rocketmq.common.sysflag.TopicSysFlag;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.CommandCustomHeader;
import org.apache.rocketmq.remoting.annotation.CFNotNull;
import org.apache.rocketmq.remoting.protocol.FastCodesHeader;
import org.apache.rocketmq.remoting.protocol.LanguageCode;
import org.apache.rocketmq.remoting.protocol.RemotingSysResponseCode;
import org.apache.rocketmq.remoting.protocol.RequestCode;
import org.apache.rocketmq.remoting.protocol.ResponseCode;
import org.apache.rocketmq.remoting.protocol.SerializeType;

/**
 * Writes the parts of RocketMQ's contract that its classes declare as JSON files into the directory given: what the Rust
 * tables are compared with. Everything is read from the jars by reflection; nothing is listed here that they contain.
 */
public final class Golden {
    private static final String PACKAGE = "org/apache/rocketmq/";

    private Golden() {
    }

    public static void main(String[] args) throws Exception {
        Path directory = Paths.get(args[0]);
        Files.createDirectories(directory);
        write(directory, "request-codes", constants(RequestCode.class));
        Map<String, Object> responses = constants(RemotingSysResponseCode.class);
        responses.putAll(constants(ResponseCode.class));
        write(directory, "response-codes", responses);
        write(directory, "headers", headers());
        write(directory, "versions", versions());
        write(directory, "language-codes", languages());
        write(directory, "flags", flags());
        write(directory, "system-topics", systemTopics());
        write(directory, "message-properties", constants(MessageConst.class));
        write(directory, "sql92", Sql92.truths());
        write(directory, "bloom-filter", Sql92.bloom());
    }

    private static void write(Path directory, String name, Object content) throws IOException {
        Files.writeString(directory.resolve(name + ".json"), Json.pretty(content));
    }

    /** Every static number and text of a class by name, smallest number first. */
    private static Map<String, Object> constants(Class<?> type) throws IllegalAccessException {
        List<Map.Entry<String, Object>> found = new ArrayList<>();
        for (Field field : type.getFields()) {
            Class<?> kind = field.getType();
            boolean plain = kind == int.class || kind == String.class || kind == byte.class || kind == short.class;
            if (Modifier.isStatic(field.getModifiers()) && plain) {
                Object value = field.get(null);
                found.add(Map.entry(field.getName(), value instanceof Number ? ((Number) value).longValue() : value));
            }
        }
        found.sort((a, b) -> {
            if (a.getValue() instanceof Long && b.getValue() instanceof Long && !a.getValue().equals(b.getValue())) {
                return Long.compare((Long) a.getValue(), (Long) b.getValue());
            }
            return a.getKey().compareTo(b.getKey());
        });
        Map<String, Object> sorted = new LinkedHashMap<>();
        found.forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
        return sorted;
    }

    private static Map<String, Object> headers() throws Exception {
        Map<String, Object> headers = new TreeMap<>();
        for (Class<?> type : headerClasses()) {
            Map<String, Object> header = new LinkedHashMap<>();
            header.put("class", type.getName());
            RocketMQAction action = type.getAnnotation(RocketMQAction.class);
            header.put("requestCode", action == null ? null : (long) action.value());
            header.put("requestName", action == null ? null : nameOf(action.value()));
            header.put("fastCodec", FastCodesHeader.class.isAssignableFrom(type));
            header.put("fields", fields(type));
            Object before = headers.put(type.getSimpleName(), header);
            if (before != null) {
                throw new IllegalStateException("two headers named " + type.getSimpleName());
            }
        }
        return headers;
    }

    private static String nameOf(int code) throws IllegalAccessException {
        for (Map.Entry<String, Object> constant : constants(RequestCode.class).entrySet()) {
            if (constant.getValue().equals((long) code)) {
                return constant.getKey();
            }
        }
        throw new IllegalStateException("no request code " + code);
    }

    /** As the remoting layer sees them: inherited fields too, static and synthetic ones not. */
    private static Map<String, Object> fields(Class<?> header) {
        Map<String, Object> fields = new TreeMap<>();
        for (Class<?> type = header; type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers()) || field.getName().startsWith("this")) {
                    continue;
                }
                Map<String, Object> facts = new LinkedHashMap<>();
                facts.put("type", field.getType().getSimpleName());
                facts.put("nullable", !field.isAnnotationPresent(CFNotNull.class));
                if (type != header) {
                    facts.put("from", type.getSimpleName());
                }
                fields.putIfAbsent(field.getName(), facts);
            }
        }
        return fields;
    }

    private static List<Class<?>> headerClasses() throws Exception {
        TreeSet<String> names = new TreeSet<>();
        for (String element : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (Paths.get(element).getFileName().toString().startsWith("rocketmq-")) {
                try (JarFile jar = new JarFile(element)) {
                    jar.stream().map(JarEntry::getName)
                        .filter(name -> name.startsWith(PACKAGE) && name.endsWith("Header.class") || name.matches(PACKAGE + ".*HeaderV[0-9]\\.class"))
                        .forEach(name -> names.add(name.substring(0, name.length() - 6).replace('/', '.')));
                }
            }
        }
        List<Class<?>> classes = new ArrayList<>();
        for (String name : names) {
            Class<?> type = Class.forName(name, false, Golden.class.getClassLoader());
            if (CommandCustomHeader.class.isAssignableFrom(type) && !Modifier.isAbstract(type.getModifiers())) {
                classes.add(type);
            }
        }
        return classes;
    }

    private static Map<String, Object> versions() {
        Map<String, Object> versions = new LinkedHashMap<>();
        versions.put("CURRENT_VERSION", (long) MQVersion.CURRENT_VERSION);
        for (MQVersion.Version version : MQVersion.Version.values()) {
            if (!version.name().endsWith("SNAPSHOT") && version.ordinal() <= MQVersion.CURRENT_VERSION) {
                versions.put(version.name(), (long) version.ordinal());
            }
        }
        return versions;
    }

    private static Map<String, Object> languages() {
        Map<String, Object> languages = new LinkedHashMap<>();
        for (LanguageCode language : LanguageCode.values()) {
            languages.put(language.name(), (long) language.getCode());
        }
        return languages;
    }

    private static Map<String, Object> flags() throws Exception {
        Map<String, Object> flags = new LinkedHashMap<>();
        flags.put("MessageSysFlag", constants(MessageSysFlag.class));
        flags.put("PullSysFlag", pullFlags());
        flags.put("TopicSysFlag", topicFlags());
        flags.put("PermName", constants(PermName.class));
        Map<String, Object> serializeTypes = new LinkedHashMap<>();
        for (SerializeType type : SerializeType.values()) {
            serializeTypes.put(type.name(), (long) type.getCode());
        }
        flags.put("SerializeType", serializeTypes);
        return flags;
    }

    /** The bits are private: what the builder sets tells them. */
    private static Map<String, Object> pullFlags() {
        Map<String, Object> flags = new LinkedHashMap<>();
        flags.put("COMMIT_OFFSET", (long) PullSysFlag.buildSysFlag(true, false, false, false));
        flags.put("SUSPEND", (long) PullSysFlag.buildSysFlag(false, true, false, false));
        flags.put("SUBSCRIPTION", (long) PullSysFlag.buildSysFlag(false, false, true, false));
        flags.put("CLASS_FILTER", (long) PullSysFlag.buildSysFlag(false, false, false, true));
        flags.put("LITE_PULL_MESSAGE", (long) PullSysFlag.buildSysFlag(false, false, false, false, true));
        return flags;
    }

    private static Map<String, Object> topicFlags() {
        Map<String, Object> flags = new LinkedHashMap<>();
        flags.put("UNIT", (long) TopicSysFlag.buildSysFlag(true, false));
        flags.put("UNIT_SUB", (long) TopicSysFlag.buildSysFlag(false, true));
        return flags;
    }

    private static Map<String, Object> systemTopics() {
        Map<String, Object> topics = new LinkedHashMap<>();
        topics.put("system", new ArrayList<>(new TreeSet<>(TopicValidator.getSystemTopicSet())));
        topics.put("notAllowedSend", new ArrayList<>(new TreeSet<>(TopicValidator.getNotAllowedSendTopicSet())));
        topics.put("systemPrefix", TopicValidator.SYSTEM_TOPIC_PREFIX);
        return topics;
    }
}
