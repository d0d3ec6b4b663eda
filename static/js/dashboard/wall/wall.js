// SPDX-License-Identifier: GPL-3.0-or-later
// The wall (`wall=1` in the address): chosen parts of the page on one screen, without controls, with the server's clock and
// how old the data is. The parts are those of the page, which have been moved: what they show and how they are kept up to
// date is the same. It is made to run for weeks: it shifts a little so that nothing burns in, and loads itself anew when
// the server has another release.

import { el, say } from "../../dom.js";
import { onKey } from "../keys.js";
import { USUAL, areasOf, rowsOf } from "./areas.js";
import { choose } from "./chooser.js";

const CLOCK_MS = 250;
const SHIFT_EVERY_MS = 600_000;
const SHIFTS = [[0, 0], [2, 0], [2, 2], [0, 2]];
const RELEASE_EVERY_MS = 600_000;
/** Not all walls of a server at once. */
const WITHIN_MS = 30_000;
const POINTER_MS = 3000;
/** Text on the graph is 11 units high; on the wall 28 of the 1920 × 1080 that it is drawn for. */
const GRAPH_SCALE = 28 / 11;
/** A root em is ten of these. */
const REM = 10;

export class Wall {
  /** `times` writes times in the web service's zone, `clock` is the server's, `release` the one that made this page. */
  constructor(address, times, clock, release) {
    this._address = address;
    this._times = times;
    this._clock = clock;
    this._release = release;
    this._moved = [];
    this._timers = [];
    this._page = null;
    this._shown = "";
    onKey("W", () => this._key(), { name: "Wall mode" });
    onKey("Escape", () => (this._page ? this.leave() : false), { name: "Close, back" });
    for (const button of document.querySelectorAll("[data-wall]")) button.addEventListener("click", () => this._choose());
    document.addEventListener("fullscreenchange", () => this._filled());
    addEventListener("resize", () => this._page && this._scale());
    address.follow(() => this._show());
    this._show();
  }

  /** The stream is back: perhaps after another release was installed. */
  again() {
    if (this._page) this._compare();
  }

  leave() {
    this._address.set({ wall: null, show: null });
  }

  _key() {
    if (this._page) this.leave();
    else this._choose();
  }

  get _names() {
    return this._address.get("show")?.split(",") ?? USUAL;
  }

  _choose() {
    choose(areasOf(this._names).flatMap(({ names }) => names), async (names, full) => {
      const show = names.join() === USUAL.join() ? null : names.join();
      // The browser allows it only in answer to a press, so it comes first.
      this._full = full && (await document.documentElement.requestFullscreen().then(() => true, () => false));
      this._address.set({ wall: "1", show, large: null });
    });
  }

  /** Who leaves the full screen, which Escape does by itself, leaves the wall that came with it. */
  _filled() {
    if (document.fullscreenElement || !this._full) return;
    this._full = false;
    if (this._page) this.leave();
  }

  // -- beginning and ending --------------------------------------------------------------------------------------------

  _show() {
    const wanted = this._address.get("wall") === "1" ? this._names.join() : "";
    if (wanted === this._shown) return;
    if (this._page) this._end();
    this._shown = wanted;
    if (wanted) this._begin();
  }

