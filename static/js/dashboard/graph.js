// SPDX-License-Identifier: GPL-3.0-or-later
// The graph of a measure over time, drawn by uPlot: now as a solid line, the period before as a dashed one.

import { say, table } from "../dom.js";
import { change, short } from "../numbers.js";
import { MEASURES } from "./measures.js";
import { STEP_S } from "./series.js";
import { hatch, lone } from "./spark.js";
import { onTheme, theme } from "./theme.js";
import { secondsOf } from "./times.js";

const HEIGHT = { wide: 240, narrow: 200 };
const AXIS_STEPS = [
  1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800,
  1_209_600, 2_592_000, 5_184_000, 7_776_000, 15_552_000, 31_536_000,
];
const ROWS = 120;

export class Graph {
  /** `times` writes times in the web service's zone. It draws from when it was given the library. */
  constructor(times) {
    this._uPlot = null;
    this._times = times;
    this._place = document.getElementById("graph");
    this._legend = document.getElementById("graph-legend");
    this._details = document.getElementById("graph-table");
    this._plot = null;
    this._shown = null;
    this._missing_since = null;
    this._tip = document.createElement("div");
    this._tip.className = "tip";
    this._tip.hidden = true;
    this._details.addEventListener("toggle", () => this._tabulate());
    onTheme(() => this._rebuild());
    new ResizeObserver(() => this._resize()).observe(this._place);
  }

  /** The library has come; null where it could not be loaded. */
  equip(uPlot) {
    this._uPlot = uPlot;
    if (uPlot) this._rebuild();
    else this._place.append("The graph's parts are missing on this server. `make web` builds them; the table below has the figures.");
  }

  /**
   * Show `points` of a `measure` in steps of a `grain`. `before` has for each of them the one of the period before, or
   * null; `called` and `calledBefore` are for the legend; `complete_from` is a date or null. Only the first `over` points
   * are of time that is over: the line ends with them, and a dotted one leads to what the running step has so far.
   */
  show({ points, measure, grain, before = [], called, calledBefore, complete_from = null, over = points.length }) {
    const key = `${measure} ${grain} ${called}`;
    const other = key !== this._shown?.key;
    const earlier = points.map((_, at) => before[at]?.[measure] ?? null);
    const some = (kept) => points.map((point, at) => (kept(at) ? point[measure] : null));
    const data = [points.map((point) => point.t), some((at) => at < over), earlier, some((at) => at === over || (at === over - 1 && over < points.length))];
    const compares = earlier.some((value) => value !== null);
    this._shown = { key, points, measure, grain, called, calledBefore, complete_from, over, data, compares };
    say(document.getElementById("graph-title"), `${MEASURES[measure].called} per ${grain}`);
    if (other) this._rebuild();
    else if (this._plot) this._plot.setData(data);
    this._describe();
    if (performance.now() - (this._tabulated_at ?? -Infinity) > 2000) this._tabulate();
  }

  /** Nothing has come since `seconds` (Unix time), or with null all is well again: the graph says so by hatching. */
  missing(seconds) {
    if (this._missing_since === seconds) return;
    this._missing_since = seconds;
    if (!this._shown) return;
    this._plot?.setData(this._shown.data);
    this._describe();
  }

  /** Move on to now, though nothing has come. */
  advance() {
    if (this._missing_since !== null && this._shown) this._plot?.setData(this._shown.data);
  }

  _rebuild() {
    this._plot?.destroy();
    this._plot = null;
    this._tip.hidden = true;
    if (!this._uPlot || !this._shown || this._width <= 0) return;
    this._plot = new this._uPlot(this._options(), this._shown.data, this._place);
    this._plot.over.append(this._tip);
  }

  _resize() {
    const width = this._width;
    if (width <= 0) return;
    if (!this._plot) this._rebuild();
    else if (this._plot.width !== width || this._plot.height !== this._height(width)) this._plot.setSize({ width, height: this._height(width) });
  }

  /** The room inside the place's padding, in CSS pixels. */
  get _width() {
    const { paddingLeft, paddingRight } = getComputedStyle(this._place);
    return this._place.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  }

  _height(width) {
    if (theme.scale !== 1) return this._place.clientHeight; // on the wall
    return width < 600 ? HEIGHT.narrow : HEIGHT.wide;
  }

