// SPDX-License-Identifier: GPL-3.0-or-later
// The limits, and the form by which managers set them.

import { el } from "../dom.js";
import { named } from "./words.js";

export class Limits {
  /** `changed(rows)` is called with the limits that there are. */
  constructor(ask, manages, changed) {
    this.ask = ask;
    this.manages = manages;
    this.changed = changed;
    this.list = document.getElementById("limits");
    this.shown = "";
    if (!manages) return;
    this.form = document.getElementById("limit-form");
    this.open = document.getElementById("set-limit");
    this.error = this.form.querySelector(".field-error");
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
    this.draw(results);
    this.changed(results);
  }

  /** What limits can be set on: objects that are known by now, and the catalogue. */
  offer(objects, catalogue) {
    this.catalogue = catalogue;
    if (!this.manages) return;
    this.choices = new Map();
    for (const object of [...objects, ...[...catalogue.values()].map((one) => one.slug)]) {
      const { name } = named(object, catalogue);
      this.choices.set(this.choices.has(name) && this.choices.get(name) !== object ? `${name} (${object})` : name, object);
    }
    const options = [...this.choices].sort(([a], [b]) => a.localeCompare(b));
    const text = options.map(([name, object]) => `${name}\n${object}`).join("\n");
    if (text === this.offered) return;
    this.offered = text;
    document.getElementById("objects").replaceChildren(...options.map(([name, object]) => el("option", { value: name }, object)));
  }

  draw(results) {
    const text = JSON.stringify([results, this.catalogue?.size]);
    if (text === this.shown) return;
    this.shown = text;
    document.getElementById("no-limits").hidden = results.length > 0;
    this.list.replaceChildren(
      ...results.map((one) => {
        const { name } = named(one.object, this.catalogue ?? new Map());
        const change = el("button", { type: "button", class: "quiet", "aria-label": `Change the limit of ${name}` }, "Change");
        const remove = el("button", { type: "button", class: "quiet", "aria-label": `Remove the limit of ${name}` }, "Remove");
        change.addEventListener("click", () => this.show(true, name, one.minutes));
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

  show(open, name = "", minutes = "") {
    this.form.hidden = !open;
    this.open.setAttribute("aria-expanded", String(open));
    this.say("");
    if (!open) return this.open.focus();
    this.form.elements.object.value = name;
    this.form.elements.minutes.value = minutes;
    this.form.elements[name ? "minutes" : "object"].focus();
  }

  async set() {
    const typed = this.form.elements.object.value.trim();
    const minutes = Number(this.form.elements.minutes.value);
    if (!typed) return this.say("Say what the limit is for.");
    const object = this.choices?.get(typed) ?? typed;
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
