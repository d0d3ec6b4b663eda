// SPDX-License-Identifier: GPL-3.0-or-later
// When the page asks for figures: in rounds, a second apart at least, and only while somebody sees the page.
//
// A round begins with one question, the summary of the period. Only where its answer differs from the last one are
// the other panels asked too, and those that nobody sees less often. So a quiet web service costs one small question a
// second, and a busy one no more than one round a second, whatever arrives.

const EVERY_MS = 1000;
const PAST_MS = 5000;
const AWAY_MS = 3000;

export class Rounds {
  /**
   * `first(signal)` asks the first question and resolves to whether its answer has changed, or to null: then nothing more
   * is asked until `now` is called. `rest(signal, changed, all)`
   * asks what is due then, with `all` everything. Errors are theirs to show: what they throw means "try again later".
   */
  constructor({ first, rest, endsNow }) {
    this._first = first;
    this._rest = rest;
    this._endsNow = endsNow;
    this._timer = null;
    this._abort = new AbortController();
    this._all = true;
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

  _stop() {
    clearTimeout(this._timer);
    this._abort.abort();
    this._abort = new AbortController();
  }

  async _round() {
    if (document.visibilityState !== "visible") return;
    const { signal } = this._abort;
    const began = performance.now();
    const all = this._all;
    let wait = this._endsNow() ? EVERY_MS : PAST_MS;
    try {
      const changed = await this._first(signal);
      if (changed === null) return;
      await this._rest(signal, changed, all);
      if (!signal.aborted) this._all = false;
    } catch (error) {
      if (signal.aborted) return;
      wait = AWAY_MS;
    }
    if (signal.aborted) return;
    this._timer = setTimeout(() => this._round(), Math.max(50, wait - (performance.now() - began)));
  }
}
