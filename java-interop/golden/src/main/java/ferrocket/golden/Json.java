package ferrocket.golden;

import java.util.List;
import java.util.Map;

/** Indented JSON, the innermost objects on one line, so that a difference shows as one line. */
final class Json {
    private Json() {
    }

    static String pretty(Object value) {
        StringBuilder out = new StringBuilder();
        write(out, value, "");
        return out.append('\n').toString();
    }

    private static void write(StringBuilder out, Object value, String indent) {
        if (value instanceof Map) {
            Map<?, ?> map = (Map<?, ?>) value;
            boolean leaf = !indent.isEmpty()
                && map.values().stream().noneMatch(item -> item instanceof Map || item instanceof List);
            String inner = leaf ? "" : indent + "  ";
            String separator = "";
            out.append('{');
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                out.append(separator).append(leaf ? "" : "\n" + inner);
                separator = leaf ? ", " : ",";
                out.append('"').append(entry.getKey()).append("\": ");
                write(out, entry.getValue(), inner.isEmpty() ? " " : inner);
            }
            out.append(leaf || map.isEmpty() ? "" : "\n" + indent).append('}');
        } else if (value instanceof List) {
            String separator = "";
            out.append('[');
            for (Object item : (List<?>) value) {
                out.append(separator).append("\n").append(indent).append("  ");
                separator = ",";
                write(out, item, indent + "  ");
            }
            out.append("\n").append(indent).append(']');
        } else if (value instanceof String) {
            quote(out, (String) value);
        } else {
            out.append(value);
        }
    }

    private static void quote(StringBuilder out, String text) {
        out.append('"');
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
