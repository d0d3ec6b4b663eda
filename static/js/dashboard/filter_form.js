// SPDX-License-Identifier: GPL-3.0-or-later
// The form that adds a filter: a view, "is" or "is not", and a value, with the keys of the period to choose from.

import { el, say, spaced } from "../dom.js";
import { count } from "../numbers.js";
import { exactly, typed } from "./filters.js";
import { onKey } from "./keys.js";
import { answersTo, label, named, plain } from "./labels.js";
import { Views } from "./views.js";

const FEW = 8;
/** Keys of a view with names of ours: all of them are looked through. */
const ALL = 1000;
const PAUSE_MS = 150;

export class FilterForm {
  /** `ask` asks the API, within the period that `period()` gives as its parameters; what is chosen goes to `filters`. */
  constructor(ask, filters, period) {
    this._ask = ask;
    this._filters = filters;
    this._period = period;
    this._views = new Views();
    this._button = document.getElementById("filter-add");
    this._form = document.getElementById("filter-form");
    this._view = document.getElementById("filter-view");
    this._input = document.getElementById("filter-value");
    this._list = document.getElementById("filter-choices");
    this._error = this._form.querySelector(".field-error");
    this._status = document.getElementById("filter-status");
    this._choices = [];
    this._at = -1;
    this._few = new Map();
    this._timer = null;
    this._abort = new AbortController();
    this._button.addEventListener("click", () => (this._form.hidden ? this.open() : this.close()));
    this._form.addEventListener("submit", (event) => this._submit(event));
    this._form.addEventListener("keydown", (event) => this._key(event));
    this._form.querySelector("[data-cancel]").addEventListener("click", () => this.close());
    this._view.addEventListener("change", () => this._begin());
    this._input.addEventListener("input", () => this._later());
    this._input.addEventListener("focus", () => this._later());
    this._input.addEventListener("blur", () => this._shut());
    this._list.addEventListener("pointerdown", (event) => event.preventDefault()); // the input keeps the focus
    this._list.addEventListener("click", (event) => this._press(event));
    document.addEventListener("pointerdown", (event) => {
      if (!this._form.hidden && !this._form.contains(event.target) && !this._button.contains(event.target)) this.close(false);
    });
    onKey("/", () => this.open(), { name: "Filter" });
  }

  open() {
    this._form.hidden = false;
    this._button.setAttribute("aria-expanded", "true");
    this._view.focus();
  }

  /** Close it; the focus goes back to the button unless it is elsewhere already. */
  close(back = true) {
    this._shut();
    this._form.hidden = true;
    this._form.reset();
    this._few.clear();
    this._say("");
    this._button.setAttribute("aria-expanded", "false");
    if (back) this._button.focus();
  }

  async _submit(event) {
    event.preventDefault();
    const view = this._views.get(this._view.value);
    const negated = this._form.elements.negated.value === "not";
    const text = this._input.value;
    const chosen = this._choices[this._at];
    if (chosen !== undefined) this._take(exactly(view.name, chosen, negated));
    else if (text === "") this._say("Type a value, or choose one of those that there are.");
    else {
      const meant = await this._named(view, text.trim().toLowerCase());
      this._take(meant === undefined ? typed(view.name, text, negated) : exactly(view.name, meant, negated));
    }
  }

  /** The key that people know by this name; undefined where there is none. */
  async _named({ name, classes }, text) {
    if (!named(name, classes)) return undefined;
    const rows = await this._every(name).catch(() => []); // then it is taken as it was typed
    return rows.map((row) => row.key).find((key) => plain(name, key, classes).toLowerCase() === text);
  }

  _take(filter) {
    this.close();
    this._filters.add(filter);
  }

  _say(text) {
    this._error.hidden = !text;
    say(this._error, text);
  }

  // -- the keys to choose from -----------------------------------------------------------------------------------------

  _begin() {
    this._input.value = "";
    this._shut();
    this._say("");
  }

  _later() {
    this._say("");
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._suggest(), PAUSE_MS);
  }

  async _suggest() {
    this._abort.abort();
    this._abort = new AbortController();
    const { signal } = this._abort;
    const view = this._views.get(this._view.value);
    const text = this._input.value.replaceAll("*", " ").trim();
    const few = named(view.name, view.classes);
    const sought = text === "" ? { limit: FEW } : { limit: FEW, search: text };
    try {
      const found = few ? await this._every(view.name) : (await this._ask(`users/${view.name}`, { ...this._period(), ...sought }, signal)).results;
      if (signal.aborted) return;
      const rows = found.filter((row) => !row.other && (!few || answersTo(text, view.name, row.key, view.classes)));
      if (document.activeElement === this._input) this._offer(view, rows.slice(0, FEW));
    } catch (error) {
      if (signal.aborted) return;
      this._shut();
      this._say(`What there is can't be listed now. ${error.message}`);
    }
  }

  /** All keys of a view that has few, asked for once while the form is open. */
  _every(view) {
    if (!this._few.has(view)) {
      const asked = this._ask(`users/${view}`, { ...this._period(), limit: ALL }).then(({ results }) => results.filter((row) => !row.other));
      asked.catch(() => this._few.delete(view));
      this._few.set(view, asked);
    }
    return this._few.get(view);
  }

  _offer(view, rows) {
    this._choices = rows.map((row) => row.key);
    this._at = -1;
    this._list.replaceChildren(
      ...rows.map((row, at) => {
        const { text, badge, strong, quiet } = label(view.name, row.key, view.classes);
        const name = spaced(badge && el("span", { class: "badge" }, badge), strong && el("b", {}, strong), el("bdi", { class: quiet ? "dim" : null }, text));
        return el("li", { role: "option", id: `filter-choice-${at}`, "aria-selected": "false" }, ...spaced(el("span", { class: "name" }, ...name), el("span", { class: "n" }, count(row.requests))));
      }),
    );
    this._list.hidden = rows.length === 0;
    this._input.setAttribute("aria-expanded", String(rows.length > 0));
    this._input.removeAttribute("aria-activedescendant");
    say(this._status, rows.length ? `${rows.length} to choose from` : "None in this period contains that");
  }

  _shut() {
    clearTimeout(this._timer);
    this._abort.abort();
    this._choices = [];
    this._at = -1;
    this._list.hidden = true;
    this._list.replaceChildren();
    this._input.setAttribute("aria-expanded", "false");
    this._input.removeAttribute("aria-activedescendant");
    say(this._status, "");
  }

  _press(event) {
    const option = event.target.closest("[role=option]");
    if (!option) return;
    this._at = [...this._list.children].indexOf(option);
    this._form.requestSubmit();
  }

  _key(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (this._list.hidden) this.close();
      else this._shut();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.target !== this._input) return;
    event.preventDefault();
    if (this._list.hidden) {
      this._later();
      return;
    }
    // One more place than there are keys: that of the text as it was typed.
    const places = this._choices.length + 1;
    this._at = ((this._at + 1 + step + places) % places) - 1;
    [...this._list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === this._at)));
    if (this._at < 0) this._input.removeAttribute("aria-activedescendant");
    else this._input.setAttribute("aria-activedescendant", `filter-choice-${this._at}`);
  }
}
