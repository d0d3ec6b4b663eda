// SPDX-License-Identifier: GPL-3.0-or-later
// A field with what there is to choose from (ARIA combobox with a listbox): typing narrows it, and other text is taken too.

import { el, say } from "../dom.js";

const MOST = 50;

/** Where `sought`, in small letters, is found in a choice: 0 at a beginning, 1 within, -1 nowhere. */
function found({ name, value }, sought) {
  const places = [name, value].map((text) => text.toLowerCase().indexOf(sought));
  return places.includes(0) ? 0 : Math.max(...places) > 0 ? 1 : -1;
}

export class Combo {
  /**
   * `input` names its listbox by aria-controls, in a box with a note below it, and an element for those who listen by
   * data-status. `choices()` gives what there is as [{value, name}] in the order in which it is shown; `value` is what is
   * meant, `name` what people read.
   */
  constructor(input, choices) {
    this.input = input;
    this.choices = choices;
    this.list = document.getElementById(input.getAttribute("aria-controls"));
    this.box = this.list.parentElement;
    this.note = this.list.nextElementSibling;
    this.status = document.getElementById(input.dataset.status);
    this.shown = [];
    this.at = -1;
    this.chosen = null;
    input.addEventListener("input", () => {
      this.chosen = null;
      this.open();
    });
    input.addEventListener("click", () => this.box.hidden && this.open());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    this.box.addEventListener("pointerdown", (event) => event.preventDefault()); // the input keeps the focus
    this.list.addEventListener("click", (event) => {
      const at = [...this.list.children].indexOf(event.target.closest("[role=option]"));
      if (at >= 0) this.choose(this.shown[at]);
    });
  }

  /** Show a choice as chosen, {value, name}; null empties the field. */
  choose(choice) {
    this.chosen = choice;
    this.input.value = choice?.name ?? "";
    this.close();
  }

  /** The values that may be meant: one where it was chosen, else of all whose name or value was typed; [] is none of them. */
  get meant() {
    if (this.chosen) return [this.chosen.value];
    const typed = this.input.value.trim();
    const like = (same) => this.choices().filter(({ name, value }) => same(name) || same(value)).map(({ value }) => value);
    const exactly = like((text) => text === typed);
    return exactly.length ? exactly : like((text) => text.toLowerCase() === typed.toLowerCase());
  }

  /** Offer what has in it what was typed; all, where what stands there was chosen. */
  open() {
    const sought = this.chosen ? "" : this.input.value.trim().toLowerCase();
    const fitting = this.choices().map((choice) => [found(choice, sought), choice]).filter(([place]) => place >= 0).sort(([one], [other]) => one - other);
    this.shown = fitting.slice(0, MOST).map(([, choice]) => choice);
    this.list.replaceChildren(
      ...this.shown.map(({ name, value }, at) =>
        el("li", { role: "option", id: `${this.list.id}-${at}`, "aria-selected": "false" }, el("bdi", {}, name), value && value !== name ? el("bdi", { class: "meta" }, ` ${value}`) : null),
      ),
    );
    const some = this.shown.length > 0;
    const note = fitting.length > MOST ? `${MOST} of ${fitting.length}: type more of it` : some ? "" : "Nothing known is called so. It is taken as you type it.";
    this.box.hidden = false;
    this.list.hidden = !some;
    this.list.scrollTop = 0;
    this.note.hidden = !note;
    say(this.note, note);
    this.input.setAttribute("aria-expanded", String(some));
    this.point(-1);
    say(this.status, note || `${this.shown.length} to choose from`);
  }

  close() {
    this.shown = [];
    this.box.hidden = true;
    this.list.replaceChildren();
    this.input.setAttribute("aria-expanded", "false");
    this.point(-1);
    say(this.status, "");
  }

  /** Point at one of what is shown; -1 is the text as it was typed. */
  point(at) {
    this.at = at;
    [...this.list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
    if (at < 0) return this.input.removeAttribute("aria-activedescendant");
    const option = this.list.children[at];
    this.input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const closed = this.box.hidden;
    if (step) {
      event.preventDefault();
      if (closed) this.open();
      if (event.altKey) {
        if (step < 0) this.close();
        return;
      }
      const places = this.shown.length + 1; // one more: the text as it was typed
      this.point(((this.at + 1 + step + places) % places) - 1);
    } else if (event.key === "Enter" && this.at >= 0) {
      event.preventDefault();
      this.choose(this.shown[this.at]);
    } else if (event.key === "Escape" && !closed) {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }
  }
}
