// SPDX-License-Identifier: GPL-3.0-or-later
// What is new at a web service, as it comes: connects, notices when it has gone silent, and connects again by itself.
// Runs in a page or in the worker that pages share; knows of neither.

import { Questions } from "./questions.js";

const SILENT_S = 5;
const GRACE_S = 3;
const LONGEST_S = 10;
const OFFLINE_S = 300;
const EVERY_MS = 500;
/** Answers that do not come from a server in trouble: whoever asks may not, now. */
const REFUSALS = new Set([401, 403, 404]);

/** The live stream (docs/api.md) of the address `url`: `heard(name, data)` with JSON text, `failed()` once at its end. */
class Stream {
  constructor(url, heard, failed) {
    this._source = new EventSource(url);
    this._source.addEventListener("error", () => {
      // The browser would try again by itself, but not after every kind of failure, and without saying when.
      this.close();
      failed();
    });
    for (const name of ["tick", "request"]) this._source.addEventListener(name, (event) => heard(name, event.data));
  }

  get open() {
    return this._source.readyState === EventSource.OPEN;
  }

  close() {
    this._source.close();
  }
}

/**
 * Follows the live stream at `url`: `heard(name, data)` for each of its events, with the JSON text that came, and
 * `state(now)` twice a second with {state: "connecting" | "live" | "stale" | "offline", age_s, attempt, next_s, since,
 * refused}. `since` is the time of the last event in Unix seconds; `refused` is the status with which the server has
 * refused the stream (401, 403, 404), else 0. Begins with `follow`.
 */
export class Feed {
  constructor(url, { heard, state }) {
    this._url = url;
    this._tell = { heard, state };
    this._source = null;
    this._timer = null;
    this._heard_at = null;
    this._since = null;
    addEventListener("online", () => this.reconnect());
  }

  /** Follow it, with a connection of its own (`streaming`) or by questions, where connections are scarce. */
  follow(streaming = true) {
    if (this._timer !== null && this._streaming === streaming) return;
    if (this._timer === null) this._heard_at = null;
    this._streaming = streaming;
    this._attempt = 0;
    this._refused = 0;
    this._began_at = performance.now();
    this._timer ??= setInterval(() => this._look(), EVERY_MS);
    this._connect();
  }

  /** Follow it no longer. */
  leave() {
    clearInterval(this._timer);
    this._timer = null;
    this._retry_at = null;
    this._source?.close();
    this._source = null;
  }

  /** Try again at once. */
  reconnect() {
    if (this._timer !== null && !this._source?.open) this._connect();
  }

  _connect() {
    this._source?.close();
    this._retry_at = null;
    this._tried_at = performance.now();
    const Source = this._streaming ? Stream : Questions;
    const source = new Source(
      this._url,
      (name, data) => {
        if (source === this._source) this._hear(name, data);
      },
      () => {
        if (source === this._source) this._failed();
      },
    );
    this._source = source;
  }

  _hear(name, data) {
    const back = this._attempt > 0;
    this._attempt = 0;
    this._refused = 0;
    this._heard_at = performance.now();
    this._since = Date.now() / 1000;
    if (back) this._look();
    this._tell.heard(name, data);
  }

  _failed() {
    this._source?.close();
    this._source = null;
    this._attempt += 1;
    this._retry_at = performance.now() + Math.min(LONGEST_S, 2 ** (this._attempt - 1)) * 1000;
    this._look();
    this._ask_why();
  }

  /** A stream that is refused says no reason, an answer does. */
  async _ask_why() {
    const { status } = await fetch(this._url, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(SILENT_S * 1000) }).catch(() => ({ status: 0 }));
    if (this._timer === null || this._attempt === 0) return;
    this._refused = REFUSALS.has(status) ? status : 0;
    if (this._refused) this._look();
  }

  _look() {
    const now = performance.now();
    const age_s = (now - (this._heard_at ?? this._began_at)) / 1000;
    if (this._retry_at !== null && now >= this._retry_at) this._connect();
    else if (this._source && (now - Math.max(this._heard_at ?? 0, this._tried_at)) / 1000 > SILENT_S) {
      this._failed();
      return;
    }
    const bad = this._attempt > 0 && age_s > GRACE_S;
    const state = bad ? (age_s > OFFLINE_S ? "offline" : "stale") : this._heard_at === null ? "connecting" : "live";
    const next_s = this._retry_at === null ? null : Math.max(0, (this._retry_at - now) / 1000);
    this._tell.state({ state, age_s, attempt: this._attempt, next_s, since: this._since, refused: this._refused });
  }
}
