// SPDX-License-Identifier: GPL-3.0-or-later
// How much of the period the graph shows: all of it, or its newest part. Seconds are kept for two hours.

import { el } from "../dom.js";

const MINUTE_S = 60;
const HOUR_S = 3600;
const OFFERED = { second: [60, 300, 900, HOUR_S, 2 * HOUR_S], minute: [HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, 24 * HOUR_S], hour: [24 * HOUR_S, 72 * HOUR_S, 168 * HOUR_S], day: [] };
/** What a named period is at least long, in seconds: no span that is longer is offered. */
const LENGTHS = { "24h": 86_400, today: 86_400, yesterday: 86_400, "7d": 8 * 86_400, "30d": 31 * 86_400, month: 28 * 86_400, year: 366 * 86_400 };
const SECONDS = 300;

export class Spans {
  constructor(address) {
    this._address = address;
    this._list = document.getElementById("span");
    this._offered = "";
    this._list.addEventListener("change", () => address.set({ span: this._list.value || null }));
  }

  /** Offer what makes sense for a step and a period. Returns the span that is asked for in seconds, null for all. */
  offer(grain, period) {
    const live = grain === "second" && period.since === undefined;
    const length = period.fine?.last_s ?? (period.since === undefined ? LENGTHS[period.name] ?? period.before_s ?? Infinity : period.until - period.since);
    const spans = period.fine ? [] : OFFERED[grain].filter((span) => span < length);
    const usual = live ? SECONDS : null;
    const asked = Number(this._address.get("span"));
    const chosen = spans.includes(asked) ? asked : usual;
    this._list.hidden = spans.length === 0;
    const offered = JSON.stringify([spans, usual]);
    if (offered !== this._offered) {
      this._offered = offered;
      const options = spans.map((span) => el("option", { value: span === usual ? "" : String(span) }, `Last ${this.words(span)}`));
      this._list.replaceChildren(...options, ...(live ? [] : [el("option", { value: "" }, "Whole period")]));
    }
    this._list.value = chosen === usual ? "" : String(chosen);
    return spans.length ? chosen : null;
  }

  /** A span in words. */
  words(seconds) {
    if (seconds < 2 * HOUR_S && seconds % HOUR_S) return `${seconds / MINUTE_S} min`;
    return seconds <= 24 * HOUR_S ? `${seconds / HOUR_S} h` : `${seconds / (24 * HOUR_S)} days`;
  }
}
