// SPDX-License-Identifier: GPL-3.0-or-later
// Tiles and graph: which series they need of the period, asked for in the page's rounds, and shown as they come.

import { say } from "../dom.js";
import { Annotations } from "./annotations.js";
import { Compare } from "./compare.js";
import { Graph } from "./graph.js";
import { onKey } from "./keys.js";
import { MEASURES, measureOf } from "./measures.js";
import { STEP_S, apart_s, before, custom, exact, possible } from "./period.js";
import { LiveSeconds } from "./seconds.js";
import { COUNTS, FineSeries, MOST, Series, aligned, narrowed, points, spread, summed } from "./series.js";
import { Spans } from "./spans.js";
import { Tiles } from "./tiles.js";
import { secondsOf } from "./times.js";
import { Visits } from "./visits.js";

/** Minutes are kept for eight days, so longer periods have none to be compared with. */
const MINUTES_COMPARED_S = 3 * 86_400;
const MINUTE_S = 60;
/** How many seconds the graph shows unless somebody asks for others. */
const SECONDS = 300;
/** Of how many points a small drawing is made at least, where there are more. */
const BINS = 60;
/** So much around the same minute of the period before is looked at, on either side. */
const AROUND_S = 120;

/** The answer for a time of which there are no events. */
const NOTHING = { complete_from: null, results: { requests: 0 } };

/** The same with as many points as a small drawing can show: several added up to one. Percentiles don't add up. */
function binned(window) {
  const size = Math.floor(window.points.length / BINS);
  if (size < 2) return window;
  const add = (list) => {
    const found = [];
    // From the end, so that each bin keeps its points as the window moves by whole bins.
    for (let end = list.length; end > 0; end -= size) {
      const part = list.slice(Math.max(0, end - size), end);
      found.unshift(part.every(Boolean) && part.at(-1).requests !== null ? { ...summed(part), t: part[0].t } : null);
    }
    return found;
  };
  return { points: add(window.points), before: add(window.before), over: Math.min(window.over, Math.ceil(window.points.length / size)) };
}

export class Overview {
  /**
   * `ask` asks the API, `times` writes times in the web service's zone, `address` holds what is looked at. Where the page is
   * `shared` nothing was noted.
   */
  constructor({ ask, times, address, shared }) {
    this._ask = ask;
    this._times = times;
    this._address = address;
    this._graph = new Graph(times, { zoom: (from, to) => this._zoom(from, to), open: (noted) => this._annotations?.open(noted) });
    this._tiles = new Tiles((tile, measure) => this._choose(tile, measure));
    this._visits = new Visits();
    this._compare = new Compare(address);
    this._spans = new Spans(address);
    this._noted = [];
    this._annotations = shared ? null : new Annotations({ ask, times, changed: (list) => this._annotate(list), moment: () => this._graph.pointed });
    this._grains = [...document.querySelectorAll("#grains button")];
    for (const button of this._grains) button.addEventListener("click", () => this._step(button.dataset.grain));
    onKey("M", () => this._next_measure(), { name: "Next measure of the graph" });
    onKey("U", () => this._next_step(), { name: "Next step of the graph" });
    onKey("T", () => this._table());
    this._stale_since = "";
  }

  /** The library has come; null where it could not be loaded. */
  equip(uPlot) {
    this._graph.equip(uPlot);
  }

  /** Another period, or other filters: everything is to be asked anew. */
  look(period, filter) {
    this._period = period;
    this._filter = filter;
    this._summary = null;
    this._visited = null;
    this._earlier = null;
    this._found = null;
    this._ghosts = {};
    this._seconds = null;
    this._spark = this._made(period.spark);
    this._shown = null;
    this._turn();
  }

  /** The address says something else about the graph: whether that has to be asked for. */
  turn() {
    const compares = this._compares;
    const { _shown: shown, _seconds: seconds } = this;
    this._turn();
    this._figures();
    this._draw_lines();
    this._plot();
    return shown !== this._shown || seconds !== this._seconds || compares !== this._compares;
  }

