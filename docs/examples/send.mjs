// SPDX-License-Identifier: 0BSD
// Sends events to T-Mon, one JSON object per line of standard input. Node 18 or newer, nothing to install:
//     tail -F events.jsonl | TMON_DSN=tmon+https://… node send.mjs
import { createCipheriv, randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync } from "node:zlib";

const BATCH_EVENTS = 500, BATCH_BYTES = 2 ** 20, BATCH_AGE_MS = 1000, ANSWER_WITHIN_MS = 30_000;

// tmon+http://<secret>@<host>:<port><prefix>/<wsid>: the secret is cut out before anything else sees the address.
const DSN = /^tmon\+(https?):\/\/([0-9a-f]{64})@([^\s@?#]+)\/([1-9][0-9]{0,18})\/?$/i;
const [, scheme, secret, server, wsid] =
  DSN.exec((process.env.TMON_DSN ?? "").trim()) ?? stop("TMON_DSN is not set, or is no DSN");
const key = Buffer.from(secret, "hex");

// What the server compares with what it got, so that a loss is seen.
const books = { source: hostname(), run: randomBytes(8).toString("hex"), seq: 0, sent: 0, lost: {} };
let accepted = 0, rejected = 0;

function lose(reason, count) {
  if (count > 0) books.lost[reason] = (books.lost[reason] ?? 0) + count;
}

function stop(message) {
  console.error(message);
  process.exit(1);
}

function seal(events, more) {
  books.seq += 1;
  const head = JSON.stringify({ ...books, ...more, sent_at: Date.now() / 1000 });
  const plaintext = Buffer.from(`${head.slice(0, -1)},"events":[${events.join(",")}]}`);
  const header = Buffer.from([1, 1]); // version 1, codec 1: zlib
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.concat([header, Buffer.from(wsid)]));
  const sealed = Buffer.concat([cipher.update(deflateSync(plaintext)), cipher.final()]);
  return Buffer.concat([header, nonce, sealed, cipher.getAuthTag()]);
}

// Posts the same bytes until the server has decided about them: however often they arrive, they count once.
async function post(envelope) {
  for (let attempt = 0; ; attempt++) {
    let problem, retryAfter = 0;
    try {
      const answer = await fetch(`${scheme}://${server}/data/collect/${wsid}`, {
        method: "POST",
        headers: { "Content-Type": "application/octet-stream" },
        body: envelope,
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      });
      const { status } = answer;
      const said = (await answer.json().catch(() => null)) ?? {};
      // A 200 that says nothing of status_code comes from a proxy or a hotel's network.
      const undecided = status === 200 ? said.status_code !== 200 : [408, 429].includes(status) || status >= 500;
      if (!undecided) return { status, said };
      problem = `the answer was ${status}`;
      retryAfter = Math.min(Number(answer.headers.get("retry-after")) || 0, 3600);
    } catch (error) {
      problem = error.cause?.code ?? error.cause?.message ?? error.name;
    }
    const backoff = Math.min(500 * 2 ** attempt, 60_000) * (1 - Math.random() / 2);
    if (attempt === 0) console.error(`trying again: ${problem}`);
    await sleep(Math.max(backoff, retryAfter * 1000));
  }
}

async function deliver(events, more = {}) {
  const { status, said } = await post(seal(events, more));
  if (status === 200) {
    accepted += said.accepted;
    rejected += said.rejected_count;
    for (const { error } of said.rejected.slice(0, 1)) console.error(`an event is rejected: ${error}`);
  } else if (status === 413 && events.length > 1) {
    const middle = events.length >> 1;
    await deliver(events.slice(0, middle));
    await deliver(events.slice(middle));
  } else if (status === 400 || status === 413) {
    // What the server counted as rejected is in its own books; only the rest is lost.
    const known = status === 400 ? said.rejected_count ?? 0 : 0;
    rejected += known;
    lose(`refused_${status}`, events.length - known);
    console.error(`${events.length} events are refused with ${status}`);
  } else {
    const left = books.sent - accepted - rejected;
    stop(`the server refused with ${status}, so ${left} events are not sent: is TMON_DSN right, and its key active?`);
  }
}

// The text of an event, with a time; null if the server would refuse the whole envelope for this line: for what is no
// JSON object, halves of surrogate pairs, and 1e999. The text goes on as it is: JavaScript's numbers are not exact.
const LONE_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;
function asEvent(line) {
  const text = line.trim();
  try {
    const event = JSON.parse(text);
    if (!text.startsWith("{") || LONE_SURROGATE.test(JSON.stringify(event))) return null;
    if (Object.values(event).some((value) => typeof value === "number" && !Number.isFinite(value))) return null;
    if ("ts" in event || Object.keys(event).length === 0) return text;
    return `{"ts":${Date.now() / 1000},${text.slice(1)}`;
  } catch {
    return null;
  }
}

let batch = [], bytes = 0, timer, last = Promise.resolve();
function flush() {
  clearTimeout(timer);
  const events = batch;
  [batch, bytes, timer] = [[], 0, undefined];
  return (last = last.then(() => {
    books.sent += events.length;
    return events.length && deliver(events);
  }));
}

async function* lines() {
  let rest = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) {
    const parts = (rest + chunk).split("\n"); // not by readline, which also splits at U+2028
    rest = parts.pop();
    yield* parts;
  }
  yield rest;
}

for await (const line of lines()) {
  if (line.trim() === "") continue;
  const event = asEvent(line);
  if (event === null) {
    books.sent += 1;
    lose("invalid_line", 1);
    continue;
  }
  batch.push(event);
  bytes += Buffer.byteLength(event);
  if (batch.length >= BATCH_EVENTS || bytes >= BATCH_BYTES) await flush();
  else timer ??= setTimeout(flush, BATCH_AGE_MS);
}
await flush();
if (books.sent) await deliver([], { close: true });
const lost = Object.entries(books.lost).map(([reason, count]) => `${count} ${reason}`).join(", ");
console.log(`${accepted} accepted, ${rejected} rejected, lost: ${lost || "none"}`);
process.exitCode = rejected || lost ? 1 : 0;
