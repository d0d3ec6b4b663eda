// SPDX-License-Identifier: GPL-3.0-or-later
// Asks the JSON API (docs/api.md) of one web service, at its own address or at that of a share link.

export const PATIENCE_MS = 10_000;

/**
 * An answer that is not 200, or none: then `status` is 0, and `late` says whether it was waited for in vain. The
 * message is fit for people.
 */
export class NoAnswer extends Error {
  constructor(status, message, late = false) {
    super(message);
    this.status = status;
    this.late = late;
  }
}

/** An answer to somebody else than the one who opened the page: he has logged in since, in another tab. */
export class SomebodyElse extends NoAnswer {
  constructor() {
    super(403, "Somebody else has logged in.");
  }
}

/** The words of the API as a sentence. */
export const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

/** The address of a question. A parameter whose value is a list is given once for each. */
function address(base, path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one])));
  return `${base}/data/${path}${query.size ? `?${query}` : ""}`;
}

/**
 * A function ask(path, parameters, signal) for what is below `base`, "/7" or "/share/…": resolves to the whole answer. Rejects with
 * NoAnswer, or with AbortError where `signal` says so. `ask.csv(path, parameters)` is the address of the same as CSV, and
 * `ask.tell(path, method, content, token)` changes something, with the token against forgery of the page.
 * `account` is the one whose page this is, if it is anybody's: what is answered to another is not shown.
 * Where `ask.heard` is set it is told of each answer when that was asked for, when it came (both by performance.now()), and
 * its Date header.
 */
export function asking(base, account = null) {
  const ask = async (path, parameters = {}, signal = null) => {
    const late = AbortSignal.timeout(PATIENCE_MS);
    const sent = performance.now();
    let response;
    let content;
    try {
      response = await fetch(address(base, path, parameters), {
        headers: { Accept: "application/json" },
        cache: "no-store",
        signal: signal ? AbortSignal.any([signal, late]) : late,
      });
      ask.heard?.(sent, performance.now(), response.headers.get("Date"));
      content = await response.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      if (late.aborted) throw new NoAnswer(0, `The server did not answer within ${PATIENCE_MS / 1000} s.`, true);
      if (!response) throw new NoAnswer(0, "The server can't be reached.");
    }
    const asked_by = response.headers.get("TMon-Account");
    if (account && asked_by && asked_by !== account) throw new SomebodyElse();
    if (response.status === 401) throw new NoAnswer(401, "You are logged out.");
    if (response.status !== 200) throw new NoAnswer(response.status, content?.message ?? `The server said ${response.status}.`);
    // A proxy's page, say, or one that was cut off.
    if (!content?.results) throw new NoAnswer(200, "What the server said can't be understood.");
    return content;
  };
  ask.tell = async (path, method, content, token) => {
    let response;
    let answer;
    try {
      response = await fetch(address(base, path, {}), {
        method,
        headers: { Accept: "application/json", "X-CSRFToken": token, ...(content ? { "Content-Type": "application/json" } : {}) },
        body: content ? JSON.stringify(content) : null,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      answer = await response.json();
    } catch {
      throw new NoAnswer(response?.status ?? 0, "The server can't be reached. Nothing was changed, or it can't be told.");
    }
    if (!response.ok) throw new NoAnswer(response.status, sentence(answer.message) ?? `The server said ${response.status}.`);
    return answer;
  };
  ask.csv = (path, parameters) => address(base, path, { ...parameters, format: "csv" });
  return ask;
}

/**
 * `ask` with at most `most` of its questions under way; the others wait, in the order in which they came. A browser keeps
 * six connections to a server: whoever takes them all makes everything else wait, and the server work on all at once.
 */
export function inTurn(ask, most) {
  const waiting = [];
  let free = most;
  const asked = async (...question) => {
    if (free > 0) free -= 1;
    else await new Promise((turn) => waiting.push(turn));
    try {
      return await ask(...question); // which fails at once where its signal has said so meanwhile
    } finally {
      if (waiting.length) waiting.shift()();
      else free += 1;
    }
  };
  asked.csv = ask.csv;
  asked.tell = ask.tell; // somebody waits for it
  return asked;
}
