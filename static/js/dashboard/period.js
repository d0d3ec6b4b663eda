// SPDX-License-Identifier: GPL-3.0-or-later
// Which period is looked at: kept in the page's address, so that it can be shared, reloaded and gone back to.
//
// A period is named ("24h"), or of days ("2026-11-16" to "2026-11-17", both included), or of two moments
// ("2026-11-16T09:12Z"). Totals and rankings are kept by whole hours. One that is not made of them is `fine` for as long
// as its seconds or minutes are kept: then its figures are added up from those.

import { secondsOf } from "./times.js";

const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;
export const STEP_S = { second: 1, minute: MINUTE_S, hour: HOUR_S, day: DAY_S };
/** How long seconds and minutes are kept (docs/api.md), less the time that an answer may take to be looked at. */
export const KEPT_S = { second: 2 * HOUR_S - MINUTE_S, minute: 8 * DAY_S - HOUR_S };
/** As many points a graph shows unless somebody asks for more. */
const PLENTY = 1500;

/**
 * What each name asks the API for, in which steps the graph may show it, and how far back the one before lies: `before_s`
 * seconds, `months`, or where neither is said as many days as the period covers.
 */
const PERIODS = {
  now: { from: "-1h", last_s: 600, grains: ["second", "minute"], grain: "second", spark: "second", called: "10 min before" },
  "24h": { from: "-24h", grains: ["second", "minute", "hour"], grain: "minute", spark: "hour", before_s: DAY_S, called: "previous 24 h" },
  today: { from: "today", grains: ["second", "minute", "hour"], grain: "minute", spark: "hour", before_s: DAY_S, called: "yesterday" },
  yesterday: { from: "yesterday", to: "yesterday", grains: ["minute", "hour"], grain: "minute", spark: "hour", before_s: DAY_S, called: "day before" },
  "7d": { from: "-7d", grains: ["minute", "hour", "day"], grain: "hour", spark: "day", called: "previous 8 days" },
  "30d": { from: "-30d", grains: ["hour", "day"], grain: "day", spark: "day", called: "previous 31 days" },
  month: { from: "month", grains: ["hour", "day"], grain: "day", spark: "day", months: 1, called: "previous month" },
  year: { from: "year", grains: ["day"], grain: "day", spark: "day", months: 12, called: "previous year" },
};
export const DEFAULT = "24h";
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?Z$/;

/** Events are of 1990 or later, and no period ends later than that much ahead (docs/api.md), less a day for the zone. */
export const FIRST = "1990-01-01";
const AHEAD_S = 399 * DAY_S;

const date = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
const later = (day, days) => date(secondsOf(day) + days * DAY_S);

