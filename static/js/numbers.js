// SPDX-License-Identifier: GPL-3.0-or-later
// How numbers are written, everywhere: in full up to 9,999,999, units apart, "–" for what is not known.

export const UNKNOWN = "–";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const three = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });

const SCALES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** Three significant digits and a decimal scale: [62.4, "G"]. */
function scaled(value) {
  const size = Math.abs(value);
  const [by, letter] = SCALES.find(([least]) => size >= least * 0.9995) ?? [1, ""];
  const digits = value / by;
  return [Math.abs(digits) >= 100 ? whole.format(digits) : three.format(digits), letter];
}

/** A number of things: "1,284,310", from ten millions on "12.8 M". */
export function count(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (Math.abs(value) < 1e7) return whole.format(value);
  return scaled(value).join(" ");
}

/** The same for an axis: "1.2k". */
export function short(value) {
  if (Math.abs(value) < 1000) return three.format(value);
  return scaled(value).join("");
}

/** A rate: one decimal below 100. */
export function rate(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return Math.abs(value) < 100 && !Number.isInteger(value) ? one.format(value) : count(value);
}

/** A part of a whole in percent, without the sign: "21.5", below 1 "0.07", else "<0.01". */
export function percent(part, all) {
  if (!all) return UNKNOWN;
  const value = (part / all) * 100;
  if (value === 0) return "0";
  if (value < 0.01) return `<${two.format(0.01)}`;
  return value < 1 ? two.format(value) : one.format(value);
}

/** The same with the sign. */
export function share(part, all) {
  return all ? `${percent(part, all)}%` : UNKNOWN;
}

/** Milliseconds as [digits, unit]: ["184", "ms"], ["3.01", "s"]. */
export function durationParts(ms) {
  if (ms === null || ms === undefined) return [UNKNOWN, ""];
  if (ms < 10) return [three.format(ms), "ms"];
  if (ms < 999.5) return [whole.format(ms), "ms"];
  return [ms < 99_950 ? three.format(ms / 1000) : whole.format(ms / 1000), "s"];
}

/** Milliseconds as text: "184 ms". */
export function duration(ms) {
  return durationParts(ms).join(" ").trim();
}

/** Bytes, decimal, as [digits, unit]: ["62.4", "GB"]. */
export function bytesParts(value) {
  if (value === null || value === undefined) return [UNKNOWN, ""];
  if (value < 1000) return [whole.format(value), "B"];
  const [digits, letter] = scaled(value);
  return [digits, `${letter}B`];
}

/** Bytes as text: "62.4 GB". */
export function bytes(value) {
  return bytesParts(value).join(" ").trim();
}

/** The change from `before` to `now`, "↑ 8.2%"; "" where there is none to speak of. */
export function change(now, before) {
  if (!before || now === null || now === undefined) return "";
  const value = ((now - before) / before) * 100;
  if (Math.abs(value) < 0.05) return "";
  if (value > 999) return "↑ >999%"; // there was next to nothing before, and how little says nothing
  return `${value > 0 ? "↑" : "↓"} ${one.format(Math.abs(value))}%`;
}

/** The change of a share (0 to 1) in percentage points, "↑ 0.24 pp"; "" where there is none to speak of. */
export function changeOfShare(now, before) {
  if (now === null || before === null) return "";
  const points = Math.abs(now - before) * 100;
  if (points < 0.005) return "";
  return `${now > before ? "↑" : "↓"} ${points < 1 ? two.format(points) : one.format(points)} pp`;
}

/** The change of a duration in milliseconds, "↑ 16 ms". */
export function changeOfDuration(now, before) {
  if (now === null || before === null || now === undefined || before === undefined) return "";
  const words = duration(Math.abs(now - before));
  return Math.abs(now - before) < Math.max(0.05, before * 0.0005) ? "" : `${now > before ? "↑" : "↓"} ${words}`;
}

/** Seconds as a clock counts them: "49:21", "1:43:37", under a minute "12 s". */
export function clock(seconds) {
  const all = Math.max(0, Math.floor(seconds));
  if (all < 60) return `${all} s`;
  const pad = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(all / 60);
  if (minutes < 60) return `${minutes}:${pad(all % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(all % 60)}`;
}

/** A span of time in its largest unit: "12 s", "19 min", "30 h", "3 d". */
export function span(seconds) {
  if (seconds < 59.5) return `${whole.format(seconds)} s`;
  if (seconds < 5970) return `${whole.format(seconds / 60)} min`;
  return seconds < 48 * 3600 ? `${whole.format(seconds / 3600)} h` : `${whole.format(seconds / 86_400)} d`;
}

/** A short age: "0.4 s", from ten seconds on without the decimal. */
export function age(seconds) {
  return seconds < 10 ? `${one.format(seconds)} s` : clock(seconds);
}
