// SPDX-License-Identifier: GPL-3.0-or-later
// Does something at most so often: and always once more after it was asked for the last time, since nothing may follow.

export class Paced {
  constructor(run, every_ms) {
    this._run = run;
    this._every_ms = every_ms;
    this._at = -Infinity;
    this._waiting = null;
  }

  /** Do it at once, or as soon as the time since it was done last is over. */
  soon() {
    if (this._waiting !== null) return;
    const wait = this._at + this._every_ms - performance.now();
    if (wait > 0) this._waiting = setTimeout(() => this.now(), wait);
    else this.now();
  }

  /** Do it at once. */
  now() {
    clearTimeout(this._waiting);
    this._waiting = null;
    this._at = performance.now();
    this._run();
  }
}
