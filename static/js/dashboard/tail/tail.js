// SPDX-License-Identifier: GPL-3.0-or-later
// The latest requests, one a row, newest first. They stand still by the button or Space, and under the pointer or the
// focus; what comes meanwhile is counted. The page's filters narrow them, and a text that is sought in all of their fields.
// Opened large, the panel lists older ones as well.

import { say } from "../../dom.js";
import { count, rate } from "../../numbers.js";
import { Filters, exactly } from "../filters.js";
import { onKey } from "../keys.js";
import { matches, viewsOf } from "../matching.js";
import { showDetail } from "./detail.js";
import { Rows, soughtIn } from "./rows.js";

const LARGE = "tail";
/** How many rows there are in the panel as it usually is, and at least; more where its neighbour is taller. */
const FEW = 14;
const ROW_PX = 28;
/** How many requests are kept to seek in, in the panel as it usually is and large, and how many more at a time. */
const KEPT = 40;
const KEPT_LARGE = 100;
const STEP = 200;
/** The API lists so many at most. */
const MOST = 1000;
const EVERY_MS = 250;
/** Where more than these come at a time, a tint would be everywhere and say nothing. */
const TINTED = 4;

export class Tail {
  /** `ask` asks the API, `times` writes times in the web service's zone, `address` is the page's. */
  constructor(ask, times, address) {
    this._ask = ask;
    this._times = times;
    this._address = address;
    this._panel = document.getElementById("tail");
    this._list = this._panel.querySelector("tbody");
    this._about = document.getElementById("tail-about");
    this._none = document.getElementById("tail-none");
    this._button = document.getElementById("tail-pause");
    this._search = document.getElementById("tail-search");
    this._more = document.getElementById("tail-more");
    this._csv = document.getElementById("tail-csv");
    this._views = viewsOf(document.getElementById("dashboard"));
    this._rows = new Rows(times);
    this._few = FEW;
    this._events = [];
    this._shown = new Map();
    this._waiting = [];
    this._arrived = 0;
    this._limit = KEPT;
    this._filters = new Filters(address);
    this._filter = [];
    this._timer = null;
    this._pressed = false;
    this._pointed = false;
    this._behind = false;
    this._other = false;
    this._said = { perSecond: null, sampled: false, stale: "" };
    this._listen();
    new ResizeObserver(([{ contentRect }]) => this._room(contentRect.height)).observe(this._list.closest(".scroll"));
    address.follow(() => this._follow());
    this._resize();
  }

  /**
   * Ask for the latest ones, which pass `filter`; the page's filters from now on. Others than before, and what was asked
   * for (`at_once`), are shown also where it stands still.
   */
  async load(filter, signal, at_once = false) {
    const other = String(filter) !== String(this._filter);
    this._filter = filter;
    if (other) this._waiting = [];
    const { results } = await this._ask("events", { limit: this._limit, filter }, signal);
    this._csv.href = this._ask.csv("events", { limit: MOST, filter });
    this._loaded = results;
    this._other ||= other;
    if (this._paused && !this._other && !at_once) this._behind = true;
    else this._take_loaded();
  }

  /** A request that has just come; shown with the next ones. */
  add(event) {
    if (!matches(event, this._filter, this._views)) return;
    this._waiting.push(event);
    this._arrived += 1;
    if (this._waiting.length > this._limit) this._waiting.shift();
    if (this._paused) this._tell();
    else this._later();
  }

  /** What stands below: the rate, or since when nothing has come. */
  about(perSecond, sampled, stale) {
    this._said = { perSecond, sampled, stale };
    this._tell();
  }

  /** Stand still, or go on. */
  toggle() {
    this._pressed = !this._pressed;
    this._button.setAttribute("aria-pressed", String(this._pressed));
    this._go_on();
  }

  // -- standing still --------------------------------------------------------------------------------------------------

  get _paused() {
    return this._pressed || this._pointed || this._list.contains(document.activeElement) || this._dialog?.open === true;
  }

  _listen() {
    this._button.addEventListener("click", () => this.toggle());
    onKey("Space", () => this.toggle(), { name: "Pause live" });
    this._list.addEventListener("pointerenter", (event) => this._point(event.pointerType === "mouse"));
    this._list.addEventListener("pointerleave", () => this._point(false));
    this._list.addEventListener("focusin", (event) => this._focus(event.target));
    this._list.addEventListener("focusout", () => queueMicrotask(() => this._go_on()));
    this._list.addEventListener("click", (event) => this._press(event.target));
    this._list.addEventListener("keydown", (event) => this._walk(event));
    this._search.addEventListener("input", () => this._seek());
    this._more.addEventListener("click", () => this._older());
  }

  _point(pointed) {
    this._pointed = pointed;
    this._go_on();
  }

  /** Show what has waited, unless something still holds it. */
  _go_on() {
    this._tell();
    if (this._paused) return;
    if (this._behind) this._take_loaded();
    this._later();
  }

  // -- what is shown ---------------------------------------------------------------------------------------------------

  _take_loaded() {
    this._behind = this._other = false;
    this._events = this._loaded.filter((event) => event.kind === "request");
    // What came after the answer was made is not in it.
    const known = new Set(this._events.map(({ seq }) => seq));
    this._waiting = this._waiting.filter(({ seq }) => !known.has(seq) && !(seq < this._events[0]?.seq));
    this._draw(0);
    this._later();
  }

  _later() {
    if (this._paused || !this._waiting.length) return;
    this._timer ??= setTimeout(() => {
      this._timer = null;
      if (this._paused) return;
      const fresh = this._waiting.splice(0).reverse();
      this._events = [...fresh, ...this._events].slice(0, this._limit);
      this._draw(fresh.length);
    }, EVERY_MS);
  }

