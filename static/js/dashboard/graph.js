// SPDX-License-Identifier: GPL-3.0-or-later
// The graph of a measure over time, drawn by uPlot: now as solid lines, the period before as a dashed one.

import { say, table } from "../dom.js";
import { change } from "../numbers.js";
import { RESIZED } from "./enlarge.js";
import { Flags } from "./flags.js";
import { told } from "./measures.js";
import { Paced } from "./paced.js";
import { STEP_S } from "./period.js";
import { Selecting } from "./selecting.js";
import { hatch, lone } from "./spark.js";
import { onTheme, theme } from "./theme.js";

const HEIGHT = { wide: 240, narrow: 200 };
const AXIS_STEPS = [
  1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800,
  1_209_600, 2_592_000, 5_184_000, 7_776_000, 15_552_000, 31_536_000,
];
const ROWS = 120;
const TABLE_MS = 2000;
/** How high the hatching at the foot is, in CSS pixels: where late data can still come. */
const FOOT = 8;

export class Graph {
  /**
   * `times` writes times in the web service's zone. `zoom(from, to)` is called when somebody selects a part of it, in
   * Unix seconds, and `open(annotations)` when he presses a flag. It draws from when it was given the library.
   */
  constructor(times, { zoom, open }) {
    this._uPlot = null;
    this._times = times;
    this._place = document.getElementById("graph");
    this._legend = document.getElementById("graph-legend");
    this._note = document.getElementById("graph-note");
    this._details = document.getElementById("graph-table");
    this._plot = null;
    this._shown = null;
    this._missing_since = null;
    this._annotations = [];
    this._flags = new Flags(document.getElementById("graph-flags"), times, open);
    this._tip = document.createElement("div");
    this._tip.className = "tip";
    this._tip.hidden = true;
    this._selecting = new Selecting(this._place, { zoom, say: (at) => this._speak(at) });
    this._tables = new Paced(() => this._tabulate(), TABLE_MS);
    this._details.addEventListener("toggle", () => this._tables.now());
    onTheme(() => this._rebuild());
    new ResizeObserver(() => this._resize()).observe(this._place);
    this._place.closest(".surface").addEventListener(RESIZED, () => this._resize());
  }

  /** The library has come; null where it could not be loaded. */
  equip(uPlot) {
    this._uPlot = uPlot;
    if (uPlot) this._rebuild();
    else this._place.append("The graph's parts are missing on this server. `make web` builds them; the table below has the figures.");
  }

  /**
   * Show `points` of a `measure` (measures.js) in steps of a `grain`. `before` has for each of them the one of the period
   * before, or null; `called` and `calledBefore` are for the legend. What is before the date `complete_from` is not all
   * there, and what is from the date `open_from` on may still grow. Only the first `over` points are of time that is over:
   * the line ends with them, and a dotted one leads to what the running step has so far. `notes` are sentences about it.
   */
  show({ points, measure, grain, before = [], called, calledBefore = "", complete_from = null, open_from = null, over = points.length, notes = [] }) {
    const marked = this._annotations.length > 0;
    const key = `${measure.called} ${grain} ${called} ${marked}`;
    const other = key !== this._shown?.key;
    const main = told(measure);
    const some = (pick, kept) => points.map((point, at) => (kept(at) ? pick(point) : null));
    const earlier = points.map((_, at) => (before[at] ? main.pick(before[at]) ?? null : null));
    const data = [
      points.map((point) => point.t),
      ...measure.lines.map(({ pick }) => some(pick, (at) => at < over)),
      smoothed(earlier, Math.ceil((points.length * theme.scale) / Math.max(1, this._width))),
      ...measure.lines.map(({ pick }) => some(pick, (at) => at === over || (at === over - 1 && over < points.length))),
    ];
    const compares = earlier.some((value) => value !== null);
    const complete_at = complete_from ? this._times.at(points, complete_from) : 0;
    const open_at = open_from ? this._times.at(points, open_from) : points.length;
    this._shown = { key, points, measure, main, grain, called, calledBefore, complete_from, complete_at, open_from, open_at, over, data, earlier, compares, marked };
    say(document.getElementById("graph-title"), `${measure.called} per ${grain}`);
    say(this._note, notes.join(" "));
    this._note.hidden = !notes.length;
    if (other) this._rebuild();
    else if (this._plot) this._plot.setData(data);
    this._describe();
    if (other) this._tables.now();
    else this._tables.soon();
  }

