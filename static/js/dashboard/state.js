// SPDX-License-Identifier: GPL-3.0-or-later
// Says how fresh the page is: the pill in the header, the banner, and a page without colours while it is stale.

import { say } from "../dom.js";
import { age, clock } from "../numbers.js";

const WORDS = { connecting: "Connecting", live: "Live", stale: "Stale", offline: "Offline" };

/** Shows what LiveStream says. `reconnect()` is called by the banner's button. */
export class StateLine {
  constructor(times, reconnect) {
    this._times = times;
    this._pill = document.getElementById("live");
    this._banner = document.getElementById("banner");
    this._announcement = document.getElementById("announcement");
    this._spoken = "live";
    this._refused = null;
    document.getElementById("banner-now").addEventListener("click", reconnect);
  }

  /** Whether what the page shows can be old. */
  get stale() {
    return document.body.classList.contains("stale");
  }

  /** The state of the stream. */
  show({ state, age_s, attempt, next_s, since }) {
    const stale = state === "stale" || state === "offline";
    this._pill.dataset.state = state;
    say(this._pill.querySelector("b"), WORDS[state]);
    const seconds = state === "offline" && since ? `since ${this._times.time(since)}` : state === "connecting" ? "" : stale ? clock(age_s) : age(age_s);
    say(this._pill.querySelector("span"), seconds);
    document.body.classList.toggle("stale", stale || this._refused !== null);
    this._banner.hidden = !stale && this._refused === null;
    if (stale && this._refused === null) this._tell(age_s, attempt, next_s, since);
    this._speak(state, stale);
  }

  /** Whoever looks may not look any more: `error` is what the API said, null when it answers again. */
  refused(error) {
    this._refused = error;
    document.getElementById("banner-login").hidden = error?.status !== 401;
    if (error === null) return;
    say(document.getElementById("banner-what"), error.status === 401 ? "You are logged out." : "You can't see this web service any more.");
    say(document.getElementById("banner-more"), "The figures stay as they were.");
    say(document.getElementById("banner-next"), "");
  }

  _tell(age_s, attempt, next_s, since) {
    say(document.getElementById("banner-what"), since === null ? "No connection." : `Connection lost ${clock(age_s)} ago.`);
    const as_of = since === null ? "" : `Figures are as of ${this._times.second(since)}. `;
    say(document.getElementById("banner-more"), `${as_of}Collecting does not depend on this page.`);
    const next = next_s === null ? `Attempt ${attempt + 1} is under way.` : `Attempt ${attempt + 1} in ${Math.ceil(next_s)} s`;
    say(document.getElementById("banner-next"), next);
  }

  _speak(state, stale) {
    const spoken = stale ? "stale" : "live";
    if (state === "connecting" || spoken === this._spoken) return;
    this._spoken = spoken;
    this._announcement.textContent = stale ? "Connection lost. The figures are no longer fresh." : "Connected again.";
  }
}
