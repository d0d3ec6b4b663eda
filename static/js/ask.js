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

/** The address of a question. A parameter whose value is a list is given once for each. */
function address(base, path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).flatMap(([name, value]) => [value].flat().map((one) => [name, one])));
  return `${base}/data/${path}${query.size ? `?${query}` : ""}`;
}

/**
 * A function ask(path, parameters, signal) for what is below `base`, "/7" or "/share/…": resolves to the whole answer. Rejects with
 * NoAnswer, or with AbortError where `signal` says so. `ask.csv(path, parameters)` is the address of the same as CSV.
 * Where `ask.heard` is set it is told of each answer when that was asked for, when it came (both by performance.now()), and
 * its Date header.
 */
export function asking(base) {
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
      throw new NoAnswer(response?.status ?? 0, "The server can't be reached.");
    }
    if (response.status !== 200) throw new NoAnswer(response.status, content.message ?? `The server said ${response.status}.`);
    return content;
  };
  ask.csv = (path, parameters) => address(base, path, { ...parameters, format: "csv" });
  return ask;
}
