// SPDX-License-Identifier: GPL-3.0-or-later
// The ways to choose a period: its buttons (on a phone a list), the form for days, back and forward, and their keys.

import { onKey } from "./keys.js";
import { custom, moved, named, periodOf } from "./period.js";

const DATE = /^\d{4}-\d{2}-\d{2}$/;

export class PeriodPicker {
  /** Writes into `address`; `times` knows the zone, and `usual` is the period where the address names none. */
  constructor(address, times, usual) {
    this._address = address;
    this._times = times;
    this._usual = usual;
    this._buttons = [...document.querySelectorAll("#periods button")];
    this._list = document.getElementById("period");
    this._form = document.getElementById("custom");
    this._error = this._form.querySelector(".field-error");
    for (const button of this._buttons) button.addEventListener("click", () => this._press(button.dataset.period));
    this._list.addEventListener("change", () => this._press(this._list.value));
    this._form.addEventListener("submit", (event) => this._submit(event));
    this._ways = [[document.getElementById("earlier"), -1], [document.getElementById("later"), 1]];
    for (const [button, way] of this._ways) button.addEventListener("click", () => this._move(way));
    const names = this._buttons.map((button) => button.dataset.period);
    onKey(names.map((_, at) => String(at + 1)), (event) => this._press(names[Number(event.key) - 1]), { name: "Period", shown: `1 … ${names.length}` });
    onKey("ArrowLeft", () => this._move(-1), { name: "Period before, period after", shown: "← →" });
    onKey("ArrowRight", () => this._move(1));
    address.follow(() => this._show());
    this._show();
  }

  /** Look at the days from `from` to `to`, YYYY-MM-DD, both included. */
  choose(from, to) {
    this._go(custom(from, to).address);
  }

  _press(name) {
    if (name !== "custom") {
      this._go(named(name, this._usual).address);
      return;
    }
    this._form.hidden = !this._form.hidden;
    this._mark();
    if (!this._form.hidden) this._form.elements.from.focus();
  }

  _move(way) {
    const to = moved(this._period, way, this._times);
    if (!to) return false;
    this._go(to);
    return true;
  }

  _submit(event) {
    event.preventDefault();
    const { from, to } = this._form.elements;
    const wrong = !DATE.test(from.value) || !DATE.test(to.value) ? "Name both days." : from.value > to.value ? "The first day is after the last." : "";
    this._error.hidden = !wrong;
    this._error.textContent = wrong;
    if (!wrong) this.choose(from.value, to.value);
  }

  /** What the graph is cut to belongs to the period that is left. */
  _go(to) {
    this._address.set({ ...to, step: null, span: null });
  }

  _show() {
    this._period = periodOf(this._address, this._times, this._usual);
    const { name, since, until, parameters } = this._period;
    this._form.hidden = name !== "custom";
    if (name === "custom") {
      const days = since === undefined ? [parameters.from, parameters.to] : [this._times.iso(since), this._times.iso(until - 1)];
      [this._form.elements.from.value, this._form.elements.to.value] = days;
    }
    for (const [button, way] of this._ways) button.disabled = moved(this._period, way, this._times) === null;
    this._mark();
  }

  _mark() {
    for (const button of this._buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.period === this._period.name));
      if (button.dataset.period === "custom") button.setAttribute("aria-expanded", String(!this._form.hidden));
    }
    this._list.value = this._period.name;
  }
}
