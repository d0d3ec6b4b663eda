// SPDX-License-Identifier: GPL-3.0-or-later
// Which period is looked at: kept in the page's address, so that it can be shared, reloaded and gone back to.

import { secondsOf } from "./times.js";

const HOUR_S = 3600;
const DAY_S = 86_400;

/**
 * What each button asks the API for, in which steps the graph may show it, and how far back the one before lies. Where
 * no `before_s` says that, the one before ends where the period starts: it is as many days earlier as the period covers.
 */
export const PERIODS = {
  today: { from: "today", grains: ["second", "minute", "hour"], grain: "second", spark: "hour", before_s: DAY_S, called: "yesterday" },
  "24h": { from: "-24h", grains: ["second", "minute", "hour"], grain: "second", spark: "hour", before_s: DAY_S, called: "previous 24 h" },
  "7d": { from: "-7d", grains: ["minute", "hour", "day"], grain: "hour", spark: "day", called: "previous 8 days" },
  "30d": { from: "-30d", grains: ["hour", "day"], grain: "day", spark: "day", called: "previous 31 days" },
  "12mo": { from: "-12mo", grains: ["day"], grain: "day", spark: "day", called: "previous 12 months" },
};
export const DEFAULT = "24h";
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The period that `address` names (address.js), the usual one where it names none. */
export function periodOf(address) {
  const [from, to] = [address.get("from") ?? "", address.get("to") ?? ""];
  return DATE.test(from) && DATE.test(to) && from <= to ? custom(from, to) : named(address.get("period") ?? "");
}

/** The period with this name. */
export function named(given) {
  const name = Object.hasOwn(PERIODS, given) ? given : DEFAULT;
  const { from: since, ...rest } = PERIODS[name];
  return { name, parameters: { from: since }, address: { period: name === DEFAULT ? null : name, from: null, to: null }, endsNow: true, ...rest };
}

/** The days from `from` to `to`, YYYY-MM-DD, both included. */
export function custom(from, to) {
  const days = (secondsOf(to) - secondsOf(from)) / DAY_S + 1;
  const grains = ["hour", "day"];
  if (days <= 8) grains.unshift("minute");
  // A day's slack either way: which day it is there depends on the web service's zone.
  const endsNow = secondsOf(to) + 2 * DAY_S > Date.now() / 1000;
  return {
    name: "custom",
    parameters: { from, to },
    address: { period: null, from, to },
    endsNow,
    grains,
    grain: days <= 14 ? "hour" : "day",
    spark: days <= 3 ? "hour" : "day",
    before_s: days * DAY_S,
    called: days === 1 ? "day before" : `${days} days before`,
  };
}

/** Seconds that the clock on the wall there shows for `text`, ISO 8601 with an offset, as if it were UTC. */
const wall = (text) => secondsOf(`${text.slice(0, 19)}Z`);

/** How far the period before lies back from `answer`'s, in seconds by the clock on the wall there. */
export function apart_s(period, { from, to }) {
  return period.before_s ?? wall(to) - wall(from);
}

/**
 * The parameters of the period before `answer`'s, up to the same point of it as has been reached now. Reckoned with
 * the clock on the wall there, so that midnight stays midnight when the clocks have changed in between.
 */
export function before(period, answer) {
  const { from, to, as_of } = answer;
  const back = apart_s(period, answer);
  const text = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19);
  const reached = Math.ceil(wall(as_of) / HOUR_S) * HOUR_S;
  return { from: text(wall(from) - back), to: text(Math.min(wall(to), reached) - back) };
}

/** The buttons and the form, which write the period into `address`. */
export class PeriodPicker {
  constructor(address) {
    this._address = address;
    this._buttons = [...document.querySelectorAll("#periods button")];
    this._form = document.getElementById("custom");
    this._error = this._form.querySelector(".field-error");
    for (const button of this._buttons) button.addEventListener("click", () => this._press(button.dataset.period));
    this._form.addEventListener("submit", (event) => this._submit(event));
    address.follow(() => this._show());
    this._show();
  }

  /** Look at the days from `from` to `to`, YYYY-MM-DD, both included. */
  choose(from, to) {
    this._go(custom(from, to));
  }

  _press(name) {
    if (name !== "custom") {
      this._go(named(name));
      return;
    }
    this._form.hidden = !this._form.hidden;
    this._mark();
    if (!this._form.hidden) this._form.elements.from.focus();
  }

  _submit(event) {
    event.preventDefault();
    const { from, to } = this._form.elements;
    const wrong = !DATE.test(from.value) || !DATE.test(to.value) ? "Name both days." : from.value > to.value ? "The first day is after the last." : "";
    this._error.hidden = !wrong;
    this._error.textContent = wrong;
    if (!wrong) this.choose(from.value, to.value);
  }

  _go(period) {
    this._address.set(period.address);
  }

  _show() {
    this.period = periodOf(this._address);
    const { from, to } = this.period.parameters;
    this._form.hidden = this.period.name !== "custom";
    if (to) [this._form.elements.from.value, this._form.elements.to.value] = [from, to];
    this._mark();
  }

  _mark() {
    for (const button of this._buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.period === this.period.name));
      if (button.dataset.period === "custom") button.setAttribute("aria-expanded", String(!this._form.hidden));
    }
  }
}