  /** Mark what was noted: {id, t (Unix seconds), text, by}, oldest first. */
  annotate(annotations) {
    this._annotations = annotations;
    if (!this._shown) return;
    if (this._shown.marked !== annotations.length > 0) {
      this._shown.marked = annotations.length > 0;
      this._shown.key = "";
      this._rebuild();
    } else {
      this._plot?.redraw(false);
    }
    this._tables.now();
  }

  /** The time that the graph's cursor is at, in Unix seconds; null where it is nowhere. */
  get pointed() {
    const at = this._plot?.cursor.idx;
    return this._plot && this._plot.cursor.left >= 0 && at !== null && at !== undefined ? this._shown.points[at]?.t ?? null : null;
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
    this._selecting.over(this._plot, (at) => this._ends(at));
  }

  /** Where the step at this place starts and ends, in Unix seconds. */
  _ends(at) {
    const { points, grain } = this._shown;
    return [points[at].t, points[at + 1]?.t ?? points[at].t + STEP_S[grain]];
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
    if (this._place.closest(".large")) return Math.max(HEIGHT.narrow, this._place.clientHeight - parseFloat(getComputedStyle(this._place).paddingBottom));
    return width < 600 ? HEIGHT.narrow : HEIGHT.wide;
  }

  _options() {
    const { measure, grain, points, marked } = this._shown;
    const { lines } = measure;
    const width = this._width;
    const k = theme.scale;
    const font = `500 ${Math.round(11 * k)}px ${theme.sans}`;
    const axis = { font, stroke: theme["text-3"], ticks: { show: false }, grid: { show: false }, gap: 8 * k };
    const ghost = lines.length + 1;
    const alone = lines.length === 1;
    return {
      width,
      height: this._height(width),
      padding: [(marked ? 32 : 12) * k, (alone ? 24 : 40) * k, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 8, width: 2, fill: theme.surface, stroke: theme.accent }, drag: { x: false, y: false } },
      tzDate: (seconds) => this._uPlot.tzDate(new Date(seconds * 1000), this._times.zone),
      scales: { x: { time: true, range: (_, least, most) => [least, this._until(most)] }, y: { range: (_, __, most) => [0, Math.max(measure.least, (most ?? 0) * 1.08)] } },
      axes: [
        { ...axis, size: 28 * k, space: (width < 600 ? 64 : 90) * k, incrs: AXIS_STEPS.filter((step) => step >= STEP_S[grain]), values: (_, splits, __, ___, step) => splits.map((at, place) => this._tick(at, step, place === 0)) },
        { ...axis, size: 48 * k, space: k === 1 ? 32 : 20 * k, grid: { show: true, stroke: theme.line, width: 1 }, values: (_, splits) => splits.map((value) => measure.axis(value)), incrs: wholes(measure) },
      ],
      series: [
        {},
        ...lines.map(({ width: thick, opacity = 1 }, at) => ({ stroke: faded(opacity), width: (points.length > width ? 1 : (thick ?? 1.75)) * k, fill: alone ? (plot) => this._fade(plot) : undefined, points: { show: false, filter: (plot) => lone(plot.data[at + 1]), size: 5, fill: theme.accent }, spanGaps: false })),
        { stroke: theme.ghost, width: 1.5 * k, dash: [5 * k, 4 * k], points: { show: false } },
        ...lines.map(({ opacity = 1 }, at) => ({ stroke: faded(opacity), width: 1.5 * k, dash: [k, 3 * k], points: { show: false, filter: (plot) => lone(plot.data[ghost + 1 + at]), size: 5, fill: theme.surface } })),
      ],
      hooks: { draw: [(plot) => this._finish(plot)], setCursor: [(plot) => this._point(plot)] },
    };
  }

  /** Where the graph ends: while nothing comes, now. */
  _until(most) {
    if (this._missing_since === null || this._shown.grain !== "second") return most;
    return Math.max(most, Math.floor(Date.now() / 1000));
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

  /** What uPlot does not draw: hatching over what is not all there, what was noted, and the ends of the lines. */
  _finish(plot) {
    const { data, complete_from, complete_at, open_at, over, measure } = this._shown;
    const { ctx, bbox } = plot;
    const ratio = (devicePixelRatio || 1) * theme.scale;
    const right = bbox.left + bbox.width;
    const x = (seconds) => plot.valToPos(seconds, "x", true);
    const times = data[0];
    if (complete_from && times.length) {
      const until = complete_at < times.length ? x(times[complete_at]) : right;
      if (complete_at > 0) this._hatch(ctx, bbox, bbox.left, Math.max(until, bbox.left + 6 * ratio), theme["line-strong"]);
    }
    if (open_at > 0 && open_at < times.length) {
      const foot = { ...bbox, top: bbox.top + bbox.height - FOOT * ratio, height: FOOT * ratio };
      this._hatch(ctx, foot, Math.min(x(times[open_at]), right - 6 * ratio), right, theme["line-strong"], 4);
    }
    if (over < times.length) {
      const from = over ? x(times[over - 1]) : bbox.left;
      this._hatch(ctx, bbox, Math.min(from, right - 6 * ratio), right, theme["line-strong"]);
    }
    if (this._missing_since !== null && times.length) {
      this._hatch(ctx, bbox, Math.min(x(times.at(-1)), right - 12 * ratio), right, theme.warn);
    }
    this._flags.lay(plot, this._annotations, STEP_S[this._shown.grain]);
    if (measure.lines.length === 1) this._dot(plot, over - 1, ratio);
    else this._names(plot, over - 1, ratio);
  }

  _dot(plot, at, ratio) {
    const { data } = this._shown;
    const { ctx } = plot;
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

  /** The lines' names at their ends, a line's height apart. */
  _names(plot, last, ratio) {
    const { data, measure } = this._shown;
    const { ctx, bbox } = plot;
    const high = 13 * ratio;
    const places = measure.lines
      .map(({ name }, line) => {
        const values = data[line + 1];
        let at = Math.min(last, values.length - 1);
        while (at >= 0 && values[at] === null) at -= 1;
        return at < 0 ? null : { name, y: plot.valToPos(values[at], "y", true) };
      })
      .filter(Boolean)
      .sort((one, other) => other.y - one.y);
    let free = bbox.top + bbox.height;
    ctx.save();
    ctx.font = `500 ${11 * ratio}px ${theme.sans}`;
    ctx.fillStyle = theme["text-2"];
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const place of places) {
      const y = Math.min(place.y, free - high / 2);
      free = y - high / 2;
      ctx.fillText(place.name, bbox.left + bbox.width + 6 * ratio, y);
    }
    ctx.restore();
  }

  _hatch(ctx, bbox, from, until, colour, apart = 7) {
    const ratio = devicePixelRatio || 1;
    hatch(ctx, from, bbox.top, until, bbox.height, colour, apart * ratio, ratio);
  }

  _point(plot) {
    const { idx, left } = plot.cursor;
    this._tip.hidden = idx === null || idx === undefined || left < 0 || !this._shown.points[idx];
    if (this._tip.hidden) return;
    this._tip.replaceChildren(strong(this._when(this._shown.points[idx].t)), ...this._told(idx).map(([name, value]) => pair(name, value)), ...this._noted(idx).map(noted));
    const side = left > plot.over.clientWidth / 2;
    this._tip.style.left = side ? "" : `${left + 12}px`;
    this._tip.style.right = side ? `${plot.over.clientWidth - left + 12}px` : "";
  }

  /** What is told of a point: names and values. */
  _told(at) {
    const { points, earlier, measure, main, grain, calledBefore, over } = this._shown;
    const { write, lines } = measure;
    const so_far = at < over ? "" : " so far";
    const rows = lines.map(({ name, pick }) => [name ? `${name}${so_far}` : `This ${grain}${so_far}`, write(pick(points[at]))]);
    if (earlier[at] !== null) {
      rows.push([`${main.name ? `${main.name}, ` : ""}${calledBefore}`, write(earlier[at])]);
      const moved = at < over ? change(main.pick(points[at]), earlier[at]) : "";
      if (moved) rows.push(["Change", moved]);
    }
    return rows;
  }

  /** What was noted during a step. */
  _noted(at) {
    const [from, until] = this._ends(at);
    return this._annotations.filter(({ t }) => t >= from && t < until).map(({ text }) => text);
  }

  /** The words for somebody who moves along the graph by its keys. */
  _speak(at) {
    const { points } = this._shown;
    return [this._when(points[at].t), ...this._told(at).map((pair_) => pair_.join(" ")), ...this._noted(at)].join(", ");
  }

  _when(seconds) {
    const { grain } = this._shown;
    if (grain === "second") return this._times.second(seconds);
    if (grain === "day") return `${this._times.weekday(seconds)} ${this._times.dateOf(seconds)}`;
    return `${this._times.weekday(seconds)} ${this._times.moment(seconds)}`;
  }

  _describe() {
    const { points, data, measure, main, grain, called, calledBefore, complete_from, complete_at, open_from, open_at, compares, over } = this._shown;
    const { called: title, write, lines } = measure;
    const name = main.name ? `${title} ${main.name}` : title;
    const known = data[lines.indexOf(main) + 1].filter((value) => value !== null);
    const every = points.map(main.pick).filter((value) => value !== null);
    const most = every.length ? write(every.reduce((one, other) => Math.max(one, other))) : "–";
    const running = over < points.length ? `, so far in the running ${grain} ${write(main.pick(points[over]))}` : "";
    this._place.setAttribute("aria-label", `${name} per ${grain}, ${called}: at most ${most}, last ${known.length ? write(known.at(-1)) : "–"}${running}`);
    const entries = [["now", called]];
    if (compares) entries.push(["before", main.name ? `${main.name}, ${calledBefore}` : capital(calledBefore)]);
    if (complete_from && complete_at > 0) entries.push(["hatched", `Complete since ${this._times.day_of(complete_from)}`]);
    if (open_from && open_at > 0 && open_at < points.length) entries.push(["foot", `Complete until ${this._times.day_of(open_from)}, later days can still grow`]);
    if (running) entries.push(["hatched", `Running ${grain}`]);
    if (this._missing_since !== null) entries.push(["missing", `No data since ${this._times.second(this._missing_since)}`]);
    const legend = JSON.stringify(entries);
    if (this._legend.dataset.is === legend) return;
    this._legend.dataset.is = legend;
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
    const { points, measure, main, grain, over, earlier, calledBefore, compares } = this._shown;
    const { called, write, lines } = measure;
    const first = Math.max(0, points.length - ROWS);
    const notes = points.slice(first).map((_, at) => this._noted(first + at).join("; "));
    const marked = notes.some(Boolean);
    const heads = ["From", ...lines.map(({ name }) => name ?? called), ...(compares ? [main.name ? `${main.name}, ${calledBefore}` : calledBefore] : []), ...(marked ? ["Noted"] : [])];
    const rows = points.slice(first).map((point, place) => {
      const at = first + place;
      const row = [`${this._when(point.t)}${at < over ? "" : ", so far"}`, ...lines.map(({ pick }) => write(pick(point)))];
      if (compares) row.push(write(earlier[at]));
      return marked ? [...row, notes[place]] : row;
    });
    this._details.querySelector(".scroll").replaceChildren(table(`${called} per ${grain}, newest first`, heads, rows.reverse()));
  }
}

/** The accent's colour at an opacity from 0 to 1. */
function faded(opacity) {
  return opacity === 1 ? theme.accent : `${theme.accent}${Math.round(opacity * 255).toString(16).padStart(2, "0")}`;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Counts have no halves. */
function wholes({ whole }) {
  return whole ? [1, 2, 5].flatMap((digit) => Array.from({ length: 16 }, (_, power) => digit * 10 ** power)).sort((a, b) => a - b) : undefined;
}

/** The mean of each value and those around it, where several of them fall on one pixel; the nulls stay. */
function smoothed(values, on_a_pixel) {
  if (on_a_pixel < 2) return values;
  const reach = 2 * on_a_pixel;
  return values.map((value, at) => {
    if (value === null) return null;
    const around = values.slice(Math.max(0, at - reach), at + reach + 1).filter((one) => one !== null);
    return around.reduce((sum, one) => sum + one, 0) / around.length;
  });
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

/** What was noted, as it was written: a line of the tooltip. */
function noted(text) {
  const made = document.createElement("span");
  made.className = "tip-noted";
  const words = document.createElement("bdi");
  words.textContent = text;
  made.append(words);
  return made;
}