/** A moment as the address and the API write it, in UTC. */
export function stamp(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(0, seconds % MINUTE_S ? 19 : 16)}Z`;
}

/** The same day that many months on, the first day of a month always a first day. */
function months_on(day, months) {
  const [year, month] = day.split("-").map(Number);
  return `${date(Date.UTC(year, month - 1 + months, 1) / 1000).slice(0, 8)}${day.slice(8)}`;
}

/** How many whole months the days are, 0 where they are none. */
function months_of(from, to) {
  if (!from.endsWith("-01") || !later(to, 1).endsWith("-01")) return 0;
  const [years, months] = [0, 5].map((at) => Number(later(to, 1).slice(at, at + (at ? 2 : 4))) - Number(from.slice(at, at + (at ? 2 : 4))));
  return years * 12 + months;
}

/**
 * The period that `address` names (address.js), the `usual` one where it names none. `times` knows the zone. Where what it
 * names can't be shown, the usual one too, which says so as `instead`.
 */
export function periodOf(address, times, usual = DEFAULT) {
  const [from, to, name] = ["from", "to", "period"].map((given) => address.get(given) ?? "");
  if (askable(DATE, from, to) && from <= to) return custom(from, to);
  if (askable(MOMENT, from, to) && secondsOf(from) < secondsOf(to)) return exact(secondsOf(from), secondsOf(to), times);
  return { ...named(name, usual), instead: Boolean(from || to || (name && !Object.hasOwn(PERIODS, name))) };
}

/** Whether two texts have this form, and are times that the API answers for. */
function askable(form, from, to) {
  const real = (text) => form.test(text) && Number.isFinite(secondsOf(text)) && date(secondsOf(text)) === text.slice(0, 10);
  return real(from) && real(to) && from >= FIRST && secondsOf(to) < Date.now() / 1000 + AHEAD_S;
}

/** Whether the API has anything to say of a time that starts then. */
export function possible({ from }) {
  return from >= FIRST;
}

/** The period with this name, else the `usual` one, which the address need not name. */
export function named(given, usual = DEFAULT) {
  const name = Object.hasOwn(PERIODS, given) ? given : usual;
  const { from, to, last_s, ...rest } = PERIODS[name];
  return {
    name,
    parameters: to ? { from, to } : { from },
    address: { period: name === usual ? null : name, from: null, to: null },
    endsNow: !to,
    fine: last_s ? { last_s, step: "second" } : null,
    ...rest,
  };
}

/** The days from `from` to `to`, YYYY-MM-DD, both included. */
export function custom(from, to) {
  const days = (secondsOf(to) - secondsOf(from)) / DAY_S + 1;
  const months = months_of(from, to);
  const grains = ["hour", "day"];
  if (days <= 8) grains.unshift("minute");
  // A day's slack either way: which day it is there depends on the web service's zone.
  const endsNow = secondsOf(to) + 2 * DAY_S > Date.now() / 1000;
  const called = months === 1 ? "month before" : months === 12 ? "year before" : months ? `${months} months before` : days === 1 ? "day before" : `${days} days before`;
  return {
    name: "custom",
    parameters: { from, to },
    address: { period: null, from, to },
    endsNow,
    fine: null,
    grains,
    grain: days <= 14 ? "hour" : "day",
    spark: days <= 3 ? "hour" : "day",
    ...(months ? { months } : { before_s: days * DAY_S }),
    called,
  };
}

/** The time from `since` until `until`, in Unix seconds. */
export function exact(since, until, times) {
  const now = Date.now() / 1000;
  const length = until - since;
  const grains = Object.keys(STEP_S).filter((grain) => {
    const kept = KEPT_S[grain] === undefined || (since > now - KEPT_S[grain] && length <= KEPT_S[grain]);
    return kept && (grain === "second" || length >= 2 * STEP_S[grain]);
  });
  const whole = times.isHour(since) && times.isHour(until);
  const minutes = since % MINUTE_S === 0 && until % MINUTE_S === 0 && length > 600;
  const step = whole ? null : grains.includes("second") && !minutes ? "second" : grains.includes("minute") ? "minute" : null;
  if (!grains.length || (!step && !grains.some((grain) => grain !== "second"))) grains.push("hour");
  const few = grains.find((grain) => length / STEP_S[grain] <= PLENTY) ?? grains.at(-1);
  return {
    name: "custom",
    parameters: { from: stamp(since), to: stamp(until) },
    address: { period: null, from: stamp(since), to: stamp(until) },
    endsNow: until > now,
    fine: step && { since, until, step },
    grains,
    grain: few,
    spark: step ?? (length >= 6 * HOUR_S ? "hour" : few),
    before_s: length,
    since,
    until,
    called: `${spoken(length)} before`,
  };
}

function spoken(seconds) {
  const [size, unit] = seconds < 120 ? [1, "s"] : seconds < 2 * HOUR_S ? [MINUTE_S, "min"] : seconds < 2 * DAY_S ? [HOUR_S, "h"] : [DAY_S, "days"];
  return `${Math.round(seconds / size)} ${unit}`;
}

/**
 * The address of the period that ends where this one starts (`way` -1), or starts where it ends (1); null where that has
 * not begun. Of whole months it is as many months, of days as many days.
 */
export function moved(period, way, times, now = Date.now() / 1000) {
  const [first, last] = bounds(period, times, now);
  if (typeof first === "number") {
    if (way < 0) return exact(2 * first - last, first, times).address;
    return last > now || period.endsNow ? null : exact(last, 2 * last - first, times).address;
  }
  const months = period.months ?? months_of(first, last);
  const days = (secondsOf(last) - secondsOf(first)) / DAY_S + 1;
  const from = months ? months_on(first, way * months) : later(first, way * days);
  const to = months ? later(months_on(from, months), -1) : later(last, way * days);
  return way > 0 && from > times.iso(now) ? null : custom(from, to).address;
}

/** The first and the last day of a period, or its first moment and the one at which it ends. */
function bounds(period, times, now) {
  const today = times.iso(now);
  const minute = Math.floor(now / MINUTE_S) * MINUTE_S;
  switch (period.name) {
    case "now":
      return [minute - period.fine.last_s, minute];
    case "24h":
      return [times.hourStart(now) - DAY_S, times.hourStart(now)];
    case "today":
      return [today, today];
    case "yesterday":
      return [later(today, -1), later(today, -1)];
    case "7d":
    case "30d":
      return [later(today, -Number.parseInt(period.name, 10)), today];
    case "month":
    case "year": {
      const first = period.name === "month" ? `${today.slice(0, 7)}-01` : `${today.slice(0, 4)}-01-01`;
      return [first, later(months_on(first, period.months), -1)];
    }
    default:
      return period.since === undefined ? [period.parameters.from, period.parameters.to] : [period.since, period.until];
  }
}

/** Seconds that the clock on the wall there shows for `text`, ISO 8601 with an offset, as if it were UTC. */
const wall = (text) => secondsOf(`${text.slice(0, 19)}Z`);

/** How far the period before lies back from `answer`'s, in seconds by the clock on the wall there. */
export function apart_s(period, { from, to }) {
  if (period.months) return wall(from) - secondsOf(months_on(from.slice(0, 10), -period.months));
  return period.before_s ?? wall(to) - wall(from);
}

/**
 * The parameters of the period before `answer`'s, up to the same point of it as has been reached now. Reckoned with
 * the clock on the wall there, so that midnight stays midnight when the clocks have changed in between. A month is not
 * compared with days of its own, though the one before had fewer.
 */
export function before(period, answer) {
  const { from, to, as_of } = answer;
  const back = apart_s(period, answer);
  const text = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19);
  const reached = Math.ceil(wall(as_of) / HOUR_S) * HOUR_S;
  const until = Math.min(wall(to), reached) - back;
  return { from: text(wall(from) - back), to: text(period.months ? Math.min(until, wall(from)) : until) };
}
