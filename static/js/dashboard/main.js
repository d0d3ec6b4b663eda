// SPDX-License-Identifier: GPL-3.0-or-later
// The dashboard: makes its parts, and has each of them told what the API and the live stream say.

import { asking, inTurn } from "../ask.js";
import { say } from "../dom.js";
import { Address } from "./address.js";
import { Elsewhere } from "./elsewhere.js";
import { parsed } from "./filters.js";
import { LiveStream } from "./live.js";
import { Graph } from "./graph.js";
import { WorldMap } from "./map.js";
import { PeriodPicker, apart_s, before, periodOf } from "./period.js";
import { Ranking } from "./ranking.js";
import { Rounds } from "./rounds.js";
import { LiveSeconds, SECONDS } from "./seconds.js";
import { MOST, STEP_S, Series, aligned, points } from "./series.js";
import { StateLine } from "./state.js";
import { Tail, ROWS } from "./tail.js";
import { onTheme } from "./theme.js";
import { Tiles } from "./tiles.js";
import { secondsOf, timesIn } from "./times.js";

const EARLIER_MS = 60_000;
/** Minutes are kept for eight days, so longer periods have none to be compared with. */
const MINUTES_COMPARED_S = 3 * 86_400;
const SLOW_MS = 2000;
/** How long what has failed is left alone. */
const REST_MS = 5000;
const COUNTRIES = 300;
/** Questions besides the summary that are under way at a time; the live stream has a connection too. */
const AT_A_TIME = 3;
const EVERYWHERE = "users/locations/90/180/-90/-180";
const REFUSED = new Set([401, 403, 404]);

const page = document.getElementById("dashboard");
const { wsid, zone, vendor } = page.dataset;
const askAtOnce = asking(wsid);
const ask = inTurn(askAtOnce, AT_A_TIME);
const times = timesIn(zone);

/** A module or a file of static/vendor; null where the build left it out, so that one panel fails and not the page. */
async function part(load, name) {
  try {
    return await load();
  } catch (error) {
    console.warn(`${name} could not be loaded: ${error.message}`);
    return null;
  }
}

