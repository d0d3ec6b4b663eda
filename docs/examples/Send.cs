// SPDX-License-Identifier: 0BSD
// Sends events to T-Mon, one JSON object per line of standard input. .NET Core 3.1 or newer, nothing to install: the
// Program.cs of a console application, then
//     tail -F events.jsonl | TMON_DSN=tmon+https://… dotnet run
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Threading;

static class Send
{
    const int BatchEvents = 500, BatchBytes = 1 << 20;
    static readonly TimeSpan BatchAge = TimeSpan.FromSeconds(1), AnswerWithin = TimeSpan.FromSeconds(30);

    static readonly Random Chance = new Random();
    static readonly HttpClient Http =
        new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { Timeout = AnswerWithin };
    static readonly string Run = Guid.NewGuid().ToString("N");
    static readonly Dictionary<string, int> Lost = new Dictionary<string, int>();
    static byte[] key;
    static string address, wsid;
    static int seq, sent, accepted, rejected;

    static byte[] Seal(List<string> events, bool last)
    {
        // What the server compares with what it got, so that a loss is seen.
        string head = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["source"] = Environment.MachineName, ["run"] = Run, ["seq"] = ++seq, ["sent_at"] = Now(),
            ["sent"] = sent, ["lost"] = Lost, ["close"] = last,
        });
        byte[] plain = Encoding.UTF8.GetBytes(
            head.Substring(0, head.Length - 1) + ",\"events\":[" + string.Join(",", events) + "]}");
        byte[] header = { 1, 0 }; // version 1, codec 0: plain
        byte[] nonce = new byte[12], cipher = new byte[plain.Length], tag = new byte[16];
        RandomNumberGenerator.Fill(nonce);
#if NET8_0_OR_GREATER
        using (var aes = new AesGcm(key, tag.Length))
#else
        using (var aes = new AesGcm(key))
