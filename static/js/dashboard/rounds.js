// SPDX-License-Identifier: GPL-3.0-or-later
// When the page asks for figures: in rounds, half a second apart at least, and only while somebody sees the page.
//
// A round is one question, the summary of the period. It waits for no other, so that its figures are as old as half a
// second and its answer. Where that has changed the other panels are asked too, at most once a second, and those that
// nobody sees every ten seconds and when they come into view. After a round without a change there is a second to the next one, unless something is heard of
// a new request before. So a quiet web service costs one small question a second, and a busy one two, whatever arrives.
// Where the summary is dear, because it is worked out from the events, it is never asked more than once a second.

const EVERY_MS = 500;
const QUIET_MS = 1000;
const REST_MS = 1000;
const PAST_MS = 5000;
const AWAY_MS = 3000;
const PAUSE_MS = 50;

export class Rounds {
  /**
   * `first(signal)` asks for the summary and resolves to whether it has changed, or to null: then nothing more is asked
   * until `now` is called. What it throws means "try again later".
   * `rest(signal, changed, all)` has asked what is due then, with `all` everything, and waits for nothing. Errors are
   * theirs to show. `endsNow()` says whether the period reaches up to now, `dear()` whether its summary is.
   */
  constructor({ first, rest, endsNow, dear }) {
    this._first = first;
    this._rest = rest;
    this._endsNow = endsNow;
    this._dear = dear;
    this._quiet = false;
    this._timer = null;
    this._abort = new AbortController();
    this._all = true;
    this._changed = false;
    this._began = -Infinity;
    this._rested = -Infinity;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.now();
      else this._stop();
    });
  }

  /** Forget what is under way and ask everything anew. */
  now() {
    this._stop();
    this._all = true;
    this._round();
  }

  /** Something has changed: don't wait longer than after a change. */
  soon() {
    if (this._timer !== null && this._quiet) this._next(EVERY_MS);
  }

  _stop() {
    clearTimeout(this._timer);
    this._timer = null;
    this._abort.abort();
    this._abort = new AbortController();
  }

  async _round() {
    this._timer = null;
    if (document.visibilityState !== "visible") return;
    const { signal } = this._abort;
    this._began = performance.now();
    this._quiet = false;
    let wait = AWAY_MS;
    try {
      const changed = await this._first(signal);
      if (signal.aborted || changed === null) return;
      this._others(signal, changed);
      this._quiet = !changed && !this._dear() && this._endsNow();
      wait = !this._endsNow() ? PAST_MS : changed && !this._dear() ? EVERY_MS : QUIET_MS;
    } catch {
      if (signal.aborted) return;
    }
    this._next(wait);
  }

  _others(signal, changed) {
    this._changed ||= changed;
    const now = performance.now();
    if (!this._all && now - this._rested < REST_MS - EVERY_MS / 2) return;
    const all = this._all;
    this._rested = now;
    this._rest(signal, this._changed, all);
    this._all = false;
    this._changed = false;
  }

  _next(wait) {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._round(), Math.max(PAUSE_MS, wait - (performance.now() - this._began)));
  }
}
