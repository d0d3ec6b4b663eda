// SPDX-License-Identifier: GPL-3.0-or-later
// Says how fresh the page is: the pill in the header, the banner, and a page without colours while it is stale.

import { SomebodyElse, sentence } from "../ask.js";
import { say } from "../dom.js";
import { age, clock } from "../numbers.js";

const WORDS = { connecting: "Connecting", live: "Live", stale: "Stale", offline: "Offline" };

/** Shows what LiveStream says. `reconnect()` is called by the banner's button. `shared`: this is a share link's page. */
export class StateLine {
  constructor(times, reconnect, shared) {
    this._times = times;
    this._gone = shared ? "This link is not valid any more." : "You may not see this web service any more.";
    this._pill = document.getElementById("live");
    this._banner = document.getElementById("banner");
    this._login = document.getElementById("banner-login");
    this._announcement = document.getElementById("announcement");
    this._spoken = "live";
    this._trouble = null;
    this._refused = false;
    document.getElementById("banner-now").addEventListener("click", reconnect);
  }

  /** Whether what the page shows can be old. */
  get stale() {
    return document.body.classList.contains("stale");
  }

  /** Whether the API has said that it will never answer. */
  get refused() {
    return this._refused;
  }

  /** The state of the stream. */
  show({ state, age_s, attempt, next_s, since }) {
    const stale = state === "stale" || state === "offline";
    this._pill.dataset.state = state;
    say(this._pill.querySelector("b"), WORDS[state]);
    const seconds = state === "offline" && since ? `since ${this._times.time(since)}` : state === "connecting" ? "" : stale ? clock(age_s) : age(age_s);
    say(this._pill.querySelector("span"), seconds);
    document.body.classList.toggle("stale", stale || this._refused);
    this._banner.hidden = !stale && this._trouble === null;
    if (this._login) this._login.hidden = this._trouble?.status !== 401;
    document.getElementById("banner-now").hidden = !stale || this._refused;
    if (stale && !this._refused) this._tell(age_s, attempt, next_s, since);
    else if (this._trouble !== null) this._explain();
    this._speak(state, stale);
  }

  /**
   * The API did not answer with figures: `error` says why, `refused` that it never will, `part` what they are for, if it
   * is not the whole page. null when it answers again.
   * A server that can't be reached at all is left to the stream to notice.
   */
  troubled(error, { refused = false, part = "The figures" } = {}) {
    this._part = part;
    this._trouble = error === null || (error.status === 0 && !error.late) ? null : error;
    this._refused = refused;
    if (refused && error.status !== 401) this._withhold(true);
    else if (error === null) this._withhold(false);
  }

  /** Hide the figures of a web service that whoever looks may not see, or that somebody else has looked at. */
  _withhold(hide) {
    if (hide === document.body.classList.contains("withheld")) return;
    document.body.classList.toggle("withheld", hide);
    if (!hide) return;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    if (document.fullscreenElement && !document.fullscreenElement.contains(this._banner)) document.exitFullscreen();
  }

  _explain() {
    const { status, message } = this._trouble;
    const whats = { 401: "You are logged out.", 403: this._gone, 404: this._gone };
    const mores = { 401: "The figures stay as they were.", 403: "Its figures are hidden.", 404: "Its figures are hidden." };
    const other = this._trouble instanceof SomebodyElse;
    say(document.getElementById("banner-what"), other ? message : (whats[status] ?? `${this._part} can't be loaded now.`));
    say(document.getElementById("banner-more"), other ? "The figures are hidden; load this page again to see it as this account may." : (this._refused && mores[status]) || `${sentence(message)} This page goes on trying.`);
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
