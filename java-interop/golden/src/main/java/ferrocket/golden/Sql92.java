package ferrocket.golden;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.apache.rocketmq.broker.filter.MessageEvaluationContext;
import org.apache.rocketmq.common.filter.ExpressionType;
import org.apache.rocketmq.filter.FilterFactory;
import org.apache.rocketmq.filter.expression.Expression;
import org.apache.rocketmq.filter.expression.MQFilterException;
import org.apache.rocketmq.filter.util.BloomFilter;

/** What RocketMQ's own parser and evaluator say of many expressions, each for several messages. */
final class Sql92 {
    private static final String[] VALUES = {
        "a", "b", "missing", "5", "5L", "3000000000", "2.5", "'5'", "'x'", "TRUE", "FALSE", "NULL", "-5", "(a > 3)",
    };
    private static final String[] OPERATORS = {"=", "<>", ">", ">=", "<", "<="};
    private static final String[] TRUTHS = {"(a = a)", "(a <> a)", "(missing = 1)", "a", "missing", "(b > 1)", "TRUE", "NULL"};
    private static final String[] WORDS = {
        "a", "b", "missing", "5", "2.5", "'x'", "TRUE", "FALSE", "NULL", "NOT", "AND", "OR", "BETWEEN", "IN", "IS",
        "CONTAINS", "STARTSWITH", "ENDSWITH", "=", "<>", ">", ">=", "<", "<=", "(", ")", ",", "-", "+",
    };

    private Sql92() {
    }

    /** For each message one letter: true, false, none, or an exception; or that the expression is refused. */
    static Map<String, Object> truths() {
        List<Map<String, String>> messages = messages();
        List<Object> rows = new ArrayList<>();
        for (String text : expressions()) {
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("expression", text);
            row.put("results", results(text, messages));
            rows.add(row);
        }
        Map<String, Object> golden = new LinkedHashMap<>();
        golden.put("messages", messages);
        golden.put("expressions", rows);
        return golden;
    }

    private static String results(String text, List<Map<String, String>> messages) {
        Expression compiled;
        try {
            compiled = FilterFactory.INSTANCE.get(ExpressionType.SQL92).compile(text);
        } catch (MQFilterException refused) {
            return "refused";
        }
        StringBuilder letters = new StringBuilder();
        for (Map<String, String> message : messages) {
            try {
                Object value = compiled.evaluate(new MessageEvaluationContext(message));
                letters.append(value == null ? 'n' : value.equals(Boolean.TRUE) ? 't' : value.equals(Boolean.FALSE) ? 'f' : '?');
            } catch (Throwable thrown) {
                letters.append('e');
            }
        }
        return letters.toString();
    }

    private static List<Map<String, String>> messages() {
        List<Map<String, String>> messages = new ArrayList<>();
        String[][] pairs = {
            {}, {"a", "5"}, {"a", "5", "b", "5"}, {"a", "7", "b", "2.5"}, {"a", "-5", "b", "x"}, {"a", "x", "b", "xyz"},
            {"a", "true", "b", "FALSE"}, {"a", "3000000000", "b", " 5 "}, {"a", "2.50", "b", "+5"}, {"a", "NaN", "b", "-0.0"},
            {"a", "0x1.4p2", "b", "5d"}, {"a", "it's", "b", "\u00e4x\u4e2d"}, {"a", "9223372036854775807", "b", "1e400"},
        };
        for (String[] pair : pairs) {
            Map<String, String> message = new LinkedHashMap<>();
            for (int i = 0; i < pair.length; i += 2) {
                message.put(pair[i], pair[i + 1]);
            }
            messages.add(message);
        }
        return messages;
    }

    private static Set<String> expressions() {
        Set<String> texts = new LinkedHashSet<>();
        for (String left : VALUES) {
            texts.add(left);
            texts.add("NOT " + left);
            texts.add("-" + left + " = 5");
            texts.add(left + " IS NULL");
            texts.add(left + " is not null");
            texts.add(left + " IN ('5', 'x')");
            texts.add(left + " CONTAINS 'x'");
            texts.add(left + " NOT CONTAINS ''");
            texts.add(left + " BETWEEN 2 AND 6");
            texts.add(left + " NOT BETWEEN 2 AND 6");
            texts.add("a BETWEEN " + left + " AND 6");
            texts.add("a BETWEEN 2 AND " + left);
            texts.add("a NOT BETWEEN b AND " + left);
            for (String operator : OPERATORS) {
                for (String right : VALUES) {
                    texts.add(left + " " + operator + " " + right);
                }
            }
        }
        for (String left : TRUTHS) {
            for (String right : TRUTHS) {
                texts.add(left + " AND " + right);
                texts.add(left + " OR " + right);
                texts.add("NOT " + left + " OR NOT (" + right + " AND missing)");
            }
        }
        texts.addAll(List.of(BY_HAND));
        // Of a fixed seed: the same words on every machine.
        Random random = new Random(20240501);
        for (int i = 0; i < 700; i++) {
            StringBuilder text = new StringBuilder("a");
            int length = 2 + random.nextInt(9);
            for (int j = 0; j < length; j++) {
                text.append(' ').append(WORDS[random.nextInt(WORDS.length)]);
            }
            texts.add(text.toString());
        }
        for (int i = 0; i < 700; i++) {
            texts.add(grown(random, 3));
        }
        return texts;
    }

