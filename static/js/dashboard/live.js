// SPDX-License-Identifier: GPL-3.0-or-later
// The live stream (docs/api.md): connects, notices when it has gone silent, and connects again by itself.

const SILENT_S = 5;
const GRACE_S = 3;
const LONGEST_S = 10;
const OFFLINE_S = 300;
const EVERY_MS = 500;

/**
 * Watches what is below `base`, as `asking` does: `tick(data)` and `request(data)` for what comes, `state(now)` twice a second with
 * {state: "connecting" | "live" | "stale" | "offline", age_s, attempt, next_s, since}, and `again()` when it is back.
 * `since` is the time of the last message in Unix seconds. Is closed while nobody sees the page.
 */
export class LiveStream {
  constructor(base, { tick, request, state, again }) {
    this._url = `${base}/data/live`;
    this._hear = { tick, request };
    this._state = state;
    this._again = again;
    this._source = null;
    this._attempt = 0;
    this._retry_at = null;
    this._heard_at = null;
    this._began_at = performance.now();
    this._since = null;
    this._lost = false;
    document.addEventListener("visibilitychange", () => this._seen());
    addEventListener("online", () => this.reconnect());
    setInterval(() => this._look(), EVERY_MS);
    this._connect();
  }

  /** Try again at once. */
  reconnect() {
    if (this._source?.readyState !== EventSource.OPEN) this._connect();
  }

  _connect() {
    this._source?.close();
    this._retry_at = null;
    this._tried_at = performance.now();
    const source = new EventSource(this._url);
    this._source = source;
    source.addEventListener("error", () => {
      if (source === this._source) this._failed();
    });
    for (const name of ["tick", "request"]) {
      source.addEventListener(name, (event) => {
        if (source !== this._source) return;
        this._heard();
        this._hear[name](JSON.parse(event.data));
      });
    }
  }

  _heard() {
    const back = this._lost;
    this._attempt = 0;
    this._lost = false;
    this._heard_at = performance.now();
    this._since = Date.now() / 1000;
    if (back) {
      this._look();
      this._again();
    }
  }

  _failed() {
    // The browser would try again by itself, but not after every kind of failure, and without saying when.
    this._source?.close();
    this._source = null;
    this._attempt += 1;
    this._retry_at = performance.now() + Math.min(LONGEST_S, 2 ** (this._attempt - 1)) * 1000;
    this._look();
  }

  _seen() {
    if (document.visibilityState === "visible") {
      this._attempt = 0;
      this._lost = true;
      this._connect();
    } else {
      this._source?.close();
      this._source = null;
      this._retry_at = null;
    }
  }

  _look() {
    if (document.visibilityState !== "visible") return;
    const now = performance.now();
    const age_s = (now - (this._heard_at ?? this._began_at)) / 1000;
    if (this._retry_at !== null && now >= this._retry_at) this._connect();
    else if (this._source && (now - Math.max(this._heard_at ?? 0, this._tried_at)) / 1000 > SILENT_S) this._failed();
    const bad = this._attempt > 0 && age_s > GRACE_S;
    if (bad) this._lost = true;
    const state = bad ? (age_s > OFFLINE_S ? "offline" : "stale") : this._heard_at === null ? "connecting" : "live";
    const next_s = this._retry_at === null ? null : Math.max(0, (this._retry_at - now) / 1000);
    this._state({ state, age_s, attempt: this._attempt, next_s, since: this._since });
  }
}
