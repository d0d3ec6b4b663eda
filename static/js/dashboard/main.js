// SPDX-License-Identifier: GPL-3.0-or-later
// The dashboard: makes its parts, and has each of them told what the API and the live stream say.

import { NoAnswer, asking, inTurn } from "../ask.js";
import { LiveStream } from "../live/live.js";
import { Address } from "./address.js";
import { Elsewhere } from "./elsewhere.js";
import { Chips } from "./chips.js";
import { Enlarge } from "./enlarge.js";
import { FilterForm } from "./filter_form.js";
import { Filters } from "./filters.js";
import { WorldMap } from "./map.js";
import { matches, viewsOf } from "./matching.js";
import { Overview } from "./overview.js";
import { periodOf } from "./period.js";
import { PeriodPicker } from "./period_picker.js";
import { Ranking } from "./ranking.js";
import { Rounds } from "./rounds.js";
import { offerShare } from "./share.js";
import { Sheet } from "./sheet.js";
import { StateLine } from "./state.js";
import { Tail } from "./tail/tail.js";
import { onTheme } from "./theme.js";
import { timesIn } from "./times.js";
import { ServerClock } from "./wall/clock.js";
import { Wall } from "./wall/wall.js";

const EARLIER_MS = 60_000;
const SLOW_MS = 2000;
/** How often rankings are asked that are out of sight: they are asked at once when they come into view. */
const UNSEEN_MS = 10_000;
/** How long what has failed is left alone. */
const REST_MS = 5000;
/** What the questions besides the summary are for, in words. Rankings speak for themselves. */
const PARTS = { latest: "The latest requests", lines: "The small graphs", series: "The graph", seconds: "The last seconds", noted: "Annotations", shades: "The map's shades", visits: "Visits", places: "The map's dots" };
const COUNTRIES = 300;
/** Questions besides the summary that are under way at a time; the live stream has a connection too. */
const AT_A_TIME = 3;
const REFUSED = new Set([401, 403, 404]);
/** A question that is wrong, or too long: its filters are, since the periods are ours. */
const WRONG = new Set([400, 414, 431]);

const page = document.getElementById("dashboard");
const { base, account, zone, vendor, worker, release } = page.dataset;
/** A share link shows no single requests and nothing that is not public; the page has no panels for it. */
const shared = page.dataset.shared !== undefined;
const askAtOnce = asking(base, account);
const ask = inTurn(askAtOnce, AT_A_TIME);
const times = timesIn(zone);
const clock = new ServerClock();
askAtOnce.heard = (sent, received, date) => clock.heard(sent, received, date);
const views = viewsOf(page);

/** A module or a file of static/vendor; null where the build left it out, so that one panel fails and not the page. */
async function part(load, name) {
  try {
    return await load();
  } catch (error) {
    console.warn(`${name} could not be loaded: ${error.message}`);
    return null;
  }
}