  _options() {
    const { measure, grain } = this._shown;
    const width = this._width;
    const k = theme.scale;
    const font = `500 ${Math.round(11 * k)}px ${theme.sans}`;
    const axis = { font, stroke: theme["text-3"], ticks: { show: false }, grid: { show: false }, gap: 8 * k };
    return {
      width,
      height: this._height(width),
      padding: [12 * k, 24 * k, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 8, width: 2, fill: theme.surface, stroke: theme.accent }, drag: { x: false, y: false } },
      tzDate: (seconds) => this._uPlot.tzDate(new Date(seconds * 1000), this._times.zone),
      scales: { x: { time: true, range: (_, least, most) => [least, this._until(most)] }, y: { range: (_, __, most) => [0, Math.max(this._least(measure), (most ?? 0) * 1.08)] } },
      axes: [
        { ...axis, size: 28 * k, space: (width < 600 ? 64 : 90) * k, incrs: AXIS_STEPS.filter((step) => step >= STEP_S[grain]), values: (_, splits, __, ___, step) => splits.map((at, place) => this._tick(at, step, place === 0)) },
        { ...axis, size: 48 * k, space: k === 1 ? 40 : 28 * k, grid: { show: true, stroke: theme.line, width: 1 }, values: (_, splits) => splits.map((value) => this._amount(measure, value)), incrs: this._wholes(measure) },
      ],
      series: [
        {},
        { stroke: theme.accent, width: (this._shown.points.length > width ? 1 : 1.75) * k, fill: (plot) => this._fade(plot), points: { show: false, filter: (plot) => lone(plot.data[1]), size: 5, fill: theme.accent }, spanGaps: false },
        { stroke: theme.ghost, width: 1.5 * k, dash: [5 * k, 4 * k], points: { show: false } },
        { stroke: theme.accent, width: 1.5 * k, dash: [k, 3 * k], points: { show: false, filter: (plot) => lone(plot.data[3]), size: 5, fill: theme.surface } },
      ],
      hooks: { draw: [(plot) => this._finish(plot)], setCursor: [(plot) => this._point(plot)] },
    };
  }

  /** Where the graph ends: while nothing comes, now. */
  _until(most) {
    if (this._missing_since === null || this._shown.grain !== "second") return most;
    return Math.max(most, Math.floor(Date.now() / 1000));
  }

  _least(measure) {
    return measure === "bytes" ? 1000 : measure === "duration_ms" ? 10 : 4;
  }

  _wholes(measure) {
    // Counts have no halves.
    if (measure === "duration_ms") return undefined;
    return [1, 2, 5].flatMap((digit) => Array.from({ length: 16 }, (_, power) => digit * 10 ** power)).sort((a, b) => a - b);
  }

  _amount(measure, value) {
    if (measure === "duration_ms" || measure === "bytes") return MEASURES[measure].write(value);
    return short(value);
  }

  /** What stands at the x axis. The first names the year, where that is not this one. */
  _tick(at, step, first) {
    const times = this._times;
    if (step < 60) return times.second(at);
    if (step < 86_400) return times.isMidnight(at) ? times.day(at) : times.time(at);
    if (step < 2_592_000) return first ? times.dateOf(at) : times.date(at);
    return first ? times.monthOf(at) : times.month(at);
  }

  _fade(plot) {
    const fade = plot.ctx.createLinearGradient(0, plot.bbox.top, 0, plot.bbox.top + plot.bbox.height);
    fade.addColorStop(0, `${theme.accent}42`); // #rrggbb and its opacity
    fade.addColorStop(1, `${theme.accent}05`);
    return fade;
  }

  /** What uPlot does not draw: the dot at the end, and hatching over what is not all there. */
  _finish(plot) {
    const { data, complete_from, over } = this._shown;
    const { ctx, bbox } = plot;
    const ratio = (devicePixelRatio || 1) * theme.scale;
    if (complete_from && data[0].length) {
      const until = Math.min(plot.valToPos(Math.max(secondsOf(complete_from), data[0][0]), "x", true), bbox.left + bbox.width);
      if (until > bbox.left) this._hatch(ctx, bbox, bbox.left, Math.max(until, bbox.left + 6 * ratio), theme["line-strong"]);
    }
    if (over < data[0].length) {
      const right = bbox.left + bbox.width;
      const from = over ? plot.valToPos(data[0][over - 1], "x", true) : bbox.left;
      this._hatch(ctx, bbox, Math.min(from, right - 6 * ratio), right, theme["line-strong"]);
    }
    if (this._missing_since !== null && data[0].length) {
      const right = bbox.left + bbox.width;
      this._hatch(ctx, bbox, Math.min(plot.valToPos(data[0].at(-1), "x", true), right - 12 * ratio), right, theme.warn);
    }
    const at = over - 1;
    if (at < 0 || data[1][at] === null) return;
    const [x, y] = [plot.valToPos(data[0][at], "x", true), plot.valToPos(data[1][at], "y", true)];
    ctx.save();
    ctx.beginPath();
    ctx.arc(x, y, 4 * ratio, 0, 2 * Math.PI);
    ctx.fillStyle = theme.accent;
    ctx.strokeStyle = theme.surface;
    ctx.lineWidth = 2 * ratio;
    ctx.stroke();
    ctx.fill();
    ctx.restore();
  }

  _hatch(ctx, bbox, from, until, colour) {
    const ratio = devicePixelRatio || 1;
    hatch(ctx, from, bbox.top, until, bbox.height, colour, 7 * ratio, ratio);
  }

  _point(plot) {
    const { idx, left } = plot.cursor;
    const { points, data, measure, grain, calledBefore, compares, over } = this._shown;
    this._tip.hidden = idx === null || idx === undefined || left < 0;
    if (this._tip.hidden) return;
    const { write } = MEASURES[measure];
    const now = points[idx][measure];
    const rows = [[`This ${grain}${idx < over ? "" : " so far"}`, write(now)]];
    if (compares && data[2][idx] !== null) {
      rows.push([calledBefore, write(data[2][idx])]);
      const moved = idx < over ? change(now, data[2][idx]) : "";
      if (moved) rows.push(["Change", moved]);
    }
    this._tip.replaceChildren(strong(this._when(data[0][idx])), ...rows.map(([name, value]) => pair(name, value)));
    const side = left > plot.over.clientWidth / 2;
    this._tip.style.left = side ? "" : `${left + 12}px`;
    this._tip.style.right = side ? `${plot.over.clientWidth - left + 12}px` : "";
  }

  _when(seconds) {
    const { grain } = this._shown;
    if (grain === "second") return this._times.second(seconds);
    if (grain === "day") return `${this._times.weekday(seconds)} ${this._times.dateOf(seconds)}`;
    return `${this._times.weekday(seconds)} ${this._times.moment(seconds)}`;
  }

  _describe() {
    const { points, data, measure, grain, called, calledBefore, complete_from, compares, over } = this._shown;
    const { called: name, write } = MEASURES[measure];
    const known = data[1].filter((value) => value !== null);
    const every = points.map((point) => point[measure]).filter((value) => value !== null);
    const most = every.length ? write(every.reduce((one, other) => Math.max(one, other))) : "–";
    const running = over < points.length ? `, so far in the running ${grain} ${write(points[over][measure])}` : "";
    this._place.setAttribute("aria-label", `${name} per ${grain}, ${called}: at most ${most}, last ${known.length ? write(known.at(-1)) : "–"}${running}`);
    const since = this._missing_since === null ? "" : `No data since ${this._times.second(this._missing_since)}`;
    const legend = `${called}|${compares ? calledBefore : ""}|${complete_from ?? ""}|${since}|${running && grain}`;
    if (this._legend.dataset.is === legend) return;
    this._legend.dataset.is = legend;
    const entries = [["now", called]];
    if (compares) entries.push(["before", calledBefore]);
    if (complete_from) entries.push(["hatched", `Complete since ${complete_from}`]);
    if (running) entries.push(["hatched", `Running ${grain}`]);
    if (since) entries.push(["missing", since]);
    this._legend.replaceChildren(
      ...entries.map(([kind, text]) => {
        const entry = document.createElement("span");
        entry.className = `legend-${kind}`;
        entry.textContent = text;
        return entry;
      }),
    );
  }

  _tabulate() {
    if (!this._details.open || !this._shown) return;
    this._tabulated_at = performance.now();
    const { points, measure, grain, over } = this._shown;
    const { called, write } = MEASURES[measure];
    const named = points.map((point, at) => [`${this._when(point.t)}${at < over ? "" : ", so far"}`, write(point[measure])]);
    const rows = named.slice(-ROWS).reverse();
    this._details.querySelector(".scroll").replaceChildren(table(`${called} per ${grain}, newest first`, ["From", called], rows));
  }
}

function strong(text) {
  const made = document.createElement("b");
  made.textContent = text;
  return made;
}

function pair(name, value) {
  const made = document.createElement("span");
  made.className = "pair";
  const figure = document.createElement("b");
  figure.className = "n";
  figure.textContent = value;
  made.append(name, " ", figure);
  return made;
}
