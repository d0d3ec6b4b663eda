// SPDX-License-Identifier: GPL-3.0-or-later
// The latest requests, one a row, newest first. Pauses by its button, and under the pointer or the focus.

import { el, say } from "../dom.js";
import { UNKNOWN, duration, rate } from "../numbers.js";
import { secondsOf } from "./times.js";

export const ROWS = 14;
const EVERY_MS = 250;
const DAY_S = 86_400;
/** Where more than these come at a time, a tint would be everywhere and say nothing. */
const TINTED = 4;

export class Tail {
  constructor(times) {
    this._times = times;
    this._panel = document.getElementById("tail");
    this._list = this._panel.querySelector("tbody");
    this._about = document.getElementById("tail-about");
    this._waiting = [];
    this._timer = null;
    this._button = document.getElementById("tail-pause");
    this._pressed = false;
    this._held = false;
    this._button.addEventListener("click", () => {
      this._pressed = !this._pressed;
      this._button.setAttribute("aria-pressed", String(this._pressed));
      this._button.textContent = this._pressed ? "Go on" : "Pause";
      this._later();
    });
    this._list.addEventListener("pointerenter", () => this._hold(true));
    this._list.addEventListener("pointerleave", () => this._hold(false));
  }

  /** Start from events of the API, newest first. */
  load(events) {
    this._list.replaceChildren(...events.filter((event) => event.kind === "request").map((event) => this._row(event, false)));
  }

  /** A request that has just come; shown with the next ones. */
  add(event) {
    this._waiting.push(event);
    if (this._waiting.length > ROWS) this._waiting.shift();
    this._later();
  }

  /** What stands below: the rate, or since when nothing has come. */
  about(perSecond, sampled, stale) {
    const more = sampled ? ", a sample is shown" : "";
    const now = perSecond === null ? "" : `${rate(perSecond)} per second${more}`;
    say(this._about, stale ? `Nothing since ${stale}` : this._paused ? "Paused" : now);
  }

  get _paused() {
    return this._pressed || this._held;
  }

  _hold(held) {
    this._held = held;
    this._later();
  }

  _later() {
    if (this._paused || !this._waiting.length) return;
    this._timer ??= setTimeout(() => {
      this._timer = null;
      if (!this._paused) this._take();
    }, EVERY_MS);
  }

  _take() {
    const events = this._waiting.splice(0);
    const rows = events.map((event) => this._row(event, events.length <= TINTED));
    this._list.prepend(...rows.reverse());
    while (this._list.children.length > ROWS) this._list.lastElementChild.remove();
  }

  /** The time of day, or the date where that was days ago. */
  _when(seconds) {
    return Date.now() / 1000 - seconds < DAY_S ? this._times.second(seconds) : this._times.dateOf(seconds);
  }

  _row(event, fresh) {
    const status = event.status ?? "";
    const tone = status >= 500 ? "tone-bad" : status >= 400 ? "tone-warn" : "";
    const t = secondsOf(event.ts);
    const when = this._when(t);
    return el(
      "tr",
      { class: fresh ? "fresh" : null },
      el("td", { class: `when${when.length > 8 ? " long" : ""}` }, el("time", { datetime: event.ts, title: this._times.moment(t) }, when)),
      el("td", { class: `status ${tone}` }, status === "" ? UNKNOWN : String(status)),
      el("td", { class: "what", title: event.url }, el("bdi", {}, event.url)),
      el("td", { class: "n" }, event.duration_ms === undefined || event.duration_ms === null ? "" : duration(event.duration_ms)),
      el("td", { class: "where" }, event.country || ""),
    );
  }
}
