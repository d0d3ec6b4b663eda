<?php // SPDX-License-Identifier: 0BSD
// Sends events to T-Mon, one JSON object per line of standard input. PHP 8 with its openssl and zlib extensions:
//     tail -F events.jsonl | TMON_DSN=tmon+https://… php send.php
const BATCH_EVENTS = 500, BATCH_BYTES = 1 << 20, BATCH_AGE_S = 1.0, ANSWER_WITHIN_S = 30;

// tmon+http://<secret>@<host>:<port><prefix>/<wsid>: the secret is cut out before anything else sees the address.
const DSN = '~^tmon\+(https?)://([0-9a-f]{64})@([^\s@?#]+)/([1-9][0-9]{0,18})/?$~i';

final class Sender
{
    public int $accepted = 0;
    public int $rejected = 0;
    public int $sent = 0;
    /** @var array<string, int> events by the reason of their loss */
    public array $lost = [];
    private int $seq = 0;
    private string $run;

    public function __construct(private string $url, private string $key, private string $wsid)
    {
        $this->run = bin2hex(random_bytes(8));
    }

    /** @param list<string> $events */
    public function deliver(array $events, bool $close = false): void
    {
        [$status, $said] = $this->post($this->seal($events, $close));
        if ($status === 200) {
            $this->accepted += $said['accepted'];
            $this->rejected += $said['rejected_count'];
            foreach (array_slice($said['rejected'], 0, 1) as $one) {
                fwrite(STDERR, "an event is rejected: $one[error]\n");
            }
        } elseif ($status === 413 && count($events) > 1) {
            foreach (array_chunk($events, intdiv(count($events) + 1, 2)) as $half) {
                $this->deliver($half);
            }
        } elseif ($status === 400 || $status === 413) {
            // What the server counted as rejected is in its own books; only the rest is lost.
            $known = $status === 400 ? $said['rejected_count'] ?? 0 : 0;
            $this->rejected += $known;
            $this->lose("refused_$status", count($events) - $known);
            fwrite(STDERR, count($events) . " events are refused with $status\n");
        } else {
            $left = $this->sent - $this->accepted - $this->rejected;
            stop("the server refused with $status, so $left events are not sent: is TMON_DSN right, and its key active?");
        }
    }

    public function lose(string $reason, int $count): void
    {
        if ($count > 0) {
            $this->lost[$reason] = ($this->lost[$reason] ?? 0) + $count;
        }
    }

    /** @param list<string> $events */
    private function seal(array $events, bool $close): string
    {
        // What the server compares with what it got, so that a loss is seen.
        $head = json_encode([
            'source' => gethostname(), 'run' => $this->run, 'seq' => ++$this->seq, 'sent_at' => microtime(true),
            'sent' => $this->sent, 'lost' => (object) $this->lost, 'close' => $close,
        ], JSON_THROW_ON_ERROR);
        $plaintext = substr($head, 0, -1) . ',"events":[' . implode(',', $events) . ']}';
        $header = "\x01\x01"; // version 1, codec 1: zlib
        $nonce = random_bytes(12);
        $sealed = openssl_encrypt(
            gzcompress($plaintext), 'aes-256-gcm', $this->key, OPENSSL_RAW_DATA, $nonce, $tag, $header . $this->wsid, 16
        );
        return $header . $nonce . $sealed . $tag;
    }

