// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of the tail: a request each. What strangers wrote in it is text, and nothing else.

import { el } from "../../dom.js";
import { UNKNOWN, duration } from "../../numbers.js";
import { secondsOf } from "../times.js";

const DAY_S = 86_400;

/** "bad" for errors, "warn" for what the asker did wrong, else "". */
export function toneOf(status) {
  return status >= 500 ? "bad" : status >= 400 ? "warn" : "";
}

/** All texts of an event in small letters, for looking for one among them. */
export function soughtIn(event) {
  return Object.values(event).join("\n").toLowerCase();
}

export class Rows {
  /** `times` writes times in the web service's zone. */
  constructor(times) {
    this._times = times;
  }

  /**
   * A row for `event`, which opens it by a button. Where `filters`, its status, path and country are buttons, too, with
   * the view and the key to filter by.
   */
  made(event, fresh, filters) {
    const status = event.status ?? "";
    const tone = toneOf(status);
    const t = secondsOf(event.ts);
    const when = this._when(t);
    const open = el("button", { class: "open-row", type: "button", tabindex: "-1" }, el("bdi", {}, event.url));
    const path = filters && event.path ? by("url", event.path, "Only this page") : null;
    const statusText = status === "" ? UNKNOWN : String(status);
    return el(
      "tr",
      { class: fresh ? "fresh" : null },
      el("td", { class: `when${when.length > 8 ? " long" : ""}` }, el("time", { datetime: event.ts, title: this._times.moment(t) }, when)),
      el("td", { class: `status${tone ? ` tone-${tone}` : ""}` }, filters && status !== "" ? by("status", String(status), `Only status ${status}`, statusText) : statusText),
      el("td", { class: "what", title: event.url }, open, path),
      el("td", { class: "n" }, event.duration_ms === undefined || event.duration_ms === null ? "" : duration(event.duration_ms)),
      el("td", { class: "where" }, filters && event.country ? by("country", event.country, `Only ${event.country}`, event.country) : event.country || ""),
    );
  }

  /** The time of day, or the date where that was days ago. */
  _when(seconds) {
    return Date.now() / 1000 - seconds < DAY_S ? this._times.second(seconds) : this._times.dateOf(seconds);
  }
}

/** A button that filters the page by a key; a sign where there is no text. */
function by(view, key, title, text = "") {
  return el("button", { class: text ? "by" : "by sign", type: "button", tabindex: "-1", "data-by": view, "data-key": key, title, "aria-label": title }, text || "⊂");
}