  /** Bring the rows up to date; the newest `fresh` of them have just come. */
  _draw(fresh) {
    this._arrived = this._waiting.length;
    const sought = this._sought ? this._events.filter((event) => soughtIn(event).includes(this._sought)) : this._events;
    const shown = sought.slice(0, this._large ? MOST : this._few);
    const news = new Set(fresh <= TINTED ? this._events.slice(0, fresh) : []);
    const before = this._shown;
    this._shown = new Map(shown.map((event) => [event, before.get(event) ?? this._rows.made(event, news.has(event), this._large)]));
    for (const [event, row] of before) if (!this._shown.has(event)) row.remove();
    let at = this._list.firstElementChild;
    for (const row of this._shown.values()) {
      if (row === at) at = at.nextElementSibling;
      else this._list.insertBefore(row, at);
    }
    this._matching = sought.length;
    this._stop();
    this._nothing(shown.length === 0);
    this._tell();
  }

  /** One row is in the order of the Tab key, the others are reached with the arrows. */
  _stop() {
    const stops = this._list.querySelectorAll('[tabindex="0"]');
    if (stops.length === 1 && stops[0].isConnected) return;
    for (const one of stops) one.tabIndex = -1;
    const first = this._list.querySelector(".open-row");
    if (first) first.tabIndex = 0;
  }

  _nothing(nothing) {
    this._none.hidden = !nothing;
    if (!nothing) return;
    const narrowed = this._filter.length ? "passes the filters" : "has come yet";
    say(this._none, this._sought ? `None of the latest ${count(this._events.length)} requests holds “${this._search.value.trim()}”.` : `No request ${narrowed}.`);
  }

  _tell() {
    const { perSecond, sampled, stale } = this._said;
    say(this._button, this._pressed ? "Go on" : "Pause");
    const waits = this._arrived ? `, ${count(this._arrived)} ${this._arrived === 1 ? "has" : "have"} come since` : "";
    const now = perSecond === null ? "" : `${rate(perSecond)} per second${sampled ? ", of which at most 50 are shown" : ""}`;
    const found = this._sought ? `${count(this._matching ?? 0)} of the latest ${count(this._events.length)} · ` : "";
    say(this._about, stale ? `Nothing since ${stale}` : this._paused ? `Paused${waits}` : `${found}${now}`);
    this._panel.classList.toggle("paused", this._paused && !stale);
  }

  // -- seeking, filtering, opening -------------------------------------------------------------------------------------

  _seek() {
    this._sought = this._search.value.trim().toLowerCase();
    this._draw(0);
  }

  _focus(target) {
    const open = target.closest("tr").querySelector(".open-row");
    for (const one of this._list.querySelectorAll('[tabindex="0"]')) if (one !== open) one.tabIndex = -1;
    open.tabIndex = 0;
    this._tell();
  }

  _walk(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = event.target.closest("tr");
    const within = [...row.querySelectorAll("button")];
    const beside = within[within.indexOf(event.target) + { ArrowLeft: -1, ArrowRight: 1 }[event.key]];
    const rows = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Home: this._list.firstElementChild, End: this._list.lastElementChild };
    const to = Object.hasOwn(rows, event.key) ? rows[event.key]?.querySelector(".open-row") : beside;
    if (!to) return;
    event.preventDefault();
    to.focus();
  }

  _press(target) {
    const by = target.closest("[data-by]");
    if (by) {
      this._narrow(by.dataset.by, by.dataset.key);
      return;
    }
    const row = target.closest("tr");
    const event = [...this._shown].find(([, one]) => one === row)?.[0];
    if (!event) return;
    this._dialog = showDetail(event, this._times, (view, key) => this._narrow(view, key));
    this._dialog.addEventListener("close", () => this._go_on());
  }

  /** Narrow the whole page to one key of a view. */
  _narrow(view, key) {
    document.activeElement.blur();
    this._filters.add(exactly(view, key));
  }

  // -- large -----------------------------------------------------------------------------------------------------------

  /** The button below: opens the panel large, and there asks for older ones. */
  _older() {
    if (!this._large) {
      this._address.set({ large: LARGE });
      return;
    }
    this._limit = Math.min(MOST, this._limit + STEP);
    this._more.disabled = true;
    this.load(this._filter, null, true)
      .catch((error) => say(this._about, error.message))
      .finally(() => this._offer());
  }

  /** The address has changed. What passes its filters of what is here is shown at once, the rest when it has come. */
  _follow() {
    const filter = this._filters.asked;
    if (String(filter) !== String(this._filter)) {
      this._filter = filter;
      this._other = true;
      this._waiting = [];
      this._events = this._events.filter((event) => matches(event, filter, this._views));
      this._draw(0);
    }
    this._resize();
  }

  /** So many pixels are there for the rows. */
  _room(height) {
    if (this._large) return;
    const few = Math.max(FEW, Math.floor(height / ROW_PX));
    if (few === this._few) return;
    this._few = few;
    this._draw(0);
  }

  _resize() {
    const large = this._address.get("large") === LARGE;
    if (large === this._large) return;
    this._large = large;
    this._limit = large ? KEPT_LARGE : KEPT;
    if (large && this._loaded) this.load(this._filter, null, true).catch((error) => say(this._about, error.message));
    this._events = this._events.slice(0, this._limit);
    for (const row of this._shown.values()) row.remove();
    this._shown = new Map();
    this._draw(0);
    this._offer();
  }

  _offer() {
    const all = this._large && this._limit === MOST;
    this._more.disabled = all;
    say(this._more, !this._large ? "Open request log" : all ? `The latest ${count(MOST)}` : "Older ones");
    this._csv.hidden = !this._large;
  }
}