    /**
     * Posts the same bytes until the server has decided about them: however often they arrive, they count once.
     * @return array{int, array<string, mixed>} the status and what the answer says
     */
    private function post(string $envelope): array
    {
        $context = stream_context_create(['http' => [
            'method' => 'POST', 'header' => 'Content-Type: application/octet-stream', 'content' => $envelope,
            'protocol_version' => 1.1, 'ignore_errors' => true, 'follow_location' => 0, 'timeout' => ANSWER_WITHIN_S,
        ]]);
        for ($attempt = 0;; $attempt++) {
            $stream = @fopen($this->url, 'r', false, $context);
            $headers = $stream ? implode("\n", stream_get_meta_data($stream)['wrapper_data']) : '';
            $said = $stream ? json_decode((string) stream_get_contents($stream), true) : null;
            $said = is_array($said) ? $said : [];
            $status = preg_match('~^HTTP/\S+ (\d{3})~', $headers, $found) ? (int) $found[1] : 0;
            // A 200 that says nothing of status_code comes from a proxy or a hotel's network, or was cut short.
            $undecided = $status === 200
                ? ($said['status_code'] ?? 0) !== 200
                : $status < 300 || in_array($status, [408, 429], true) || $status >= 500;
            if (!$undecided) {
                return [$status, $said];
            }
            if ($attempt === 0) {
                fwrite(STDERR, 'trying again: ' . ($status ? "the answer was $status" : 'no answer') . "\n");
            }
            $backoff = min(0.5 * 2 ** $attempt, 60) * random_int(500, 1000) / 1000;
            $after = preg_match('~^Retry-After: *(\d{1,9})\s*$~mi', $headers, $found) ? min((int) $found[1], 3600) : 0;
            usleep((int) (max($backoff, $after) * 1e6));
        }
    }
}

function stop(string $message): never
{
    fwrite(STDERR, "$message\n");
    exit(1);
}

/** The text of an event, with a time; null for what the whole envelope would be refused for: no JSON object, or 1e999. */
function as_event(string $line): ?string
{
    $text = trim($line);
    $event = json_decode($text);
    if (!is_object($event) || json_encode($event) === false) {
        return null;
    }
    if (property_exists($event, 'ts') || !(array) $event) {
        return $text;
    }
    return '{"ts":' . json_encode(microtime(true)) . ',' . substr($text, 1);
}

if (!preg_match(DSN, trim((string) getenv('TMON_DSN')), $dsn)) {
    stop('TMON_DSN is not set, or is no DSN');
}
$sender = new Sender("$dsn[1]://$dsn[3]/data/collect/$dsn[4]", hex2bin($dsn[2]), $dsn[4]);
$batch = [];
$bytes = 0;
$due = 0.0;
$rest = '';
stream_set_blocking(STDIN, false);
do {
    $wait = $batch ? max($due - microtime(true), 0.0) : 3600.0;
    $ready = [STDIN];
    $none = null;
    stream_select($ready, $none, $none, (int) $wait, (int) (fmod($wait, 1) * 1e6));
    $chunk = $ready ? (string) fread(STDIN, 65536) : '';
    $ended = $ready && $chunk === '' && feof(STDIN);
    $lines = explode("\n", $rest . $chunk . ($ended ? "\n" : ''));
    $rest = array_pop($lines);
    foreach ($lines as $line) {
        if (trim($line) === '') {
            continue;
        }
        $sender->sent++;
        $event = as_event($line);
        if ($event === null) {
            $sender->lose('invalid_line', 1);
            continue;
        }
        $due = $batch ? $due : microtime(true) + BATCH_AGE_S;
        $batch[] = $event;
        $bytes += strlen($event);
        if (count($batch) >= BATCH_EVENTS || $bytes >= BATCH_BYTES) {
            $sender->deliver($batch);
            [$batch, $bytes] = [[], 0];
        }
    }
    if ($batch && ($ended || microtime(true) >= $due)) {
        $sender->deliver($batch);
        [$batch, $bytes] = [[], 0];
    }
} while (!$ended);
if ($sender->sent) {
    $sender->deliver([], close: true);
}
$lost = implode(', ', array_map(fn ($reason, $count) => "$count $reason", array_keys($sender->lost), $sender->lost));
echo "$sender->accepted accepted, $sender->rejected rejected, lost: " . ($lost ?: 'none') . "\n";
exit($sender->rejected || $lost ? 1 : 0);
