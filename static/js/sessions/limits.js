// SPDX-License-Identifier: GPL-3.0-or-later
// The limits, and the form by which managers set them.

import { el } from "../dom.js";
import { Combo } from "./combo.js";
import { keyOf, named } from "./words.js";

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export class Limits {
  /** `changed(rows)` is called with the limits that there are. */
  constructor(ask, manages, changed) {
    this.ask = ask;
    this.manages = manages;
    this.changed = changed;
    this.list = document.getElementById("limits");
    this.shown = "";
    this.limited = [];
    this.objects = new Set();
    this.catalogue = new Map();
    if (!manages) return;
    this.form = document.getElementById("limit-form");
    this.open = document.getElementById("set-limit");
    this.error = this.form.querySelector(".field-error");
    this.what = new Combo(this.form.elements.object, () => this.choices());
    this.token = document.querySelector("[name=csrfmiddlewaretoken]").value;
    this.open.addEventListener("click", () => this.show(this.form.hidden));
    this.form.querySelector("[data-close]").addEventListener("click", () => this.show(false));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.set();
    });
  }

  async load() {
    const { results } = await this.ask("limits");
    this.limited = results.map((one) => one.object);
    this.draw(results);
    this.changed(results);
  }

  /** What limits can be set on: objects that are known by now, and the catalogue. */
  offer(objects, catalogue) {
    this.objects = objects;
    this.catalogue = catalogue;
  }

  /** The same and what has a limit, by name; of the spellings of one module the one that has a limit, else its slug. */
  choices() {
    const values = new Set(this.limited);
    const keys = new Set(this.limited.map(keyOf));
    for (const value of [...[...this.catalogue.values()].map((one) => one.slug), ...this.objects]) {
      const key = keyOf(value);
      if (this.catalogue.has(key) && keys.has(key)) continue;
      keys.add(key);
      values.add(value);
    }
    return [...values].map((value) => ({ value, name: named(value, this.catalogue).name })).sort((a, b) => collator.compare(a.name, b.name) || collator.compare(a.value, b.value));
  }

  draw(results) {
    const text = JSON.stringify([results, this.catalogue.size]);
    if (text === this.shown) return;
    this.shown = text;
    document.getElementById("no-limits").hidden = results.length > 0;
    this.list.replaceChildren(
      ...results.map((one) => {
        const { name } = named(one.object, this.catalogue);
        const change = el("button", { type: "button", class: "quiet", "aria-label": `Change the limit of ${name}` }, "Change");
        const remove = el("button", { type: "button", class: "quiet", "aria-label": `Remove the limit of ${name}` }, "Remove");
        change.addEventListener("click", () => this.show(true, { value: one.object, name }, one.minutes));
        remove.addEventListener("click", () => this.act(() => this.ask.tell(`limits?object=${encodeURIComponent(one.object)}`, "DELETE", null, this.token)));
        return el(
          "li", {},
          el("span", {}, el("bdi", {}, name), el("span", { class: "meta" }, one.by ? "by " : "", one.by && el("bdi", {}, one.by))),
          el("b", { class: "n" }, `${one.minutes} min`),
          this.manages ? el("span", { class: "row-ways" }, change, remove) : null,
        );
      }),
    );
  }

  /** Open the form, for `choice` ({value, name}) where one is given, or close it. */
  show(open, choice = null, minutes = "") {
    this.form.hidden = !open;
    this.open.setAttribute("aria-expanded", String(open));
    this.say("");
    this.what.choose(choice);
    if (!open) return this.open.focus();
    this.form.elements.minutes.value = minutes;
    this.form.elements[choice ? "minutes" : "object"].focus();
  }

  async set() {
    const typed = this.form.elements.object.value.trim();
    const minutes = Number(this.form.elements.minutes.value);
    if (!typed) return this.say("Say what the limit is for.");
    const [object = typed, ...others] = this.what.meant;
    if (others.length) return this.say("Several are called that. Choose one of them.");
    if (await this.act(() => this.ask.tell("limits", "POST", { object, minutes }, this.token))) this.show(false);
  }

  /** Do something to the limits; whether it was done. */
  async act(change) {
    try {
      await change();
      await this.load();
      return true;
    } catch (error) {
      if (this.form.hidden) this.show(true);
      this.say(error.message);
      return false;
    }
  }

  say(text) {
    this.error.textContent = text;
    this.error.hidden = !text;
  }
}
