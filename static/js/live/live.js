// SPDX-License-Identifier: GPL-3.0-or-later
// A page's side of the live stream: has it from the worker that all pages of this browser share, or where there is no
// such worker, from a connection of its own.

import { Feed } from "./feed.js";

const EVERY_MS = 500;
const SEEN_MS = 5000;
/** The worker is heard twice a second. Who has not been for so long has ended, or hangs. */
const MUTE_MS = 4000;

/**
 * Watches the stream at `url`: `tick(data)` and `request(data)` for what comes, `state(now)` twice a second as Feed says
 * it, and `again()` when it is back, also after nobody has seen the page. Is left while nobody sees the page. `worker`
 * is the address of worker.js, and `release` the server's: pages of another one have another worker.
 */
export class LiveStream {
  constructor(url, worker, release, { tick, request, state, again }) {
    this._url = url;
    this._hear = { tick, request };
    this._state = state;
    this._again = again;
    this._lost = false;
    this._own = null;
    this._port = this._worker(worker, release);
    if (!this._port) this._alone();
    document.addEventListener("visibilitychange", () => this._seen());
    addEventListener("pagehide", () => this._leave());
    addEventListener("pageshow", (event) => event.persisted && this._seen());
    setInterval(() => this._watch(), EVERY_MS);
    if (document.visibilityState === "visible") this._follow();
  }

  /** Try again at once. */
  reconnect() {
    if (this._own) this._own.reconnect();
    else this._port.postMessage({ seen: this._url, reconnect: true });
  }

  _worker(url, release) {
    if (!globalThis.SharedWorker) return null;
    try {
      const worker = new SharedWorker(url, { type: "module", name: `tmon ${release}` });
      worker.addEventListener("error", () => this._alone());
      worker.port.addEventListener("message", ({ data }) => this._told(data));
      worker.port.start();
      return worker.port;
    } catch {
      return null; // a browser that knows the word and allows no workers
    }
  }

  /** Go on without the worker. */
  _alone() {
    if (this._own) return;
    this._port?.close();
    this._own = new Feed(this._url, { heard: (name, data) => this._told({ name, data }), state: (state) => this._told({ state }) });
    if (document.visibilityState === "visible") this._own.follow();
  }

  _follow() {
    this._heard_at = this._said_at = this._watched_at = performance.now();
    if (this._own) this._own.follow();
    else this._port.postMessage({ seen: this._url });
  }

  _leave() {
    if (this._own) this._own.leave();
    else this._port.postMessage({ hidden: true });
  }

  _seen() {
    if (document.visibilityState === "visible") {
      this._lost = true;
      this._follow();
    } else this._leave();
  }

  _told({ name, data, state }) {
    if (document.visibilityState !== "visible") return; // it was on its way
    this._heard_at = performance.now();
    if (name) {
      this._back();
      this._hear[name](JSON.parse(data));
      return;
    }
    if (state.state === "stale" || state.state === "offline") this._lost = true;
    this._state(state);
  }

  _back() {
    if (!this._lost) return;
    this._lost = false;
    this._again();
  }

  _watch() {
    if (this._own || document.visibilityState !== "visible") return;
    const now = performance.now();
    // After a sleep of the machine this may run before the messages that wait: that says nothing about the worker.
    if (now - this._watched_at > MUTE_MS) this._heard_at = now;
    this._watched_at = now;
    if (now - this._heard_at > MUTE_MS) {
      this._alone();
    } else if (now - this._said_at > SEEN_MS) {
      this._said_at = now;
      this._port.postMessage({ seen: this._url });
    }
  }
}
