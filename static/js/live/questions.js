// SPDX-License-Identifier: GPL-3.0-or-later
// The live stream of a web service, put together from two questions a second (docs/api.md), for where a connection that
// stays open would be one too many: a browser has six of them for a server (HTTP/1.1).

const EVERY_MS = 1000;
const PATIENCE_MS = 5000;
const MOST = 50;
const FRESH_MS = 60_000;
/** The last ten seconds that have ended, and the running one. */
const SECONDS = 11;

/** As the stream at `url`: `heard(name, data)` with JSON text, `failed()` once where a question has no answer. */
export class Questions {
  constructor(url, heard, failed) {
    this._base = url.replace(/\/live$/, "");
    this._heard = heard;
    this._failed = failed;
    this._newest = null;
    this._abort = new AbortController();
    this.open = false;
    this._round();
  }

  close() {
    this.open = false;
    this._abort.abort();
    clearTimeout(this._timer);
  }

  async _round() {
    const { signal } = this._abort;
    const began = performance.now();
    try {
      const [seconds, events] = await Promise.all([this._ask(`requests/second/${SECONDS}`, signal), this._ask(`events?limit=${MOST + 1}`, signal)]);
      if (signal.aborted) return;
      this.open = true;
      if (!seconds.as_of) throw new Error("nothing is there");
      this._heard("tick", JSON.stringify({ seconds: seconds.results.slice(0, -1), as_of: seconds.as_of }));
      this._arrivals(events.results, Date.parse(seconds.as_of) - FRESH_MS);
      this._timer = setTimeout(() => this._round(), Math.max(50, EVERY_MS - (performance.now() - began)));
    } catch {
      if (signal.aborted) return;
      this.close();
      this._failed();
    }
  }

  /** What has come since the last round, oldest first. */
  _arrivals(events, since) {
    const last = this._newest;
    this._newest = Math.max(last ?? 0, ...events.map(({ seq }) => seq));
    if (last === null) return;
    const fresh = events.filter(({ seq }) => seq > last);
    for (const event of fresh.slice(0, MOST).reverse()) {
      if (event.kind === "request" && Date.parse(event.ts) >= since) this._heard("request", JSON.stringify({ ...event, sampled: fresh.length > MOST }));
    }
  }

  async _ask(question, signal) {
    const response = await fetch(`${this._base}/${question}`, { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
    if (response.status === 404) return { results: [] }; // a share link shows no single requests
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  }
}
