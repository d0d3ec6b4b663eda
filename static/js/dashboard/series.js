// SPDX-License-Identifier: GPL-3.0-or-later
// A series of buckets by their start: asked for whole once, then kept up to date by its end.

import { FIRST, KEPT_S, STEP_S } from "./period.js";
import { secondsOf } from "./times.js";

export const MOST = { second: 7200, minute: 11_520, hour: 8784, day: 3660 };
/** Hours and days have percentiles (docs/api.md). */
const SPREAD = new Set(["hour", "day"]);
/** What most looks at a long series need; all its measures are five times as much to load. */
export const COUNTS = ["requests", "errors"];
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

/**
 * The same, where those before the first event of all have nothing instead of zeros: nobody counted then. `all` are points
 * of the same time without filters.
 */
export function sinceFirst(points, all = points) {
  const first = Math.min(...[points, all].map((list) => list.find(({ requests }) => requests > 0)?.t ?? Infinity));
  if (first === Infinity) return points;
  const nothing = Object.fromEntries(Object.keys(points[0] ?? {}).map((name) => [name, null]));
  return points.map((point) => (point.t < first ? { ...nothing, t: point.t } : point));
}

/** The parameters of a series by `grain`: those of the period, and where there are percentiles these too. */
export function spread(grain, parameters) {
  return SPREAD.has(grain) ? { ...parameters, with: "percentiles" } : parameters;
}

/** The same parameters, of a series that has counts only. */
export function narrowed(parameters, counts) {
  return counts ? { ...parameters, measures: COUNTS.join(",") } : parameters;
}

/** What the points add up to. Without percentiles, which don't add up. */
export function summed(points) {
  const sums = { requests: 0, visitors: 0, bots: 0, errors: 0, bytes: 0 };
  for (const point of points) for (const name of Object.keys(sums)) sums[name] += point[name];
  return sums;
}

export class Series {
  /** `ask` asks the API; `parameters` are those of the period. Where `counts` only these measures are wanted. */
  constructor(ask, grain, parameters, counts) {
    this._ask = ask;
    this._parameters = narrowed(spread(grain, parameters), counts);
    this._bare = narrowed({ ...parameters, filter: [] }, true);
    this.counts = counts;
    this._whole_at = -Infinity;
    this._first = null;
    this._all = undefined;
    this.grain = grain;
    this.points = [];
    this.complete_from = null;
    this.open_from = null;
    this.approximate = false;
    this._reached = Infinity;
    this._end = Infinity;
  }

  /** How many of the points are of buckets that are over. The one that runs counts a part of its time only. */
  get over() {
    const at = this.points.findIndex((_, index) => (this.points[index + 1]?.t ?? this._end) > this._reached);
    return at < 0 ? this.points.length : at;
  }

  /** Whether the first event of all is in this period. Asked once, and only where it begins with none. */
  async _begins(found, { from, complete_from }, signal) {
    if (found[0]?.requests !== 0 || (complete_from !== null && !this._filtered)) return false;
    if (this._first === null) {
      const [earlier, all] = await Promise.all([
        this._ask("summary", { from: FIRST, to: from }, signal),
        this._filtered ? this._unfiltered(signal) : undefined,
      ]);
      this._first = earlier.results.requests === 0 && earlier.complete_from === null && all !== null;
      this._all = all;
    }
    return this._first;
  }

  get _filtered() {
    return this._parameters.filter?.length > 0;
  }

  /** The same without filters: where that has none either, nobody counted. null where its counts are gone. */
  async _unfiltered(signal) {
    const answer = await this._ask(`requests/${this.grain}/${MOST[this.grain]}`, this._bare, signal);
    return answer.complete_from === null ? points(answer) : null;
  }

  /** Bring it up to date: short ones whole, long ones by their end and now and then whole. */
  async update(signal) {
    const whole = this.points.length < SMALL || performance.now() - this._whole_at > WHOLE_AGAIN_MS;
    const answer = await this._ask(`requests/${this.grain}/${whole ? MOST[this.grain] : TAIL}`, this._parameters, signal);
    this._reached = secondsOf(answer.as_of);
    this._end = secondsOf(answer.to);
    if (whole) {
      this._whole_at = performance.now();
      const found = points(answer);
      this.points = (await this._begins(found, answer, signal)) ? sinceFirst(found, this._all) : found;
      this.complete_from = answer.complete_from;
      this.open_from = answer.open_from;
      this.approximate = answer.approximate !== undefined;
    } else {
      this.points = merged(this.points, points(answer));
    }
  }
}

/**
 * The seconds or minutes of a period that is not made of whole hours, and as many before them where those are kept. The
 * period is either {since, until} in Unix seconds, which are rounded to whole steps outwards, or {last_s}: up to now.
 */
export class FineSeries {
  constructor(ask, grain, fine, filter) {
    this._ask = ask;
    this._fine = fine;
    this._filter = filter;
    this.grain = grain;
    this.points = [];
    this.before = null;
    this.complete_from = null;
    this.open_from = null;
    this.approximate = false;
    this._reached = Infinity;
  }

  /** How many seconds it covers. */
  get length_s() {
    const [since, until] = this._bounds;
    return until - since;
  }

  /** How many of the points are of buckets that are over. */
  get over() {
    const step = STEP_S[this.grain];
    const at = this.points.findIndex(({ t }) => t + step > this._reached);
    return at < 0 ? this.points.length : at;
  }

  get _bounds() {
    const step = STEP_S[this.grain];
    const { last_s, since, until } = this._fine;
    if (!last_s) return [Math.floor(since / step) * step, Math.ceil(until / step) * step];
    const end = Math.ceil(Date.now() / 1000 / step) * step;
    return [end - Math.ceil(last_s / step) * step, end];
  }

  /** Bring it up to date. */
  async update(signal) {
    const step = STEP_S[this.grain];
    const now = Date.now() / 1000;
    const [since, until] = this._bounds;
    const length = until - since;
    const wanted = since - length > now - KEPT_S[this.grain] ? since - length : since;
    // The API ends a period with an hour or now, and the clocks of the two machines may differ.
    const end = Math.min(now, Math.ceil(until / 3600) * 3600) + 60;
    const limit = Math.min(MOST[this.grain], Math.ceil((end - wanted) / step) + 1);
    const parameters = { filter: this._filter, ...(this._fine.last_s ? {} : { to: new Date(until * 1000).toISOString().replace(".000", "") }) };
    const answer = await this._ask(`requests/${this.grain}/${limit}`, parameters, signal);
    const found = points(answer);
    this._reached = secondsOf(answer.as_of);
    this.points = found.filter(({ t }) => t >= since && t < until);
    this.complete_from = answer.complete_from;
    this.open_from = answer.open_from;
    const earlier = found.filter(({ t }) => t >= since - length && t < since);
    this.before = wanted < since && answer.complete_from === null ? earlier : null;
  }
}
