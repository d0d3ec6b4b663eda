// SPDX-License-Identifier: GPL-3.0-or-later
// Which of the six shades a country has, by the measure that is chosen: round steps up to what the largest one has.

import { bytes, count, duration, percent, short } from "../../numbers.js";

/** Of fewer requests a rate or a mean says little: the country stays without a shade. */
export const FEW = 20;

const enough = (row, value) => (row.requests >= FEW ? value : null);
const inPercent = (value) => `${percent(value, 100)}%`;

/** What countries can be shaded by. `value(row)` is null where it can't be told; `ratio`s can't be added up. */
export const SHADES = {
  requests: { called: "Requests", per: "Requests per country", value: (row) => row.requests, write: count, short },
  visitors: { called: "Visitors", per: "Visitors per country", value: (row) => row.visitors, write: count, short },
  errors: { called: "Errors", per: "Errors per country", value: (row) => row.errors, write: count, short },
  error_rate: { called: "Error rate", per: `Error rate, from ${FEW} requests on`, value: (row) => enough(row, (100 * row.errors) / row.requests), write: inPercent, short: inPercent, ratio: true, least: Number.MIN_VALUE, from: ">0" },
  duration: { called: "Mean duration", per: `Mean duration, from ${FEW} requests on`, value: (row) => enough(row, row.duration_ms), write: duration, short: duration, ratio: true, least: 0, from: "0 ms", none: "–" },
  bytes: { called: "Data out", per: "Data out per country", value: (row) => row.bytes, write: bytes, short: bytes },
};
export const USUAL = "requests";

const PARTS = [0.02, 0.1, 0.35, 0.75];
const ROUND = [1, 2, 5];
/** Values that lie closer together than this are told apart by even steps. */
const CLOSE = 6;

function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = value / power;
  return Number((ROUND.findLast((one) => one <= digit * 1.0001) * power).toPrecision(1));
}

/** The least number of each shade above the first, ascending: at most five, from 1 on. */
export function breaks(most) {
  const found = [1];
  for (const part of PARTS) {
    const value = most * part >= 2 ? round(most * part) : 0;
    if (value > found.at(-1)) found.push(value);
  }
  return most >= 1 ? found : [];
}

/** The same for a ratio, whose values begin anywhere: `least` is what the first of the shades begins with. */
export function levels(values, least) {
  const known = values.filter((value) => value > 0);
  if (!known.length) return values.some((value) => value === least) ? [least] : [];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const found = [];
  if (high / low < CLOSE && high > low) {
    const step = round((high - low) / 3);
    for (let at = Math.ceil(low / step + 1e-9); at * step <= high * 1.0001; at += 1) found.push(Number((at * step).toPrecision(6)));
  } else {
    for (let value = round(high); found.length < 4; value = round(value * 0.999)) found.unshift(value);
  }
  return [least, ...found.slice(-4)];
}

/** The steps of a measure over the rows of the view `country`. */
export function stepsOf(measure, rows) {
  const values = rows.map(measure.value).filter((value) => value !== null);
  return measure.ratio ? levels(values, measure.least) : breaks(Math.max(0, ...values));
}

/** The shade, 0 to 5, of a number; with fewer breaks than five the brighter ones are used. */
export function shade(value, steps) {
  const at = value === null ? -1 : steps.findLastIndex((least) => value >= least);
  return at < 0 ? 0 : 5 - (steps.length - 1 - at);
}

/** The key: [shade, text] of each step, from none. */
export function key(steps, measure = SHADES.requests) {
  const text = (least, at) => `${at === 0 && measure.from ? measure.from : measure.short(least)}${at === steps.length - 1 ? "+" : ""}`;
  return [[0, measure.none ?? "0"], ...steps.map((least, at) => [5 - (steps.length - 1 - at), text(least, at)])];
}