  /** Whether the graph moves with each second by itself. */
  get live() {
    return this._grain === "second" && this._shown === null;
  }

  /** The mean rate of the last seconds. */
  get rate() {
    return this._seconds.rate();
  }

  /** What `ask` is asked for when: names, whether it is due only when something has changed, and the way to ask. */
  get questions() {
    const all = this._period.fine?.last_s ? [] : [{ name: "lines", slow: true, run: (signal) => this._lines(signal) }];
    if (this._shown && this._shown !== this._spark) all.push({ name: "series", run: (signal) => this._shown.update(signal).then(() => this._plot()) });
    if (this._seconds.filtered) all.push({ name: "seconds", slow: true, run: (signal) => this.load(signal) });
    return all;
  }

  /** Ask for the last seconds; ticks go on from there. */
  async load(signal) {
    await this._seconds.load(signal);
    this.move();
  }

  /** Ask for what was noted, if that is due. */
  async annotations(signal) {
    await this._annotations?.update(this._period.parameters, signal);
  }

  /** The summary of the period, which has been asked for. */
  tell(answer) {
    this._summary = answer;
    this._figures();
    this._cover();
  }

  /**
   * Ask for the same figures of the period before, if that is wanted. Returns the parameters of the period before, null
   * where there is none to compare with.
   */
  async compare(signal) {
    const period = this._period;
    if (!this._compare.on || !this._summary) {
      this._compare.about(period.called, null);
      return null;
    }
    const parameters = { ...before(period, this._summary), filter: this._filter };
    this._apart_s = apart_s(period, this._summary);
    const answer = possible(parameters) ? await this._ask("summary", parameters, signal) : NOTHING;
    if (period !== this._period) return null;
    const found = answer.complete_from === null && answer.results.requests > 0;
    this._earlier = found ? answer.results : null;
    this._found = found;
    if (found && !period.fine) {
      const grains = [this._spark.grain];
      if (this._shown && (this._grain !== "minute" || this._apart_s <= MINUTES_COMPARED_S)) grains.push(this._grain);
      for (const grain of new Set(grains)) {
        const counts = grain !== this._spark.grain && this._shown?.counts;
        const earlier = await this._ask(`requests/${grain}/${MOST[grain]}`, narrowed(spread(grain, parameters), counts), signal);
        if (period !== this._period) return null;
        this._ghosts[grain] = points(earlier);
      }
    }
    this._figures();
    this._draw_lines();
    this._plot();
    this.move();
    return found ? parameters : null;
  }

  /** A tick of the live stream. */
  tick(tick) {
    this._seconds.tick(tick);
    this.move();
  }

  /** The stream is stale since a time (Unix seconds), or not (null). */
  stale(since) {
    this._graph.missing(since);
    this._stale_since = since === null ? "" : this._times.second(since);
    this.move();
  }

  /** Move on though nothing has come. */
  advance() {
    if (this.live) this._graph.advance();
  }

  /** Show what the last seconds are now. */
  move() {
    this._tiles.now(this._seconds.points, this._seconds.rate(), this._stale_since, this._minute_before(), this._period.called);
    if (this._period.fine?.last_s) {
      this._figures();
      this._draw_lines();
    }
    if (this.live) this._plot();
  }

  /** Draw again, in other colours or another size. */
  draw() {
    this._tiles.draw();
  }

  // -- what is chosen --------------------------------------------------------------------------------------------------