async function atlas() {
  const response = await fetch(`${vendor}countries.json`);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

class Dashboard {
  constructor() {
    this._address = new Address();
    this._graph = new Graph(times);
    this._map = new WorldMap();
    this._equip();
    this._tail = new Tail(times);
    this._tiles = new Tiles((tile, measure) => this._choose(tile, measure));
    this._rankings = [...document.querySelectorAll("[data-view]")].map((panel) => new Ranking(panel, ask));
    this._seconds = new LiveSeconds(ask);
    this._picker = new PeriodPicker(this._address);
    this._elsewhere = new Elsewhere(ask, times, (from, to) => this._picker.choose(from, to));
    this._grains = [...document.querySelectorAll("#grains button")];
    for (const button of this._grains) button.addEventListener("click", () => this._step(button.dataset.grain));
    this._state = new StateLine(times, () => this._stream.reconnect());
    this._measure = "requests";
    this._sampled = false;
    this._due = new Set();
    this._under_way = new Set();
    this._rest_until = new Map();
    this._rounds = new Rounds({
      first: (signal) => this._first(signal),
      rest: (signal, changed, all) => this._rest(signal, changed, all),
      endsNow: () => this._period.endsNow,
      dear: () => this._filter.length > 0,
    });
    this._observe();
    onTheme(() => this._draw());
    new ResizeObserver(() => this._draw()).observe(document.getElementById("tiles"));
    this._stream = new LiveStream(wsid, {
      tick: (tick) => this._tick(tick),
      request: (event) => this._request(event),
      state: (state) => this._fresh(state),
      again: () => this._again(),
    });
    this._address.follow(() => this._look());
    this._look();
  }

  /** The third-party parts come while the first figures are asked for. */
  async _equip() {
    const library = part(() => import(`${vendor}uplot.js`), "uplot.js");
    const parts = Promise.all([part(() => import(`${vendor}geography.js`), "geography.js"), part(atlas, "countries.json")]);
    this._graph.equip((await library)?.default ?? null);
    this._map.equip(...(await parts));
  }

  // -- what is looked at -----------------------------------------------------------------------------------------------

  /** The period and the filters of the address: where they differ everything is asked anew, and what is shown stays until its answer has come. */
  _look() {
    const period = periodOf(this._address);
    const filter = this._address.all("filter").filter(parsed);
    const asked = JSON.stringify([period.parameters, filter]);
    if (asked === this._asked) return;
    this._asked = asked;
    this._period = period;
    this._filter = filter;
    this._summary = null;
    this._told = "";
    this._grain = period.grain;
    if (this._measure === "requests") this._tiles.press(this._grain === "second" ? "now" : "requests");
    this._earlier = null;
    this._earlier_at = -Infinity;
    this._ghosts = {};
    this._rest_until.clear();
    for (const ranking of this._rankings) ranking.forget();
    this._slow_at = -Infinity;
    this._spark = new Series(ask, period.spark, this._parameters);
    this._series = new Series(ask, period.grain === "second" ? period.spark : period.grain, this._parameters);
    this._press();
    for (const place of document.querySelectorAll(".surface, .ranking")) place.classList.add("asking");
    this._rounds.now();
  }

  /** What narrows every question: the period and the filters. */
  get _parameters() {
    return { ...this._period.parameters, filter: this._filter };
  }

  _step(grain) {
    this._grain = grain;
    if (grain !== "second") this._series = new Series(ask, grain, this._parameters);
    this._press();
    this._rounds.now();
  }

  _choose(tile, measure) {
    this._measure = measure;
    this._tiles.press(tile);
    if (tile === "now" && this._period.grains.includes("second") && this._grain !== "second") this._step("second");
    else this._plot();
  }

  _press() {
    const parameters = this._parameters;
    const live = this._grain === "second";
    document.getElementById("graph-csv").href = live ? ask.csv(`requests/second/${SECONDS}`, {}) : ask.csv(`requests/${this._grain}/${MOST[this._grain]}`, parameters);
    document.getElementById("map-csv").href = ask.csv(EVERYWHERE, parameters);
    document.getElementById("grains").hidden = this._period.grains.length === 1; // there is nothing to choose
    for (const button of this._grains) {
      button.hidden = !this._period.grains.includes(button.dataset.grain);
      button.setAttribute("aria-pressed", String(button.dataset.grain === this._grain));
    }
  }

  // -- rounds of questions ---------------------------------------------------------------------------------------------

  async _first(signal) {
    let answer;
    try {
      answer = await askAtOnce("summary", this._parameters, signal);
      this._state.troubled(null);
    } catch (error) {
      if (!signal.aborted) this._state.troubled(error, REFUSED.has(error.status));
      throw error;
    }
    document.querySelector(".surface").classList.remove("asking");
    const told = JSON.stringify([answer.results, answer.from, answer.to]);
    const changed = told !== this._told;
    this._told = told;
    this._summary = answer;
    this._cover(answer);
    this._figures();
    this._elsewhere.show(answer.results.requests === 0, signal).catch(() => {}); // only a hint
    return changed;
  }

  /** Ask what is due, what stands at the top of the page first. What has not answered yet is not asked again. */
  _rest(signal, changed, all) {
    const parameters = this._parameters;
    const now = performance.now();
    const slow = all || now - this._slow_at > SLOW_MS;
    if (slow) this._slow_at = now;
    if (changed || all) {
      for (const name of ["shades", "lines", "places", "series"]) this._due.add(name);
      for (const ranking of this._rankings) ranking.due = true;
    }
    if (all) this._due.add("latest");
    if (slow) this._due.add("series");
    this._ask("latest", signal, () => this._latest(signal));
    if (this._grain !== "second") this._ask("series", signal, () => this._series.update(signal).then(() => this._plot()));
    if (slow) this._ask("lines", signal, () => this._lines(signal));
    this._ask("shades", signal, () => this._shade(parameters, signal));
    if (slow) this._ask("places", signal, () => this._locate(signal));
    for (const ranking of this._rankings) {
      if (ranking.wants && (slow || ranking.seen)) ranking.update(parameters, signal);
    }
    if (all || now - this._earlier_at > EARLIER_MS) this._compare(signal).catch(() => {}); // without it nothing is compared
  }

  /** Have `run()` ask if that is due and not under way. What goes wrong is said by the page, and due again. */
  async _ask(name, signal, run) {
    if (!this._due.has(name) || this._under_way.has(name) || performance.now() < (this._rest_until.get(name) ?? 0)) return;
    this._due.delete(name);
    this._under_way.add(name);
    try {
      await run();
    } catch (error) {
      this._due.add(name);
      if (signal.aborted) return;
      this._rest_until.set(name, performance.now() + REST_MS);
      this._state.troubled(error);
    } finally {
      this._under_way.delete(name);
    }
  }

  async _latest(signal) {
    await Promise.all([
      this._seconds.load(signal).then(() => this._move()),
      ask("events", { limit: ROWS }, signal).then(({ results }) => this._tail.load(results)),
    ]);
  }

  async _shade(parameters, signal) {
    try {
      const answer = await ask("users/country", { ...parameters, limit: COUNTRIES }, signal);
      this._map.shade(answer.results);
    } catch (error) {
      if (signal.aborted || error.status !== 404) throw error;
      this._map.shade([]); // whoever runs this server has taken the view away
    }
  }

  async _locate(signal) {
    try {
      this._map.locate((await ask(EVERYWHERE, this._parameters, signal)).results);
    } catch (error) {
      if (signal.aborted || error.status !== 404) throw error;
    }
  }

  async _lines(signal) {
    await this._spark.update(signal);
    this._tiles.lines(this._spark.points, this._ghost(this._spark), this._spark.over);
  }

  /** The same figures of the period before, for what has changed since then. */
  async _compare(signal) {
    this._earlier_at = performance.now();
    const period = this._period;
    const parameters = { ...before(period, this._summary), filter: this._filter };
    this._apart_s = apart_s(period, this._summary);
    const answer = await ask("summary", parameters, signal);
    if (period !== this._period) return;
    this._earlier = answer.complete_from === null && answer.results.requests > 0 ? answer.results : null;
    if (this._earlier) {
      const compared = this._grain !== "second" && (this._grain !== "minute" || this._apart_s <= MINUTES_COMPARED_S);
      for (const grain of new Set([this._spark.grain, ...(compared ? [this._grain] : [])])) {
        this._ghosts[grain] = points(await ask(`requests/${grain}/${MOST[grain]}`, parameters, signal));
      }
      for (const ranking of this._rankings) await ranking.compare(parameters, period.called, signal);
    }
    if (period !== this._period) return;
    this._figures();
    this._tiles.lines(this._spark.points, this._ghost(this._spark), this._spark.over);
    this._plot();
  }

  /** For each point of a series the one of the period before, null where that is not known. */
  _ghost(series) {
    const ghost = this._ghosts[series.grain] ?? [];
    return aligned(series.points, ghost.map((point) => ({ ...point, t: point.t + this._apart_s })), STEP_S[series.grain]);
  }

  // -- the live stream -------------------------------------------------------------------------------------------------

  _tick(tick) {
    this._seconds.tick(tick);
    this._move();
  }

  _request(event) {
    this._rounds.soon();
    this._sampled = event.sampled;
    this._tail.add(event);
    if (this._period.endsNow) this._map.arrive(event);
  }

  _fresh(state) {
    this._state.show(state);
    const stale = state.state === "stale" || state.state === "offline";
    if (stale && this._grain === "second") this._graph.advance();
    if (stale !== this._was_stale) {
      this._graph.missing(stale ? (state.since ?? Date.now() / 1000) : null);
      this._was_stale = stale;
      this._stale_since = stale && state.since ? times.second(state.since) : "";
      this._move();
    }
  }

  _again() {
    this._rounds.now();
  }

  // -- showing ---------------------------------------------------------------------------------------------------------

  _move() {
    const perSecond = this._seconds.rate();
    this._tiles.now(this._seconds.points, perSecond, this._stale_since);
    this._tail.about(perSecond, this._sampled, this._stale_since);
    if (this._grain === "second") this._plot();
  }

  _plot() {
    const measure = this._measure;
    if (this._grain === "second") {
      this._graph.show({ points: this._seconds.points, measure, grain: "second", called: "Last 5 minutes" });
      return;
    }
    this._graph.show({
      points: this._series.points,
      measure,
      grain: this._grain,
      before: this._ghost(this._series),
      called: "This period",
      calledBefore: this._period.called,
      complete_from: this._series.complete_from,
      over: this._series.over,
    });
  }

  _figures() {
    if (!this._summary) return;
    this._tiles.show(this._summary.results, this._earlier, this._period.called);
  }

  _cover({ from, to, complete_from, as_of }) {
    const until = secondsOf(to) - 1;
    const days = times.isMidnight(secondsOf(from)) && times.isMidnight(secondsOf(to));
    const [first, last] = days ? [times.dateOf(secondsOf(from)), times.dateOf(until)] : [times.moment(secondsOf(from)), times.moment(Math.min(secondsOf(to), Math.floor(Date.now() / 60_000) * 60))];
    const span = first === last ? first : `${first} – ${last}`;
    say(document.getElementById("covered"), `${span}, ${zone.split("/").at(-1).replaceAll("_", " ")}${complete_from ? `. Complete since ${complete_from}` : ""}`);
    say(document.getElementById("as-of"), `Everything received before ${times.second(secondsOf(as_of))} is counted.`);
  }

  _draw() {
    this._tiles.draw();
    for (const ranking of this._rankings) ranking.draw();
  }

  _observe() {
    const seen = new Map(this._rankings.map((ranking) => [ranking.panel, ranking]));
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) seen.get(entry.target).seen = entry.isIntersecting;
    }, { rootMargin: "200px" });
    for (const panel of seen.keys()) observer.observe(panel);
  }
}

new Dashboard();
