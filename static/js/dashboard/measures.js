// SPDX-License-Identifier: GPL-3.0-or-later
// The measures that a bucket has: what they are called, how their values are written, and which lines show them.

import { bytes, count, duration, short } from "../numbers.js";

const counted = (called, name) => ({ called, write: count, axis: short, least: 4, whole: true, lines: [{ pick: (point) => point[name] }] });

const MEAN = { called: "Mean latency", write: duration, axis: duration, least: 10, lines: [{ pick: (point) => point.duration_ms }] };
/** As STYLE has it: the worse, the stronger. The last is the one that is compared with the period before and told first. */
const PERCENTILES = {
  ...MEAN,
  called: "Latency",
  lines: [
    { name: "p50", pick: (point) => point.p50_ms ?? null, opacity: 0.45, width: 1.25 },
    { name: "p95", pick: (point) => point.p95_ms ?? null, opacity: 0.7, width: 1.5, told: true },
    { name: "p99", pick: (point) => point.p99_ms ?? null, opacity: 1, width: 2 },
  ],
};

export const MEASURES = {
  requests: counted("Requests", "requests"),
  visitors: counted("Visitors", "visitors"),
  bots: counted("Bots", "bots"),
  errors: counted("Errors", "errors"),
  latency: PERCENTILES,
  bytes: { called: "Data out", write: bytes, axis: bytes, least: 1000, whole: true, lines: [{ pick: (point) => point.bytes }] },
};

/** How `points` show the measure with this name: its percentiles where they have any, else for latency the mean. */
export function measureOf(name, points) {
  const found = MEASURES[name];
  if (found !== PERCENTILES || points.some((point) => typeof point.p95_ms === "number")) return found;
  return MEAN;
}

/** The line of a measure that is told first. */
export function told(measure) {
  return measure.lines.find((line) => line.told) ?? measure.lines[0];
}