    /** A text the grammar takes, if not always the checks behind it. */
    private static String grown(Random random, int depth) {
        String left = VALUES[random.nextInt(VALUES.length)];
        String right = VALUES[random.nextInt(VALUES.length)];
        int kind = random.nextInt(depth == 0 ? 5 : 10);
        switch (kind) {
            case 0:
            case 1:
                return left + " " + OPERATORS[random.nextInt(OPERATORS.length)] + " " + right;
            case 2:
                return (random.nextBoolean() ? "a" : "b") + (random.nextBoolean() ? " NOT" : "") + " IN ('5', 'x', '-5', '2.5', 'true', 'q')";
            case 3:
                return "a " + (random.nextBoolean() ? "NOT " : "")
                    + new String[] {"CONTAINS", "STARTSWITH", "ENDSWITH"}[random.nextInt(3)] + " 'x'";
            case 4:
                return (random.nextBoolean() ? "a" : "b") + (random.nextBoolean() ? " NOT" : "") + " BETWEEN -5 AND " + right;
            case 5:
                return "(" + grown(random, depth - 1) + ") IS " + (random.nextBoolean() ? "NOT " : "") + "NULL";
            case 6:
                return "NOT (" + grown(random, depth - 1) + ")";
            case 7:
                return "(" + grown(random, depth - 1) + ") = (" + grown(random, depth - 1) + ")";
            case 8:
                return grown(random, depth - 1) + " AND " + grown(random, depth - 1);
            default:
                return grown(random, depth - 1) + " OR " + grown(random, depth - 1);
        }
    }

