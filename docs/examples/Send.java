// SPDX-License-Identifier: 0BSD
// Sends events to T-Mon, one JSON object per line of standard input. Java 17 or newer, nothing to install:
//     tail -F events.jsonl | TMON_DSN=tmon+https://… java Send.java
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.DeflaterOutputStream;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

public class Send {
    static final int BATCH_EVENTS = 500, BATCH_BYTES = 1 << 20, BATCH_AGE_MS = 1000;
    static final Duration ANSWER_WITHIN = Duration.ofSeconds(30);
    // tmon+http://<secret>@<host>:<port><prefix>/<wsid>: the secret is cut out before anything else sees the address.
    static final Pattern DSN =
        Pattern.compile("(?i)tmon\\+(https?)://([0-9a-f]{64})@([^\\s@?#]+)/([1-9][0-9]{0,18})/?");
    // What a JSON string escapes, halves of surrogate pairs only in pairs; a value that is no string, nor 1e999.
    static final Pattern ESCAPE = Pattern.compile("\\\\(?:[\"\\\\/bfnrt]|u(?:[0-9a-cefA-CEF][0-9a-fA-F]{3}"
        + "|[dD][0-7][0-9a-fA-F]{2}|[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}))");
    static final Pattern VALUE =
        Pattern.compile("-?(?:0|[1-9]\\d{0,18})(?:\\.\\d+)?(?:[eE][-+]?\\d{1,2})?|true|false|null");
    static final Pattern COLON = Pattern.compile("\\s*:\\s*"), NEXT = Pattern.compile("\\s*([,}])\\s*");
    static final SecureRandom RANDOM = new SecureRandom();
    static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1)
        .connectTimeout(ANSWER_WITHIN).build();

    final URI address;
    final SecretKeySpec key;
    final String wsid, source, run = HexFormat.of().toHexDigits(RANDOM.nextLong());
    final Map<String, Integer> lost = new TreeMap<>();
    int seq, sent, accepted, rejected;

    Send(Matcher dsn) throws IOException {
        address = URI.create(dsn.group(1).toLowerCase() + "://" + dsn.group(3) + "/data/collect/" + dsn.group(4));
        key = new SecretKeySpec(HexFormat.of().parseHex(dsn.group(2)), "AES");
        wsid = dsn.group(4);
        source = InetAddress.getLocalHost().getHostName().replaceAll("[^\\w.-]", "_");
    }

    byte[] seal(List<String> events, boolean last) throws Exception {
        seq++;
        // What the server compares with what it got, so that a loss is seen.
        var reasons = lost.entrySet().stream().map(one -> "\"" + one.getKey() + "\":" + one.getValue());
        var plaintext = "{\"source\":\"" + source + "\",\"run\":\"" + run + "\",\"seq\":" + seq
            + ",\"sent_at\":" + System.currentTimeMillis() / 1000 + ",\"sent\":" + sent
            + ",\"lost\":{" + reasons.collect(Collectors.joining(",")) + "},\"close\":" + last
            + ",\"events\":[" + String.join(",", events) + "]}";
        var packed = new ByteArrayOutputStream();
        try (var packer = new DeflaterOutputStream(packed)) {
            packer.write(plaintext.getBytes(StandardCharsets.UTF_8));
        }
        byte[] header = {1, 1}, nonce = new byte[12]; // version 1, codec 1: zlib
        RANDOM.nextBytes(nonce);
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, nonce));
        cipher.updateAAD(header);
        cipher.updateAAD(wsid.getBytes(StandardCharsets.US_ASCII));
        byte[] sealed = cipher.doFinal(packed.toByteArray()); // with its tag at the end
        return ByteBuffer.allocate(14 + sealed.length).put(header).put(nonce).put(sealed).array();
    }

    /** Posts the same bytes until the server has decided about them: however often they arrive, they count once. */
    HttpResponse<String> post(byte[] envelope) throws InterruptedException {
        var request = HttpRequest.newBuilder(address).header("Content-Type", "application/octet-stream")
            .timeout(ANSWER_WITHIN).POST(BodyPublishers.ofByteArray(envelope)).build();
        for (int attempt = 0;; attempt++) {
            String problem;
            double after = 0;
            try {
                var answer = HTTP.send(request, BodyHandlers.ofString());
                int status = answer.statusCode();
                // A 200 that says nothing of status_code comes from a proxy or a hotel's network.
                boolean undecided = status == 200
                    ? count(answer, "status_code") != 200
                    : status == 408 || status == 429 || status >= 500;
                if (!undecided) return answer;
                problem = "the answer was " + status;
                var asked = answer.headers().firstValue("Retry-After").filter(text -> text.matches("\\d{1,9}"));
                after = asked.map(Double::valueOf).orElse(0.0);
            } catch (IOException error) {
                problem = error.getClass().getSimpleName();
            }
            if (attempt == 0) System.err.println("trying again: " + problem);
            double backoff = Math.min(0.5 * Math.pow(2, attempt), 60) * (1 - RANDOM.nextDouble() / 2);
            Thread.sleep((long) (1000 * Math.max(backoff, Math.min(after, 3600))));
        }
    }

    void deliver(List<String> events, boolean last) throws Exception {
        var answer = post(seal(events, last));
        int status = answer.statusCode(), size = events.size();
        if (status == 200) {
            accepted += count(answer, "accepted");
            rejected += count(answer, "rejected_count");
            if (count(answer, "rejected_count") > 0) System.err.println("events are rejected: " + answer.body());
        } else if (status == 413 && size > 1) {
            deliver(events.subList(0, size / 2), false);
            deliver(events.subList(size / 2, size), false);
        } else if (status == 400 || status == 413) {
            // What the server counted as rejected is in its own books; only the rest is lost.
            int known = count(answer, "rejected_count");
            rejected += known;
            if (size > known) lost.merge("refused_" + status, size - known, Integer::sum);
            System.err.println(size + " events are refused with " + status);
        } else {
            stop("the server refused with " + status + ", so " + (sent - accepted - rejected)
                + " events are not sent: is TMON_DSN right, and its key active?");
        }
    }

    /** A number in the answer, whose JSON is flat but for the list of what was rejected. */
    static int count(HttpResponse<String> answer, String name) {
        var found = Pattern.compile("\\{[^\\[]*\"" + name + "\"\\s*:\\s*(\\d{1,9})\\b").matcher(answer.body());
        return found.lookingAt() ? Integer.parseInt(found.group(1)) : 0;
    }

    /** The text of an event, with a time; null for what is no flat JSON object and would spoil its whole envelope. */
    static String asEvent(String line) {
        var text = line.strip();
        if (!text.startsWith("{")) return null;
        boolean timed = false;
        for (int at = 1 + text.substring(1).length() - text.substring(1).stripLeading().length();;) {
            int name = stringEnd(text, at);
            int value = end(COLON, text, name);
            int after = Math.max(stringEnd(text, value), end(VALUE, text, value));
            int next = end(NEXT, text, after);
            if (next < 0) return null;
            timed |= text.substring(at, name).equals("\"ts\"");
            at = next;
            if (text.substring(after, next).contains("}")) {
                if (next < text.length()) return null;
                return timed ? text : "{\"ts\":" + System.currentTimeMillis() / 1000.0 + "," + text.substring(1);
            }
        }
    }

    static int end(Pattern what, String text, int at) {
        if (at < 0) return -1;
        var found = what.matcher(text).region(at, text.length());
        return found.lookingAt() ? found.end() : -1;
    }

    static int stringEnd(String text, int at) {
        if (at < 0 || at >= text.length() || text.charAt(at) != '"') return -1;
        for (int place = at + 1; place >= 0 && place < text.length();) {
            char letter = text.charAt(place);
            if (letter == '"') return place + 1;
            if (letter < ' ') return -1;
            place = letter == '\\' ? end(ESCAPE, text, place) : place + 1;
        }
        return -1;
    }

    public static void main(String[] arguments) throws Exception {
        var dsn = DSN.matcher(String.valueOf(System.getenv("TMON_DSN")).strip());
        if (!dsn.matches()) stop("TMON_DSN is not set, or is no DSN");
        var sender = new Send(dsn);
        var lines = new ArrayBlockingQueue<String>(1000);
        var reader = new Thread(() -> {
            try (var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
                for (String line; (line = input.readLine()) != null;) lines.put(line + "\n");
                lines.put("");
            } catch (IOException | InterruptedException error) {
                stop("standard input can't be read: " + error.getMessage());
            }
        });
        reader.setDaemon(true);
        reader.start();
        List<String> batch = new ArrayList<>();
        long due = Long.MAX_VALUE;
        int bytes = 0;
        for (boolean ended = false; !ended;) {
            long wait = batch.isEmpty() ? Long.MAX_VALUE : due - System.currentTimeMillis();
            var line = lines.poll(wait, TimeUnit.MILLISECONDS);
            ended = "".equals(line);
            if (line != null && !line.isBlank()) {
                sender.sent++;
                var event = asEvent(line);
                if (event == null) {
                    sender.lost.merge("invalid_line", 1, Integer::sum);
                    continue;
                }
                if (batch.isEmpty()) due = System.currentTimeMillis() + BATCH_AGE_MS;
                batch.add(event);
                bytes += event.length();
            }
            boolean full = batch.size() >= BATCH_EVENTS || bytes >= BATCH_BYTES;
            if (!batch.isEmpty() && (ended || full || System.currentTimeMillis() >= due)) {
                sender.deliver(batch, false);
                batch.clear();
                bytes = 0;
            }
        }
        if (sender.sent > 0) sender.deliver(batch, true);
        System.out.println(sender.accepted + " accepted, " + sender.rejected + " rejected, lost: " + sender.lost);
        System.exit(sender.rejected > 0 || !sender.lost.isEmpty() ? 1 : 0);
    }

    static void stop(String message) {
        System.err.println(message);
        System.exit(1);
    }
}