  _turn() {
    const { grains, grain, fine } = this._period;
    const asked = this._address.get("step");
    this._measure = Object.hasOwn(MEASURES, this._address.get("measure") ?? "") ? this._address.get("measure") : "requests";
    this._grain = grains.includes(asked) ? asked : grain;
    this._span_s = this._spans.offer(this._grain, this._period);
    // Seconds of a period that goes on are those of the live stream; all others are a series.
    const live = this._grain === "second" && this._period.since === undefined;
    if (live) this._shown = null;
    else if (this._grain === this._spark.grain) this._shown = this._spark;
    else if (this._shown?.grain !== this._grain || (this._shown.counts && !COUNTS.includes(this._measure))) {
      this._shown = this._made(this._grain, COUNTS.includes(this._measure));
      delete this._ghosts[this._grain]; // which may lack a measure
    }
    const keep = Math.min(MOST.second, Math.max(SECONDS, live ? this._span_s ?? 0 : 0, fine?.last_s ? 2 * fine.last_s : 0));
    if (this._seconds?.keep !== keep) this._seconds = new LiveSeconds(this._ask, keep, this._filter);
    this._compares = this._compare.on;
    if (!this._compares) [this._earlier, this._found, this._ghosts] = [null, null, {}];
    this._press();
  }

  /** A series of the period by this step; where `counts` without durations and bytes. */
  _made(grain, counts = false) {
    const { parameters, fine } = this._period;
    if (fine && (grain === "second" || grain === "minute")) return new FineSeries(this._ask, grain, fine, this._filter);
    return new Series(this._ask, grain, { ...parameters, filter: this._filter }, counts);
  }

  _press() {
    const { grains, parameters, fine, name } = this._period;
    const narrow = { ...parameters, filter: this._filter };
    const [limit, asked] = this._shown === null ? [Math.max(SECONDS, this._span_s ?? 0, fine?.last_s ?? 0), { filter: this._filter }] : [MOST[this._grain], narrow];
    document.getElementById("graph-csv").href = this._ask.csv(`requests/${this._grain}/${limit}`, spread(this._grain, asked));
    document.getElementById("grains").hidden = grains.length === 1; // there is nothing to choose
    for (const button of this._grains) {
      button.hidden = !grains.includes(button.dataset.grain);
      button.setAttribute("aria-pressed", String(button.dataset.grain === this._grain));
    }
    const tiles = { latency: "p95", requests: this._shown === null && name !== "now" ? "now" : "requests" };
    this._tiles.press(tiles[this._measure] ?? this._measure);
  }

  _choose(tile, measure) {
    const { grains } = this._period;
    const changes = { measure: measure === "requests" ? null : measure };
    if (tile === "now" && grains.includes("second")) changes.step = this._period.grain === "second" ? null : "second";
    else if (tile !== "now" && this._shown === null && this._period.grain !== "second" && measure === "requests") changes.step = null;
    this._address.set(changes);
  }

  _step(grain) {
    this._address.set({ step: grain === this._period.grain ? null : grain, span: null });
  }

  _next_measure() {
    const names = Object.keys(MEASURES);
    const next = names[(names.indexOf(this._measure) + 1) % names.length];
    this._address.set({ measure: next === "requests" ? null : next });
  }

  _next_step() {
    const { grains } = this._period;
    this._step(grains[(grains.indexOf(this._grain) + 1) % grains.length]);
  }

  _table() {
    const details = document.getElementById("graph-table");
    details.open = !details.open;
    details.querySelector("summary").focus();
  }

  /** Look at a part of the graph: whole days as days, everything else by its moments. */
  _zoom(from, to) {
    const { iso, isMidnight } = this._times;
    const period = isMidnight(from) && isMidnight(to) ? custom(iso(from), iso(to - 1)) : exact(from, to, this._times);
    this._address.set({ ...period.address, step: null, span: null });
  }

  // -- what is shown ---------------------------------------------------------------------------------------------------

  async _lines(signal) {
    await this._spark.update(signal);
    this._figures();
    this._draw_lines();
    if (this._shown === this._spark) this._plot();
    this._cover();
  }

  _draw_lines() {
    const live = Boolean(this._period.fine?.last_s);
    const { points: found, before: earlier, over } = binned(this._window(live ? null : this._spark));
    const [first, last] = [found[0]?.t, found.at(-1)?.t];
    const marks = last > first ? this._noted.map(({ t }) => (t - first) / (last - first)).filter((mark) => mark >= 0 && mark <= 1) : [];
    this._tiles.lines(found, earlier, over, marks);
  }