  _begin() {
    const areas = areasOf(this._names);
    this._time = el("time", { class: "wall-clock n" });
    const leave = el("button", { class: "wall-leave", type: "button" }, "Leave the wall");
    leave.addEventListener("click", () => this.leave());
    const head = el("header", { class: "wall-head" }, document.querySelector(".head .mark").cloneNode(true), el("h2", {}, document.querySelector(".head h1").textContent.trim()));
    this._move(document.getElementById("covered"), head);
    head.append(leave);
    this._move(document.getElementById("live"), head);
    head.append(this._time);
    this._page = el("div", { class: "wall-page" }, head);
    this._move(document.getElementById("banner"), this._page);
    const rows = rowsOf(areas);
    rows.forEach((row, at) => this._page.append(el("div", { class: `wall-row${at === 0 && rows.length > 1 ? " above" : ""}` }, ...row.map((area) => this._area(area)))));
    if (!areas.length) this._page.append(el("p", { class: "wall-empty" }, "None of what the address names is on this page. Escape leaves the wall."));
    document.getElementById("dashboard").append(this._page);
    document.documentElement.classList.add("wall-root");
    document.body.classList.add("wall");
    this._scale();
    this._tick();
    this._timers = [setInterval(() => this._tick(), CLOCK_MS), setInterval(() => this._shift(), SHIFT_EVERY_MS / 10), setInterval(() => this._compare(), RELEASE_EVERY_MS)];
    this._wake();
    this._watch = new AbortController();
    const { signal } = this._watch;
    for (const name of ["pointermove", "pointerdown"]) addEventListener(name, () => this._point(), { signal });
    document.addEventListener("visibilitychange", () => this._wake(), { signal });
  }

  _end() {
    this._watch.abort();
    for (const timer of this._timers) clearInterval(timer);
    clearTimeout(this._pointing);
    for (const [element, mark] of this._moved.reverse()) mark.replaceWith(element);
    this._moved = [];
    this._page.remove();
    this._page = null;
    document.documentElement.classList.remove("wall-root");
    document.body.classList.remove("wall", "pointed");
    document.body.style.removeProperty("--scale");
    this._awake?.release().catch(() => {});
    this._awake = null;
    if (this._full) document.exitFullscreen().catch(() => {});
    this._full = false;
    dispatchEvent(new Event("schemechange"));
  }

  /** Take an element of the page to `place`, until the wall ends. */
  _move(element, place) {
    if (!element) return;
    const mark = document.createComment("on the wall");
    element.replaceWith(mark);
    this._moved.push([element, mark]);
    place.append(element);
  }

  _area({ kind, names }) {
    const area = el("section", { class: `wall-area wall-${kind}` });
    if (kind === "graph") {
      const head = el("div", { class: "wall-graph-head" });
      area.append(head);
      for (const [id, place] of [["graph-title", head], ["graph-legend", head], ["graph", area]]) this._move(document.getElementById(id), place);
    }
    else if (kind === "map" || kind === "tail") this._move(document.getElementById(kind), area);
    else if (kind === "ranking") this._move(document.querySelector(`[data-view="${CSS.escape(names[0])}"]`), area);
    else for (const name of names) this._move(document.querySelector(`[data-tile="${CSS.escape(name)}"]`), area);
    return area;
  }

  // -- while it is there -----------------------------------------------------------------------------------------------

  /** What is drawn on canvases is as large as the text beside it. */
  _scale() {
    const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / REM;
    document.body.style.setProperty("--scale", String(unit * GRAPH_SCALE));
    document.body.style.setProperty("--unit", String(unit));
    dispatchEvent(new Event("schemechange"));
  }

  _tick() {
    const now = this._clock.now();
    say(this._time, this._times.second(now / 1000));
    this._time.dateTime = new Date(now).toISOString().slice(0, 19) + "Z";
  }

  _shift() {
    const [x, y] = SHIFTS[Math.floor(performance.now() / SHIFT_EVERY_MS) % SHIFTS.length];
    this._page.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** Where another release answers, load the page anew; not while it would lead to nothing, such as a login. */
  async _compare() {
    const there = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
    const release = there?.ok ? there.headers.get("TMon-Release") : null;
    if (!release || release === this._release || this._loading) return;
    this._loading = setTimeout(() => location.reload(), Math.random() * WITHIN_MS);
  }

  /** Keep the screen on, where the browser can and may. */
  async _wake() {
    if (document.visibilityState !== "visible") return;
    const awake = await navigator.wakeLock?.request("screen").catch(() => null);
    if (this._page) this._awake = awake;
    else awake?.release().catch(() => {});
  }

  /** The pointer and the way out are there for as long as somebody moves the pointer. */
  _point() {
    document.body.classList.add("pointed");
    clearTimeout(this._pointing);
    this._pointing = setTimeout(() => document.body.classList.remove("pointed"), POINTER_MS);
  }
}
