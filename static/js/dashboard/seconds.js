// SPDX-License-Identifier: GPL-3.0-or-later
// The last minutes by second: asked for once, then moved on by each tick of the live stream. Ticks count all there is,
// so under a filter the seconds are asked for again and again.

import { merged, points } from "./series.js";
import { secondsOf } from "./times.js";

export class LiveSeconds {
  /** Keeps the last `keep` of them, which are of what matches `filter`. */
  constructor(ask, keep, filter) {
    this._ask = ask;
    this._filter = filter;
    this.keep = keep;
    this.points = [];
  }

  /** Whether it has to be asked for again to move on. */
  get filtered() {
    return this._filter.length > 0;
  }

  /** Ask for all of them. The running second is left out: its count would be of a part of it. */
  async load(signal) {
    const answer = await this._ask(`requests/second/${Math.min(this.keep + 1, 7200)}`, { filter: this._filter }, signal);
    this._keep(points(answer).slice(0, -1));
  }

  /** Move on by a tick's seconds, which also correct the ones before. */
  tick({ seconds }) {
    if (this.filtered) return;
    const later = seconds.map((second) => ({ ...second, t: secondsOf(second.t) }));
    const last = this.points.at(-1)?.t;
    if (last !== undefined && later.length && later[0].t > last + 1) {
      this.points = []; // seconds are missing in between; whoever noticed the gap loads again
    }
    this._keep(merged(this.points, later));
  }

  /** The mean rate of the last `count` seconds; null before there are any. */
  rate(count = 5) {
    const last = this.points.slice(-count);
    return last.length ? last.reduce((sum, point) => sum + point.requests, 0) / last.length : null;
  }

  _keep(found) {
    this.points = found.slice(-this.keep);
  }
}
