package ferrocket.interop;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Commands of {@code mqadmin}, one after the other in one virtual machine. Each is a line of standard input, its words
 * separated by tabs; what it printed is the {@code text} of a {@code printed} event.
 */
public final class AdminTool {
    private AdminTool() {
    }

    /** See the class. */
    public static void main(String[] arguments) throws Exception {
        PrintStream out = System.out;
        BufferedReader commands =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
            MQAdminStartup.main0(line.split("\t"), null);
            Map<String, Object> event = new LinkedHashMap<>();
            event.put("event", "printed");
            event.put("command", line);
            event.put("text", printed.toString(StandardCharsets.UTF_8));
            out.println(Json.of(event));
        }
        System.exit(0);
    }
}
