package ferrocket.interop;

import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * One execution of one scenario: its arguments, the lines it prints, the commands it is sent while it runs, and the
 * clients it has to shut down at its end.
 */
final class Run {
    /** The scenario saw something other than what it requires. */
    static final class Failure extends RuntimeException {
        Failure(String reason) {
            super(reason);
        }
    }

    private static final PrintStream OUT = System.out;

    /** Null when this process runs a single scenario. */
    final String id;
    private final Map<String, String> args;
    private final BlockingQueue<String> commands = new LinkedBlockingQueue<>();
    private final Deque<Runnable> cleanups = new ArrayDeque<>();

    Run(String id, Map<String, String> args) {
        this.id = id;
        this.args = args;
    }

    String text(String name) {
        String value = args.get(name);
        if (value == null) {
            throw new Failure("argument " + name + "= is missing");
        }
        return value;
    }

    String text(String name, String fallback) {
        return args.getOrDefault(name, fallback);
    }

    int number(String name, int fallback) {
        return Integer.parseInt(args.getOrDefault(name, Integer.toString(fallback)));
    }

    boolean flag(String name) {
        return Boolean.parseBoolean(args.get(name));
    }

    boolean has(String name) {
        return args.containsKey(name);
    }

    String topic() {
        return text("topic");
    }

    String group() {
        return text("group");
    }

    /** How long the scenario may wait for what it expects: {@code timeout=} seconds. */
    long timeoutMillis() {
        return number("timeout", 30) * 1000L;
    }

    void emit(String event, Object... namesAndValues) {
        Map<String, Object> line = new LinkedHashMap<>();
        if (id != null) {
            line.put("run", id);
        }
        line.put("event", event);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            line.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        print(line);
    }

    void emit(String event, Map<String, Object> fields) {
        Map<String, Object> line = new LinkedHashMap<>();
        if (id != null) {
            line.put("run", id);
        }
        line.put("event", event);
        line.putAll(fields);
        print(line);
    }

    private static void print(Map<String, Object> line) {
        String json = Json.of(line);
        synchronized (OUT) {
            OUT.println(json);
            OUT.flush();
        }
    }

    static void require(boolean holds, String reason) {
        if (!holds) {
            throw new Failure(reason);
        }
    }

    static void same(Object expected, Object actual, String what) {
        if (expected == null ? actual != null : !expected.equals(actual)) {
            throw new Failure(what + ": expected " + expected + ", got " + actual);
        }
    }

    /** Repeats a probe until it returns true or the scenario's time is over. */
    void await(String what, Callable<Boolean> probe) throws Exception {
        await(what, timeoutMillis(), probe);
    }

    void await(String what, long timeoutMillis, Callable<Boolean> probe) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
        while (!probe.call()) {
            if (System.nanoTime() > deadline) {
                throw new Failure("not within " + timeoutMillis + " ms: " + what);
            }
            Thread.sleep(10);
        }
    }

    void command(String line) {
        commands.add(line);
    }

    /** The next command, or null if none arrives in time. */
    String nextCommand(long timeoutMillis) throws InterruptedException {
        return commands.poll(timeoutMillis, TimeUnit.MILLISECONDS);
    }

    /** The next command, however long whoever sends it is busy with a broker, within reason. */
    String awaitCommand() throws InterruptedException {
        String command = nextCommand(10 * timeoutMillis());
        require(command != null, "no command");
        return command;
    }

    /** Registers what must be shut down when the scenario ends, last one first. */
    void atEnd(Runnable cleanup) {
        synchronized (cleanups) {
            cleanups.push(cleanup);
        }
    }

    void cleanUp() {
        while (true) {
            Runnable cleanup;
            synchronized (cleanups) {
                cleanup = cleanups.poll();
            }
            if (cleanup == null) {
                return;
            }
            cleanup.run();
        }
    }
}