#endif
            aes.Encrypt(nonce, plain, cipher, tag, header.Concat(Encoding.ASCII.GetBytes(wsid)).ToArray());
        return header.Concat(nonce).Concat(cipher).Concat(tag).ToArray();
    }

    // Posts the same bytes until the server has decided about them: however often they arrive, they count once.
    static (int, JsonElement) Post(byte[] envelope)
    {
        for (int attempt = 0; ; attempt++)
        {
            string problem;
            double after = 0;
            try
            {
                var body = new ByteArrayContent(envelope);
                body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
                using (HttpResponseMessage answer = Http.PostAsync(address, body).GetAwaiter().GetResult())
                {
                    int status = (int)answer.StatusCode;
                    JsonElement said = Parsed(answer.Content.ReadAsStringAsync().GetAwaiter().GetResult());
                    // A 200 that says nothing of status_code comes from a proxy or a hotel's network.
                    bool undecided = status == 200
                        ? Count(said, "status_code") != 200
                        : status == 408 || status == 429 || status >= 500;
                    if (!undecided) return (status, said);
                    problem = $"the answer was {status}";
                    after = Math.Min(answer.Headers.RetryAfter?.Delta?.TotalSeconds ?? 0, 3600);
                }
            }
            catch (Exception error) when (error is HttpRequestException || error is IOException
                || error is OperationCanceledException)
            {
                problem = error.GetType().Name;
            }
            if (attempt == 0) Console.Error.WriteLine($"trying again: {problem}");
            double backoff = Math.Min(0.5 * Math.Pow(2, attempt), 60) * (1 - Chance.NextDouble() / 2);
            Thread.Sleep(TimeSpan.FromSeconds(Math.Max(backoff, after)));
        }
    }

    static void Deliver(List<string> events, bool last)
    {
        (int status, JsonElement said) = Post(Seal(events, last));
        if (status == 200)
        {
            accepted += Count(said, "accepted");
            rejected += Count(said, "rejected_count");
            if (Count(said, "rejected_count") > 0) Console.Error.WriteLine($"events are rejected: {said}");
        }
        else if (status == 413 && events.Count > 1)
        {
            Deliver(events.Take(events.Count / 2).ToList(), false);
            Deliver(events.Skip(events.Count / 2).ToList(), false);
        }
        else if (status == 400 || status == 413)
        {
            // What the server counted as rejected is in its own books; only the rest is lost.
            int known = Count(said, "rejected_count");
            rejected += known;
            Lose($"refused_{status}", events.Count - known);
            Console.Error.WriteLine($"{events.Count} events are refused with {status}");
        }
        else
        {
            Stop($"the server refused with {status}, so {sent - accepted - rejected} events are not sent: "
                + "is TMON_DSN right, and its key active?");
        }
    }

    // The text of an event, with a time; null for what is no JSON object and would spoil its whole envelope.
    static string AsEvent(string line)
    {
        string text = line.Trim();
        JsonElement parsed = Parsed(text);
        if (parsed.ValueKind != JsonValueKind.Object || !IsSound(parsed)) return null;
        bool asItIs = parsed.TryGetProperty("ts", out _) || !parsed.EnumerateObject().Any();
        return asItIs ? text : "{\"ts\":" + JsonSerializer.Serialize(Now()) + "," + text.Substring(1);
    }

    // Whether it has neither half of a surrogate pair nor a number such as 1e999.
    static bool IsSound(JsonElement parsed)
    {
        try
        {
            return parsed.EnumerateObject().All(one => one.Name != null
                && (one.Value.ValueKind != JsonValueKind.String || one.Value.GetString() != null)
                && (one.Value.ValueKind != JsonValueKind.Number || !double.IsInfinity(one.Value.GetDouble())));
        }
        catch (Exception error) when (error is InvalidOperationException || error is FormatException)
        {
            return false;
        }
    }

    static JsonElement Parsed(string text)
    {
        try
        {
            using (JsonDocument document = JsonDocument.Parse(text)) return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return default(JsonElement);
        }
    }

    static int Count(JsonElement said, string name) =>
        said.ValueKind == JsonValueKind.Object && said.TryGetProperty(name, out JsonElement value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int count) ? count : 0;

    static void Lose(string reason, int count)
    {
        if (count > 0) Lost[reason] = (Lost.TryGetValue(reason, out int before) ? before : 0) + count;
    }

    static double Now() => DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;

    static void Stop(string message)
    {
        Console.Error.WriteLine(message);
        Environment.Exit(1);
    }

    static void Main()
    {
        // tmon+http://<secret>@<host>:<port><prefix>/<wsid>: the secret is cut out before anything else sees the address.
        Match dsn = Regex.Match((Environment.GetEnvironmentVariable("TMON_DSN") ?? "").Trim(),
            "^tmon\\+(https?)://([0-9a-f]{64})@([^\\s@?#]+)/([1-9][0-9]{0,18})/?$", RegexOptions.IgnoreCase);
        if (!dsn.Success) Stop("TMON_DSN is not set, or is no DSN");
        address = $"{dsn.Groups[1].Value}://{dsn.Groups[3].Value}/data/collect/{dsn.Groups[4].Value}";
        key = Enumerable.Range(0, 32).Select(at => Convert.ToByte(dsn.Groups[2].Value.Substring(2 * at, 2), 16)).ToArray();
        wsid = dsn.Groups[4].Value;

        var lines = new BlockingCollection<string>(1000);
        var reader = new Thread(() =>
        {
            using (var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false)))
                for (string line; (line = input.ReadLine()) != null;) lines.Add(line);
            lines.CompleteAdding();
        });
        reader.IsBackground = true;
        reader.Start();

        var batch = new List<string>();
        int bytes = 0;
        DateTime due = DateTime.MaxValue;
        while (!lines.IsCompleted || batch.Count > 0)
        {
            TimeSpan wait = batch.Count > 0 ? due - DateTime.UtcNow : Timeout.InfiniteTimeSpan;
            if (batch.Count > 0 && wait < TimeSpan.Zero) wait = TimeSpan.Zero;
            if (lines.TryTake(out string line, wait) && line.Trim() != "")
            {
                sent++;
                string text = AsEvent(line);
                if (text == null)
                {
                    Lose("invalid_line", 1);
                    continue;
                }
                if (batch.Count == 0) due = DateTime.UtcNow + BatchAge;
                batch.Add(text);
                bytes += text.Length;
            }
            bool full = batch.Count >= BatchEvents || bytes >= BatchBytes;
            if (batch.Count > 0 && (full || lines.IsCompleted || DateTime.UtcNow >= due))
            {
                Deliver(batch, false);
                batch = new List<string>();
                bytes = 0;
            }
        }
        if (sent > 0) Deliver(batch, true);
        string lost = string.Join(", ", Lost.Select(one => $"{one.Value} {one.Key}"));
        Console.WriteLine($"{accepted} accepted, {rejected} rejected, lost: {(lost == "" ? "none" : lost)}");
        Environment.Exit(rejected > 0 || Lost.Count > 0 ? 1 : 0);
    }
}