  /** The points of a series (null: the live seconds), for each the one before or null, and how many are over. */
  _window(series) {
    const { fine } = this._period;
    if (series === null) {
      const all = this._seconds.points;
      const length = fine?.last_s ?? this._span_s ?? SECONDS;
      const found = all.slice(-length);
      const earlier = fine?.last_s && this._compares ? all.slice(0, Math.max(0, all.length - length)).map((point) => ({ ...point, t: point.t + length })) : [];
      return { points: found, before: aligned(found, earlier, 1), over: found.length };
    }
    const step = STEP_S[series.grain];
    if (series instanceof FineSeries) {
      const earlier = this._compares ? series.before ?? [] : [];
      return { points: series.points, before: aligned(series.points, earlier.map((point) => ({ ...point, t: point.t + series.length_s })), step), over: series.over };
    }
    const ghost = (this._ghosts[series.grain] ?? []).map((point) => ({ ...point, t: point.t + this._apart_s }));
    return { points: series.points, before: aligned(series.points, ghost, step), over: series.over };
  }

  _plot() {
    const series = this._shown;
    let { points: found, before: earlier, over } = this._window(series);
    const most = series && this._span_s ? Math.round(this._span_s / STEP_S[this._grain]) : found.length;
    if (found.length > most) {
      const cut = found.length - most;
      [found, earlier, over] = [found.slice(cut), earlier.slice(cut), Math.max(0, over - cut)];
    }
    const measure = measureOf(this._measure, found);
    const { called } = this._period;
    this._graph.show({
      points: found,
      measure,
      grain: this._grain,
      before: earlier,
      called: series === null ? `Last ${this._spans.words(this._period.fine?.last_s ?? this._span_s ?? SECONDS)}` : this._span_s ? `Last ${this._spans.words(this._span_s)} of this period` : "This period",
      calledBefore: called,
      complete_from: series?.complete_from ?? null,
      open_from: series?.open_from ?? null,
      over,
      notes: this._notes(series, measure),
    });
  }

  /** Sentences about what the graph shows that nobody would guess. */
  _notes(series, measure) {
    const notes = [];
    if (this._measure === "latency" && measure !== MEASURES.latency && (this._grain === "second" || this._grain === "minute")) {
      notes.push(`By ${this._grain} only the mean is kept; hours and days have p50, p95 and p99.`);
    }
    if (this._measure === "latency" && series?.approximate) notes.push("Durations under 1 ms and over nine minutes are approximate.");
    if (series?.complete_from && this._filter.length) {
      notes.push(`With filters, figures come from the single events, which are kept since ${this._times.day_of(series.complete_from)}.`);
    }
    return notes;
  }

  _figures() {
    const { fine, called } = this._period;
    if (!this._summary) return;
    this._show_visits(called);
    if (!fine) {
      this._tiles.show(this._summary.results, this._compares ? this._earlier : null, called);
      if (this._found !== null) this._compare.about(called, this._found);
      else this._compare.about(called, null);
      return;
    }
    const series = fine.last_s ? null : this._spark;
    const { points: found, before: earlier } = this._window(series);
    const { p95_ms, p99_ms } = this._summary.results;
    const whole = earlier.length > 0 && earlier.every((point) => point !== null);
    const notes = { visitors: "for the first time that day", p95: `of ${this._hours()}` };
    this._tiles.show({ ...summed(found), p95_ms, p99_ms }, whole ? { ...summed(earlier), p95_ms: null } : null, called, notes);
    this._compare.about(called, found.length ? whole || !this._compares : null);
  }

  /** Under filters a summary has no visits, which take long to work out: they are asked for by themselves, and seldom. */
  async visited(signal) {
    if (!this._filter.length) return;
    const period = this._period;
    const answer = await this._ask("summary", { ...period.parameters, filter: this._filter, with: "visits" }, signal);
    if (period !== this._period) return;
    this._visited = answer;
    this._show_visits();
  }