    private static final String[] BY_HAND = {
        "", " ", "()", "(a = 5", "a = 5)", "a = 5 ) and", "a = 5 'x'", "a = 5 #", "a = 5 b #", "a # b", "#", "a == 5", "a != 5",
        "a = 007", "a = 0", "a = 0L", "a = 5l", "a = 0.0", "a = .0", "a = 1e-400", "a = 1e400", "a = 5.", "a = .5e1", "a = 5E0",
        "a = 5e", "a = 5.5.5", "a = 0x5", "a = 9223372036854775807", "a = 9223372036854775808", "a = -9223372036854775808",
        "a = 2147483647", "a = 2147483648", "a = -2147483648", "a > 2147483648", "a = 5d", "a = --5", "a = -+-5", "a = ---5",
        "a = -- comment\n5", "a = -- comment\r\n5", "a = /* comment */ 5", "a = /* * / ** */ 5", "a = /* 5", "a = 5 /* end", "a = 5 -- end",
        "a/**/=/***/5", "a\t=\n5\f\r", "a = 'it''s'", "a = 'it''s", "a = 'it'''", "a = ''''", "a = ''", "a = 'x'y'", "a = \"x\"",
        "b = '\u00e4x\u4e2d'", "b CONTAINS '\u4e2d'", "b STARTSWITH '\u00e4'", "b ENDSWITH '\u4e2d'", "b ENDSWITH ''", "b NOT STARTSWITH '\u00e4'",
        "\u00e4 = 5", "A = 5", "a=5 and b=5", "a=5AND b=5", "a = 5 aNd b = 5 Or missing iS nUlL", "$a = 1", "_ = 1", "a1_$ IS NULL",
        "a IN ()", "a IN ('x',)", "a IN 'x'", "a IN (5)", "a IN ('x' 'y')", "(a) IN ('x')", "((a)) NOT IN ('x')", "+a IN ('x')", "-a IN ('x')",
        "a IN ('x') IN ('x')", "a NOT IN ('x', 'x', '5')", "a NOT", "a NOT 5", "a NOT NULL", "a IS", "a IS 5", "a IS NOT", "a IS NOT 5",
        "a IS NULL IS NULL", "a IS NOT NULL IS NULL", "a IS NULL IN ('x')", "a IS NULL > 5", "a IS NULL = TRUE", "a IS NULL AND b IS NULL",
        "a IS NULL NOT IN ('x')", "NOT a IS NULL", "NOT (a IS NULL)", "NOT a = 5", "NOT a = TRUE", "NOT NOT a", "NOT NOT NOT missing", "NOT 5",
        "NOT 'x'", "NOT -a", "-NOT a", "- (a > 5) IS NULL", "-a", "+a", "+TRUE", "-TRUE", "5", "'x'", "TRUE", "NULL", "a = b = TRUE", "a = b = missing",
        "a = b <> TRUE", "a > b = TRUE", "TRUE = a > b", "a > b > 5", "a < b IN ('x')", "a = b > 5", "a = 5 = 5 = 5", "5 = 5 = a", "5 = '5'", "'5' = 5",
        "TRUE = 5", "5 = TRUE", "TRUE = 'true'", "'true' = TRUE", "TRUE = a", "(a > 3) = b", "b = (a > 3)", "FALSE = FALSE", "FALSE <> TRUE",
        "NULL = NULL", "NULL IS NULL", "NULL IS NOT NULL", "NULL > 5", "5 IS NULL", "'x' IS NOT NULL", "5 > 3", "3 > 5", "5 >= 5.0", "5L = 5", "5 = 5.0",
        "'x' = 'x'", "'x' = 'y'", "'x' < 'y'", "a BETWEEN 6 AND 2", "a BETWEEN -6 AND -2", "a BETWEEN 6 AND -2", "a NOT BETWEEN 6 AND 2",
        "a BETWEEN 2 AND 6 AND b BETWEEN 2 AND 6", "a BETWEEN 2 AND 6 OR b = 5", "a BETWEEN (2) AND (6)", "a BETWEEN 2.5 AND 6L", "a BETWEEN 2 OR 6",
        "a BETWEEN 2", "a BETWEEN AND 6", "a BETWEEN 2 AND", "BETWEEN 2 AND 6", "a BETWEEN 'x' AND 'z'", "a BETWEEN TRUE AND FALSE", "a BETWEEN NULL AND 5",
        "a BETWEEN b AND b", "a BETWEEN missing AND b", "a BETWEEN b AND missing", "missing BETWEEN a AND b", "a BETWEEN NOT b AND 5",
        "(a > 5) BETWEEN 1 AND 2", "-(a > 5) BETWEEN 1 AND 2", "-(a BETWEEN 1 AND 2) NOT BETWEEN 1 AND 2", "a BETWEEN 1 AND 9 BETWEEN 1 AND 2",
        "a BETWEEN 1 AND 9 = TRUE", "a BETWEEN 1 AND 9 IS NULL", "a CONTAINS b", "a CONTAINS", "a CONTAINS 'x' CONTAINS 'x'", "a NOT CONTAINS 'x'",
        "a NOT STARTSWITH 'x'", "a NOT ENDSWITH 'x'", "a STARTSWITH 'x' AND b ENDSWITH 'z'", "'xyz' CONTAINS 'y'", "5 CONTAINS '5'", "(a > 5) CONTAINS ''",
        "(b > 5) CONTAINS ''", "(b > 5) CONTAINS 'x'", "(b > 5) IS NULL", "missing > -(b > 1)", "-(b > 1) > missing", "missing BETWEEN -(b > 1) AND 5",
        "a LIKE 'x%'", "a = 5 LIKE", "a + 5 = 10", "a - 5 = 0", "a * 5 = 25", "a = b + 5", "a = 5 -5", "a = now", "a AND b", "a OR b", "a AND", "AND a",
        "a = 5 AND NOT b = 5", "a = 5 AND (NOT b = 5)", "NOT (a = 5) AND b = 5", "a = 5 OR a = 7 AND b = 2.5", "(a = 5 OR a = 7) AND b = 2.5",
        "a > 3 AND b > 1 OR a = 'x'", "((((((((((a = 5))))))))))", "a = ((((((((((5))))))))))", "a = (5", "a = 5 b = 6", "a = 5; b = 6", "a, b", "a = , 5",
        "TAGS = 'x'", "a <> 5", "a < > 5", "a > = 5", "a => 5", "a =< 5", "a >= 5 <= 7", "a\u00a0= 5", "a = \u00e4", "a = '\u0001'", "a.b = 5", "a = 5.b",
    };

    /** The bits of names in filters of several sizes. */
    static List<Object> bloom() {
        List<Object> rows = new ArrayList<>();
        int[][] sizes = {{20, 32}, {1, 1}, {10, 128}, {50, 64}, {99, 3}, {20, 1000}};
        String[] names = {"", "g", "group#topic", "please_rename_unique_group_name_4#TopicTest", "\u7ec4#\u4e3b\u9898", "0123456789abcdef",
            "0123456789abcdef0", "%RETRY%G#T"};
        for (int[] size : sizes) {
            BloomFilter filter = BloomFilter.createByFn(size[0], size[1]);
            for (String name : names) {
                Map<String, Object> row = new LinkedHashMap<>();
                row.put("errorPercent", size[0]);
                row.put("expected", size[1]);
                row.put("name", name);
                row.put("bits", filter.getM());
                StringBuilder positions = new StringBuilder();
                for (int position : filter.calcBitPositions(name)) {
                    positions.append(positions.length() == 0 ? "" : " ").append(position);
                }
                row.put("positions", positions.toString());
                rows.add(row);
            }
        }
        return rows;
    }
}
