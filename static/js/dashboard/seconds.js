// SPDX-License-Identifier: GPL-3.0-or-later
// The last minutes by second: asked for once, then moved on by each tick of the live stream.

import { merged, points } from "./series.js";
import { secondsOf } from "./times.js";

export const SECONDS = 300;

export class LiveSeconds {
  constructor(ask) {
    this._ask = ask;
    this.points = [];
  }

  /** Ask for all of them. The running second is left out: its count would be of a part of it. */
  async load(signal) {
    const answer = await this._ask(`requests/second/${SECONDS + 1}`, {}, signal);
    this._keep(points(answer).slice(0, -1));
  }

  /** Move on by a tick's seconds, which also correct the ones before. */
  tick({ seconds }) {
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
    this.points = found.slice(-SECONDS);
  }
}