  _show_visits(called = "") {
    const { fine } = this._period;
    const { results, visits_complete_from: since } = this._filter.length ? this._visited ?? { results: null } : this._summary;
    const note = since ? `counted since ${this._times.day_of(since)}` : fine ? `of ${this._hours()}` : "";
    this._visits.show(results, this._compares && !fine && !since ? this._earlier : null, called, note);
  }

  /** How many requests the same minute of the period before had, as a mean of the minutes around it; null if unknown. */
  _minute_before() {
    const minutes = this._ghosts.minute;
    const now = this._seconds.points.at(-1)?.t;
    if (!minutes || now === undefined) return null;
    const around = minutes.filter(({ t }) => Math.abs(t + this._apart_s + MINUTE_S / 2 - now) <= AROUND_S);
    return around.length >= 3 ? around.reduce((sum, { requests }) => sum + requests, 0) / around.length : null;
  }

  _annotate(list) {
    this._noted = list;
    this._graph.annotate(list);
    this._draw_lines();
  }

  /** The hours that the summary covers, as text. */
  _hours() {
    const { from, to, as_of } = this._summary;
    return this._stretch(secondsOf(from), Math.min(secondsOf(to), secondsOf(as_of)), this._times.time);
  }

  _stretch(from, to, write) {
    const { isMidnight, dateOf } = this._times;
    if (isMidnight(from) && isMidnight(to)) {
      const [first, last] = [dateOf(from), dateOf(to - 1)];
      return first === last ? first : `${first} – ${last}`;
    }
    const day = (seconds) => (dateOf(from) === dateOf(to) ? "" : `${dateOf(seconds)} `);
    return `${day(from)}${write(from)} – ${day(to)}${write(to)}`;
  }

  /** What is covered, and how far it can still change. */
  _cover() {
    if (!this._summary) return;
    const { from, to, complete_from, as_of } = this._summary;
    const { fine } = this._period;
    const times = this._times;
    const zone = times.zone.split("/").at(-1).replaceAll("_", " ");
    const exactly = fine && (fine.last_s ? this._window(null).points : this._spark.points);
    const note = document.getElementById("panels-period");
    note.hidden = !fine;
    if (fine) {
      const span = exactly.length ? `${times.dateOf(exactly[0].t)} ${this._stretch(exactly[0].t, exactly.at(-1).t + STEP_S[fine.last_s ? "second" : this._spark.grain], times.second)}` : "";
      say(document.getElementById("covered"), fine.last_s ? `Last ${this._spans.words(fine.last_s)}, ${zone}` : `${span}, ${zone}`);
      say(note, `The map and the panels below are kept by whole hours. They show ${this._hours()}.`);
    } else {
      const start = secondsOf(from);
      const whole = times.isMidnight(start) && times.isMidnight(secondsOf(to));
      // By the server's clock: this machine's may be wrong.
      const end = whole ? secondsOf(to) : Math.min(secondsOf(to), Math.floor(secondsOf(as_of) / 60) * 60);
      const [first, last] = whole ? [times.dateOf(start), times.dateOf(end - 1)] : [times.moment(start), times.moment(end)];
      say(document.getElementById("covered"), `${this._period.instead ? "The address names no period that can be shown. Instead: " : ""}${first === last ? first : `${first} – ${last}`}, ${zone}${complete_from ? `. Complete since ${times.day_of(complete_from)}` : ""}`);
    }
    say(document.getElementById("as-of"), `${this._grows()}Everything received before ${times.second(secondsOf(as_of))} is counted.`);
  }

  /** Which days are closed, as a sentence; later ones can still change with what is reported late. */
  _grows() {
    const { fine } = this._period;
    const { open_from, points: known } = this._spark;
    if (!known.length && !fine?.last_s) return "";
    if (!fine?.last_s && open_from === null) return "The days of this period are closed. ";
    if (!fine?.last_s && this._times.at(known, open_from) > 0) return `Complete until ${this._times.day_of(open_from)}; later days can still grow. `;
    return "What is reported late can still add to this period. ";
  }
}
