// SPDX-License-Identifier: GPL-3.0-or-later
// What visits were like: how many, how long, how many pages, and how many left after the first one.

import { say } from "../dom.js";
import { UNKNOWN, change, changeOfDuration, changeOfShare, clock, count, rate, share } from "../numbers.js";

/** A length in seconds as a clock counts it: "48 s", "3:07". */
export const length = (seconds) => (seconds === null ? UNKNOWN : clock(Math.round(seconds)));

const part = (name) => (now) => (now.visits ? now[name] / now.visits : null);
const longer = (now, before) => changeOfDuration(now * 1000, before * 1000);

/** Per figure: what it is of a summary with visits, how it is written and has changed, and whether more is better. */
const FIGURES = {
  visits: [({ visits }) => visits, count, change, true],
  pages: [part("pages"), (value) => rate(value && Math.round(value * 10) / 10), change, true],
  bounces: [part("bounces"), (value) => (value === null ? UNKNOWN : share(value, 1)), changeOfShare, false],
  mean: [({ visit_s }) => visit_s, length, longer, true],
  median: [({ median_visit_s }) => median_visit_s, length, longer, true],
};

export class Visits {
  constructor() {
    this._panel = document.getElementById("visits");
    this._note = document.getElementById("visits-note");
  }

  /**
   * Show those of a summary, null where it has not come yet, beside those of the period before, which is `called` so, or
   * null. `note` says what they are about where that is not the period.
   */
  show(now, before, called, note) {
    this._panel.hidden = now !== null && (now.visits ?? null) === null;
    if (this._panel.hidden) return;
    say(this._note, note);
    for (const [name, [of, write, moved, up]] of Object.entries(FIGURES)) {
      const cell = this._panel.querySelector(`[data-visits="${name}"]`);
      const [figure, told] = cell.querySelectorAll("b, i");
      say(figure, now ? write(of(now)) : UNKNOWN);
      const compared = now?.visits && before?.visits;
      const text = compared ? moved(of(now), of(before)) : "";
      say(told, text);
      told.className = text.startsWith("↑") === up ? "better" : "worse";
      cell.title = compared ? `${called}: ${write(of(before))}` : "";
    }
  }
}
