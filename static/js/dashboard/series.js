// SPDX-License-Identifier: GPL-3.0-or-later
// A series of buckets by their start: asked for whole once, then kept up to date by its end.

import { secondsOf } from "./times.js";

export const STEP_S = { second: 1, minute: 60, hour: 3600, day: 86_400 };
export const MOST = { second: 7200, minute: 11_520, hour: 8784, day: 3660 };
const TAIL = 3;
const WHOLE_AGAIN_MS = 30_000;
const SMALL = 400;

/** The points of an answer, {t (Unix seconds), requests, …}, oldest first. */
export function points(answer) {
  return answer.results.map((point) => ({ ...point, t: secondsOf(point.t) }));
}

/** `later` put over the end of `earlier`: buckets that both have are the later answer's. */
export function merged(earlier, later) {
  if (!later.length) return earlier;
  const at = earlier.findIndex((point) => point.t >= later[0].t);
  return at < 0 ? [...earlier, ...later] : [...earlier.slice(0, at), ...later];
}

/**
 * For each of `points` the one of `others` that starts at the same time, give or take half a step; null where there is
 * none. Days of 23 and 25 hours make the same day of another month start an hour off.
 */
export function aligned(points, others, step_s) {
  let at = 0;
  return points.map(({ t }) => {
    while (at < others.length - 1 && Math.abs(others[at + 1].t - t) <= Math.abs(others[at].t - t)) at += 1;
    return others[at] && Math.abs(others[at].t - t) <= step_s / 2 ? others[at] : null;
  });
}

export class Series {
  /** `ask` asks the API; `parameters` are those of the period. */
  constructor(ask, grain, parameters) {
    this._ask = ask;
    this._parameters = parameters;
    this._whole_at = -Infinity;
    this.grain = grain;
    this.points = [];
    this.complete_from = null;
    this._reached = Infinity;
    this._end = Infinity;
  }

  /** How many of the points are of buckets that are over. The one that runs counts a part of its time only. */
  get over() {
    const at = this.points.findIndex((_, index) => (this.points[index + 1]?.t ?? this._end) > this._reached);
    return at < 0 ? this.points.length : at;
  }

  /** Bring it up to date: short ones whole, long ones by their end and now and then whole. */
  async update(signal) {
    const whole = this.points.length < SMALL || performance.now() - this._whole_at > WHOLE_AGAIN_MS;
    const answer = await this._ask(`requests/${this.grain}/${whole ? MOST[this.grain] : TAIL}`, this._parameters, signal);
    this._reached = secondsOf(answer.as_of);
    this._end = secondsOf(answer.to);
    if (whole) {
      this._whole_at = performance.now();
      this.points = points(answer);
      this.complete_from = answer.complete_from;
    } else {
      this.points = merged(this.points, points(answer));
    }
  }
}
