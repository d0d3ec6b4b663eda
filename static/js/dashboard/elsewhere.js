// SPDX-License-Identifier: GPL-3.0-or-later
// Where the period has no events: says so, and leads to the days that have some.

import { say } from "../dom.js";
import { points } from "./series.js";
import { secondsOf } from "./times.js";

const DAY_S = 86_400;
/** As many days are offered, up to the one of the latest event. */
const DAYS = 7;
/** A day is kept for 27 months (docs/api.md). */
const DAYS_KEPT = 830;

export class Elsewhere {
  /**
   * `ask` asks the API, `times` writes times in the web service's zone, `choose(from, to)` shows a custom period. Where
   * the page is `shared`, single events are nobody's business.
   */
  constructor(ask, times, choose, shared) {
    this._shared = shared;
    this._ask = ask;
    this._times = times;
    this._place = document.getElementById("elsewhere");
    this._button = this._place.querySelector("button");
    this._button.addEventListener("click", () => choose(...this._days));
    this._days = null;
    this._wanted = false;
  }

  /** Whether the period has nothing. Where the latest events are is asked when that begins. */
  async show(empty, signal) {
    const begins = empty && !this._wanted;
    this._wanted = empty;
    if (!empty) this._place.hidden = true;
    if (!begins) return;
    try {
      const latest = await this._latest(signal);
      if (!this._wanted) return;
      this._tell(latest);
      this._place.hidden = false;
    } catch (error) {
      this._wanted = false; // asked again in the next round
      if (!signal.aborted) throw error;
    }
  }

  /** When the event that was received last happened, or where single events are gone the last day with any; or null. */
  async _latest(signal) {
    const { results } = this._shared ? { results: [] } : await this._ask("events", { limit: 1 }, signal);
    if (results.length) return secondsOf(results[0].ts);
    const days = points(await this._ask(`requests/day/${DAYS_KEPT}`, {}, signal));
    return days.findLast((day) => day.requests > 0)?.t ?? null;
  }

  _tell(latest) {
    this._button.hidden = latest === null;
    if (latest === null) {
      say(this._place.querySelector("span"), "Nor is anything older kept.");
      return;
    }
    const last = this._times.iso(latest);
    const noon = secondsOf(`${last}T12:00:00Z`);
    const first = new Date((noon - (DAYS - 1) * DAY_S) * 1000).toISOString().slice(0, 10);
    this._days = [first, last];
    say(this._place.querySelector("span"), `What was received last happened on ${this._times.dateOf(latest)}.`);
    say(this._button, `Show the ${DAYS} days up to then`);
  }
}