async function atlas(name) {
  const response = await fetch(`${vendor}${name}`);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

class Dashboard {
  constructor() {
    this._address = new Address();
    this._overview = new Overview({ ask, times, address: this._address, shared });
    this._map = new WorldMap({ address: this._address, ask, times, views });
    this._equip();
    this._tail = shared ? null : new Tail(ask, times, this._address);
    this._filters = new Filters(this._address);
    this._chips = new Chips(this._address, this._filters);
    offerShare(this._address, times);
    this._rankings = [...document.querySelectorAll("[data-view]")].map((panel) => new Ranking(panel, ask, this._filters, (one) => this._enlarge.toggle(one)));
    this._enlarge = new Enlarge(this._address);
    this._wall = new Wall(this._address, times, clock, release);
    new FilterForm(ask, this._filters, () => this._period.parameters);
    this._picker = new PeriodPicker(this._address, times);
    this._elsewhere = new Elsewhere(ask, times, (from, to) => this._picker.choose(from, to), shared);
    this._state = new StateLine(times, () => this._stream.reconnect(), shared);
    this._sampled = false;
    this._due = new Set();
    this._under_way = new Set();
    this._rest_until = new Map();
    this._failed = new Map();
    this._rounds = new Rounds({
      first: (signal) => this._first(signal),
      rest: (signal, changed, all) => this._rest(signal, changed, all),
      endsNow: () => this._period.endsNow,
      dear: () => this._filter.length > 0,
    });
    this._observe();
    onTheme(() => this._draw());
    new ResizeObserver(() => this._draw()).observe(document.getElementById("tiles"));
    this._stream = new LiveStream(`${base}/data/live`, worker, release, {
      tick: (tick) => this._tick(tick),
      request: (event) => this._request(event),
      state: (state) => this._fresh(state),
      again: () => this._again(),
    });
    this._address.follow(() => this._look());
    this._sheet = new Sheet(this._address);
    this._look();
  }

  /** The third-party parts come while the first figures are asked for. */
  async _equip() {
    const library = part(() => import(`${vendor}uplot.js`), "uplot.js");
    const parts = Promise.all([part(() => import(`${vendor}geography.js`), "geography.js"), part(() => atlas("countries.json"), "countries.json")]);
    this._overview.equip((await library)?.default ?? null);
    await this._map.equip(...(await parts), {
      borders: () => part(() => atlas("countries-detailed.json"), "countries-detailed.json"),
      cities: () => part(() => atlas("cities.json"), "cities.json"),
    });
  }

  // -- what is looked at -----------------------------------------------------------------------------------------------

  /**
   * The period and the filters of the address: where they differ everything is asked anew, and what is shown stays until
   * its answer has come. How the graph shows it is in the address, too.
   */
  _look() {
    const period = periodOf(this._address, times);
    const filter = this._filters.asked;
    const asked = JSON.stringify([period.name, period.parameters, filter]);
    if (asked === this._asked) {
      if (this._overview.turn()) this._compare_again();
      return;
    }
    this._asked = asked;
    this._period = period;
    this._filter = filter;
    this._told = "";
    this._earlier_at = -Infinity;
    this._rest_until.clear();
    for (const ranking of this._rankings) ranking.forget();
    this._map.look(this._parameters);
    this._slow_at = this._unseen_at = -Infinity;
    this._overview.look(period, filter);
    for (const place of document.querySelectorAll(".surface, .ranking")) place.classList.add("asking");
    this._rounds.now();
  }

  /** The graph wants something else, or the comparison was turned on or off. */
  _compare_again() {
    this._earlier_at = -Infinity;
    for (const ranking of this._rankings) ranking.forget();
    this._rounds.now();
  }

  /** What narrows every question: the period and the filters. */
  get _parameters() {
    return { ...this._period.parameters, filter: this._filter };
  }

  // -- rounds of questions ---------------------------------------------------------------------------------------------

  async _first(signal) {
    const { unaskable } = this._filters;
    if (unaskable) {
      this._chips.refuse(unaskable);
      return null;
    }
    let answer;
    try {
      answer = await askAtOnce("summary", this._parameters, signal);
      if (this._state.refused) this._stream.reconnect();
      this._say_failed();
    } catch (error) {
      if (!signal.aborted && this._filter.length && (WRONG.has(error.status) || (error.status === 404 && this._chips.wrong))) {
        this._chips.refuse(error.message);
        return null;
      }
      if (!signal.aborted) this._state.troubled(error, { refused: REFUSED.has(error.status) });
      throw error;
    }
    document.querySelector(".surface").classList.remove("asking");
    const told = JSON.stringify([answer.results, answer.from, answer.to]);
    const changed = told !== this._told;
    this._told = told;
    this._overview.tell(answer);
    this._chips.complete(answer.complete_from);
    this._elsewhere.show(answer.results.requests === 0, signal).catch(() => {}); // only a hint
    return changed;
  }

  /** Ask what is due, what stands at the top of the page first. What has not answered yet is not asked again. */
  _rest(signal, changed, all) {
    const parameters = this._parameters;
    const now = performance.now();
    const slow = all || now - this._slow_at > SLOW_MS;
    if (slow) this._slow_at = now;
    const unseen = all || now - this._unseen_at > UNSEEN_MS;
    if (unseen) this._unseen_at = now;
    if (changed || all) {
      for (const name of ["shades", "lines", "places", "series", "seconds", "visits"]) this._due.add(name);
      for (const ranking of this._rankings) ranking.due = true;
    }
    if (all) {
      this._due.add("latest");
      this._failed.clear();
    }
    for (const name of slow ? ["series", "seconds", "noted"] : []) this._due.add(name);
    this._ask("latest", signal, () => this._latest(signal));
    for (const one of this._overview.questions) if (slow || !one.slow) this._ask(one.name, signal, () => one.run(signal));
    if (slow) this._ask("noted", signal, () => this._overview.annotations(signal));
    this._ask("shades", signal, () => this._shade(parameters, signal));
    if (slow) this._ask("places", signal, () => this._locate(signal));
    if (unseen) this._ask("visits", signal, () => this._overview.visited(signal));
    for (const ranking of this._rankings) {
      if (ranking.wants && (unseen || ranking.seen)) ranking.update(parameters, signal);
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
      this._failed.delete(name);
    } catch (error) {
      this._due.add(name);
      if (signal.aborted) return;
      this._rest_until.set(name, performance.now() + REST_MS);
      this._failed.set(name, error);
      this._say_failed();
    } finally {
      this._under_way.delete(name);
    }
  }

  /** Say which part of the page can't be loaded, if there is one. */
  _say_failed() {
    const [[name, error] = []] = this._failed;
    this._state.troubled(error ?? null, { part: PARTS[name] });
  }

  async _latest(signal) {
    await Promise.all([
      this._overview.load(signal).then(() => this._about()),
      this._tail?.load(this._filter, signal),
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
      await this._map.update(this._parameters, signal);
    } catch (error) {
      if (signal.aborted || error.status !== 404) throw error;
    }
  }

  /** The same figures of the period before, for what has changed since then. */
  async _compare(signal) {
    this._earlier_at = performance.now();
    const { called } = this._period;
    const parameters = await this._overview.compare(signal);
    if (!parameters) return;
    await Promise.all([...this._rankings, this._map].map((one) => one.compare(parameters, called, signal)));
  }

  // -- the live stream -------------------------------------------------------------------------------------------------

  _tick(tick) {
    this._overview.tick(tick);
    this._about();
  }

  _request(event) {
    this._rounds.soon();
    this._sampled = event.sampled;
    this._tail?.add(event);
    if (this._period.endsNow && matches(event, this._filter, views)) this._map.arrive(event);
  }

  _fresh(state) {
    if (state.refused && !this._state.refused) this._state.troubled(new NoAnswer(state.refused, ""), { refused: true });
    this._state.show(state);
    const stale = state.state === "stale" || state.state === "offline";
    if (stale) this._overview.advance();
    if (stale !== this._was_stale) {
      this._was_stale = stale;
      this._stale_since = stale && state.since ? times.second(state.since) : "";
      this._overview.stale(stale ? (state.since ?? Date.now() / 1000) : null);
      this._about();
    }
  }

  _again() {
    this._rounds.now();
    this._wall.again();
  }

  // -- showing ---------------------------------------------------------------------------------------------------------

  _about() {
    this._tail?.about(this._overview.rate, this._sampled, this._stale_since);
  }

  _draw() {
    this._overview.draw();
    for (const ranking of this._rankings) ranking.draw();
  }

  _observe() {
    const seen = new Map(this._rankings.map((ranking) => [ranking.panel, ranking]));
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) seen.get(entry.target).see(entry.isIntersecting);
    }, { rootMargin: "200px" });
    for (const panel of seen.keys()) observer.observe(panel);
  }
}

new Dashboard();
