package ferrocket.interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Runs scenarios with an unmodified RocketMQ client and prints what it observes, one JSON object a line.
 *
 * <p>{@code Driver <scenario> key=value…} runs one and exits with 0 or 1; lines on standard input are its commands.
 * {@code Driver serve} runs any number at once: {@code start <id> <scenario> key=value…} begins one (values may not
 * contain blanks), {@code tell <id> <command>} sends it a command, end of input ends the process. Every line printed
 * then carries {@code "run": id}; the last line of a run has the event {@code end} with {@code ok} and {@code reason}.
 */
public final class Driver {
    private static final Map<String, Scenario> SCENARIOS = new LinkedHashMap<>();

    static {
        Produce.register(SCENARIOS);
        ConsumePush.register(SCENARIOS);
        ConsumePull.register(SCENARIOS);
        Retry.register(SCENARIOS);
        Delay.register(SCENARIOS);
        Rebalance.register(SCENARIOS);
        Latency.register(SCENARIOS);
        Offsets.register(SCENARIOS);
        Query.register(SCENARIOS);
        Admin.register(SCENARIOS);
        RequestReply.register(SCENARIOS);
        AckLog.register(SCENARIOS);
        Filter.register(SCENARIOS);
        Transactions.register(SCENARIOS);
        Timer.register(SCENARIOS);
        Api.register(SCENARIOS);
    }

    private Driver() {
    }

    public static void main(String[] args) throws Exception {
        if (args.length == 0 || "help".equals(args[0])) {
            SCENARIOS.keySet().forEach(System.out::println);
            System.exit(args.length == 0 ? 2 : 0);
        }
        if ("serve".equals(args[0])) {
            serve();
            System.exit(0);
        }
        Run run = new Run(null, parse(args, 1));
        Thread commands = new Thread(() -> forwardCommands(run), "commands");
        commands.setDaemon(true);
        commands.start();
        System.exit(perform(args[0], run) ? 0 : 1);
    }

    private static void serve() throws IOException {
        Map<String, Run> running = new ConcurrentHashMap<>();
        BufferedReader in = input();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            if ("start".equals(words[0])) {
                Run run = new Run(words[1], parse(words, 3));
                running.put(run.id, run);
                Thread thread = new Thread(() -> {
                    perform(words[2], run);
                    running.remove(run.id);
                }, "run-" + run.id);
                thread.setDaemon(true);
                thread.start();
            } else if ("tell".equals(words[0])) {
                Run run = running.get(words[1]);
                if (run != null) {
                    run.command(words[2]);
                }
            } else {
                throw new IllegalArgumentException("unknown order: " + line);
            }
        }
    }

    private static boolean perform(String name, Run run) {
        String reason = null;
        try {
            Scenario scenario = SCENARIOS.get(name);
            Run.require(scenario != null, "unknown scenario " + name);
            scenario.perform(run);
        } catch (Run.Failure failure) {
            reason = failure.getMessage();
        } catch (Throwable unexpected) {
            reason = unexpected.toString();
            unexpected.printStackTrace();
        }
        try {
            run.cleanUp();
        } catch (Throwable unexpected) {
            reason = reason == null ? "shutdown: " + unexpected : reason;
        }
        run.emit("end", "scenario", name, "ok", reason == null, "reason", reason);
        return reason == null;
    }

    private static void forwardCommands(Run run) {
        try {
            BufferedReader in = input();
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                run.command(line.trim());
            }
        } catch (IOException closed) {
            // No more commands.
        }
    }

    private static BufferedReader input() {
        return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    }

    private static Map<String, String> parse(String[] words, int from) {
        Map<String, String> args = new HashMap<>();
        for (int i = from; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            if (equals < 0) {
                throw new IllegalArgumentException("not key=value: " + words[i]);
            }
            args.put(words[i].substring(0, equals), words[i].substring(equals + 1));
        }
        return args;
    }
}
