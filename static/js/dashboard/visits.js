// SPDX-License-Identifier: GPL-3.0-or-later
// What visits were like: how many, how long, how many pages, and how many left after the first one.

import { say } from "../dom.js";
import { UNKNOWN, change, changeOfDuration, changeOfShare, clock, count, duration, percent, rate } from "../numbers.js";

const S = 1000;

/** A length in seconds as people say it: "0 s", "48 s", "3:07". */
export const length = (seconds) => (seconds === null || seconds === undefined ? UNKNOWN : seconds < 10 && seconds % 1 ? duration(seconds * S) : clock(Math.round(seconds)));

const bounced = ({ visits, bounces }) => (visits ? bounces / visits : null);
const deep = ({ visits, pages }) => (visits ? pages / visits : null);
const longer = (now, before) => changeOfDuration(now === null ? null : now * S, before === null ? null : before * S);

/** Per figure: what it is of the summary, how it is written and has changed, and whether more is better (1) or worse (-1). */
const FIGURES = {
  visits: { of: ({ visits }) => visits, write: count, moved: change, judged: 1 },
  pages: { of: deep, write: (value) => (value === null ? UNKNOWN : rate(Math.round(value * 10) / 10)), moved: change, judged: 1 },
  bounces: { of: bounced, write: (value) => (value === null ? UNKNOWN : `${percent(value, 1)}%`), moved: changeOfShare, judged: -1 },
  mean: { of: ({ visit_s }) => visit_s, write: length, moved: longer, judged: 1 },
  median: { of: ({ median_visit_s }) => median_visit_s, write: length, moved: longer, judged: 1 },
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
    for (const [name, { of, write, moved, judged }] of Object.entries(FIGURES)) {
      const cell = this._panel.querySelector(`[data-visits="${name}"]`);
      say(cell.querySelector("b"), now ? write(of(now)) : UNKNOWN);
      const earlier = now && before?.visits ? of(before) : null;
      const change_ = earlier === null ? "" : moved(of(now), earlier);
      const told = cell.querySelector("i");
      say(told, change_);
      told.className = change_.startsWith("↑") === judged > 0 ? "better" : "worse"; // without a change there is no text
      cell.title = earlier === null ? "" : `${called}: ${write(earlier)}`;
    }
  }
}
