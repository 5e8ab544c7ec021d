package ferrocket.interop;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.Options;
import org.apache.rocketmq.srvutil.ServerUtil;
import org.apache.rocketmq.tools.command.MQAdminStartup;
import org.apache.rocketmq.tools.command.SubCommand;

/**
 * The commands of RocketMQ's own {@code mqadmin} in this process, any number at once. {@code mqadmin}: runs {@code line=},
 * words separated by {@code |}, and prints what it printed; one that has not ended after {@code limit=} seconds is
 * interrupted, and with {@code until=} again until that is in what it printed. {@code mqadmin-commands}: the names of all commands.
 */
final class Mqadmin {
    /** Commands name their clients by the millisecond they begin in: each begins in one of its own. */
    private static final long PAUSE_MILLIS = 30;
    private static final int UNTIL_TRIES = 100;
    private static final long UNTIL_PAUSE_MILLIS = 300;
    private static final Object BEGINNING = new Object();
    private static final PrintStream CONSOLE = System.out;
    /** Where a command and the threads it starts print to. */
    private static final InheritableThreadLocal<PrintStream> CAPTURE = new InheritableThreadLocal<>();

    private Mqadmin() {
    }

    static void register(Map<String, Scenario> scenarios) {
        scenarios.put("mqadmin", Mqadmin::command);
        scenarios.put("mqadmin-commands", Mqadmin::names);
    }

    private static void command(Run run) throws Exception {
        String[] line = run.text("line").split("\\|");
        String text = printed(run, line);
        for (int tries = 0; tries < 20 && text.contains("has created already"); tries++) {
            // Another command began in the same millisecond after all.
            text = printed(run, line);
        }
        for (int tries = 0; tries < UNTIL_TRIES && !text.contains(run.text("until", "")); tries++) {
            Thread.sleep(UNTIL_PAUSE_MILLIS);
            text = printed(run, line);
        }
        run.emit("printed", "text", text);
    }

    private static String printed(Run run, String[] line) throws Exception {
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        PrintStream capture = new PrintStream(printed, true, "UTF-8");
        Thread thread = new Thread(() -> perform(line, capture), "mqadmin");
        thread.setDaemon(true);
        synchronized (BEGINNING) {
            System.setProperty("rocketmq.namesrv.addr", run.text("namesrv"));
            commands();
            thread.start();
            Thread.sleep(PAUSE_MILLIS);
        }
        thread.join(run.number("limit", 60) * 1000L);
        thread.interrupt();
        thread.join(10_000);
        Run.require(!thread.isAlive(), "the command does not end");
        return new String(printed.toByteArray(), StandardCharsets.UTF_8);
    }

    /** What {@code MQAdminStartup.main} does with one command line. */
    private static void perform(String[] line, PrintStream capture) {
        CAPTURE.set(capture);
        try {
            SubCommand known = commands().stream().filter(c -> c.commandName().equals(line[0])).findFirst().get();
            SubCommand command = known.getClass().getDeclaredConstructor().newInstance();
            Options options = command.buildCommandlineOptions(ServerUtil.buildCommandlineOptions(new Options()));
            String[] words = Arrays.copyOfRange(line, 1, line.length);
            CommandLine parsed = ServerUtil.parseCmdLine("mqadmin " + line[0], words, options, new DefaultParser());
            command.execute(parsed, options, null);
        } catch (Throwable failure) {
            failure.printStackTrace(capture);
        }
    }

    private static void names(Run run) throws Exception {
        Set<String> names = new TreeSet<>();
        synchronized (BEGINNING) {
            commands().forEach(command -> names.add(command.commandName()));
        }
        run.emit("commands", "names", String.join(" ", names));
    }

    /** All commands; the first time, what they print is sent where it belongs from now on. */
    @SuppressWarnings("unchecked")
    private static List<SubCommand> commands() throws Exception {
        Field field = MQAdminStartup.class.getDeclaredField("SUB_COMMANDS");
        field.setAccessible(true);
        List<SubCommand> commands = (List<SubCommand>) field.get(null);
        if (commands.isEmpty()) {
            PrintStream errors = System.err;
            System.setOut(divided(CONSOLE));
            System.setErr(divided(errors));
            MQAdminStartup.initCommand();
        }
        return commands;
    }

    /** Prints to what the thread captures, or else to {@code console}. */
    private static PrintStream divided(PrintStream console) throws Exception {
        return new PrintStream(console, true, "UTF-8") {
            private PrintStream target() {
                PrintStream capture = CAPTURE.get();
                return capture == null ? console : capture;
            }

            @Override
            public void write(byte[] bytes, int from, int length) {
                target().write(bytes, from, length);
            }

            @Override
            public void write(int b) {
                target().write(b);
            }

            @Override
            public void flush() {
                target().flush();
            }
        };
    }
}
