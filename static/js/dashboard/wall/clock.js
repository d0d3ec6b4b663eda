// SPDX-License-Identifier: GPL-3.0-or-later
// The server's clock, from the Date header of its answers (RFC 9110, section 6.6.1), which says whole seconds.
//
// An answer that says second S, asked for at `sent` and there at `received` (by a clock of ours that is never set), was
// made in between, while the server's clock was in [S, S + 1 s). So the server's clock is ahead of ours by at least
// S − received and by less than S + 1 s − sent. Each answer narrows that down: after a few of them it is known to about
// the time that the quickest answer took. As clocks drift apart, what is known is widened with time; where an answer
// contradicts it, a clock was set or a machine slept, and it begins anew.

const SECOND_MS = 1000;
/** Quartz clocks are off by 100 parts in a million at most; two of them by twice that. */
const DRIFT = 2e-4;

export class ServerClock {
  constructor() {
    this._least = Date.now() - performance.now(); // until the first answer: this machine's clock
    this._most = this._least;
    this._at = null;
  }

  /** An answer with this Date header; `sent` and `received` by performance.now(). */
  heard(sent, received, date) {
    const second = Date.parse(date ?? "");
    if (Number.isNaN(second)) return;
    const [least, most] = [second - received, second + SECOND_MS - sent];
    const wider = this._at === null ? Infinity : (received - this._at) * DRIFT;
    this._at = received;
    this._least = Math.max(this._least - wider, least);
    this._most = Math.min(this._most + wider, most);
    if (this._least > this._most) [this._least, this._most] = [least, most];
  }

  /** What the server's clock shows, in Unix milliseconds. */
  now() {
    return performance.now() + (this._least + this._most) / 2;
  }
}
