// SPDX-License-Identifier: GPL-3.0-or-later
// Which of the six shades a country has: round steps up to what the largest one has.

import { short } from "../numbers.js";

const PARTS = [0.02, 0.1, 0.35, 0.75];
const ROUND = [1, 2, 5];

function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = value / power;
  return ROUND.findLast((one) => one <= digit * 1.0001) * power;
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

/** The shade, 0 to 5, of a number; with fewer breaks than five the brighter ones are used. */
export function shade(value, steps) {
  const at = steps.findLastIndex((least) => value >= least);
  return at < 0 ? 0 : 5 - (steps.length - 1 - at);
}

/** The key: [shade, text] of each step, from none. */
export function key(steps) {
  return [[0, "0"], ...steps.map((least, at) => [5 - (steps.length - 1 - at), `${short(least)}${at === steps.length - 1 ? "+" : ""}`])];
}
