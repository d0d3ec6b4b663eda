// SPDX-License-Identifier: GPL-3.0-or-later
// The filters as chips above the figures: what the page is narrowed by, turned and taken away there.

import { el, say, spaced } from "../dom.js";
import { keyOf, parsed } from "./filters.js";
import { icon } from "./icons.js";
import { field, plain } from "./labels.js";
import { Views } from "./views.js";

/** What a filter says: {field, operator, value, wrong}; `wrong` if no view has its name, or it is no filter at all. */
export function read(text, views) {
  const filter = parsed(text);
  const view = filter && views.get(filter.view);
  if (!view) return { field: "", operator: "is no filter", value: text, wrong: true };
  const key = keyOf(filter.value);
  const is = key === null ? "is like" : "is";
  const operator = filter.negated ? (key === null ? "is not like" : "is not") : is;
  return { field: field(filter.view, view.title), operator, value: key === null ? filter.value : plain(filter.view, key, view.classes), negated: filter.negated, wrong: false };
}

export class Chips {
  /** `filters` are those of the address, which `address` tells of. */
  constructor(address, filters) {
    this._filters = filters;
    this._views = new Views();
    this._list = document.getElementById("chips");
    this._add = document.getElementById("filter-add");
    this._clear = document.getElementById("filter-clear");
    this._trouble = document.getElementById("filter-trouble");
    this._hint = document.getElementById("filter-hint");
    this._clear.addEventListener("click", () => this._do(() => filters.clear(), () => this._add));
    this._trouble.querySelector("button").addEventListener("click", () => this._do(() => filters.clear(), () => this._add));
    address.follow(() => this._show());
    this._show();
  }

  /** Whether one of them is about no view that this page knows. */
  get wrong() {
    return this._filters.texts.some((text) => read(text, this._views).wrong);
  }

  /** The server takes none of this, for the reason that `message` gives; null where it does. */
  refuse(message) {
    this._trouble.hidden = message === null;
    this._trouble.closest("[data-filtered]").classList.toggle("refused", message !== null);
    if (message !== null) say(this._trouble.querySelector("span"), `${message.charAt(0).toUpperCase()}${message.slice(1)}.`);
  }

  /** Filtered figures are complete from this day on, YYYY-MM-DD; null where nothing is missing. */
  complete(from) {
    const wanted = from !== null && this._filters.asked.length > 0;
    this._hint.hidden = !wanted;
    if (wanted) say(this._hint, `Single requests, which filters need, are all there since ${from}.`);
  }

  _show() {
    const { texts } = this._filters;
    const shown = JSON.stringify(texts);
    if (shown === this._shown) return;
    this._shown = shown;
    this.refuse(null);
    this._hint.hidden = true;
    const held = document.activeElement?.closest?.("#chips li");
    const at = held ? [...this._list.children].indexOf(held) : -1;
    const turned = held?.contains(document.activeElement) && document.activeElement.matches(".turn");
    this._list.replaceChildren(...texts.map((text) => this._chip(text)));
    this._list.hidden = texts.length === 0;
    this._clear.hidden = texts.length < 2;
    if (at < 0) return;
    // Whoever has just pressed something goes on from there.
    const next = this._list.children[Math.min(at, texts.length - 1)];
    (next?.querySelector(turned ? ".turn" : ".remove") ?? this._add).focus();
  }

  _chip(text) {
    const said = read(text, this._views);
    const value = el("bdi", { title: said.value }, said.value);
    const operator = el("span", { class: "operator" }, said.operator);
    const words = said.wrong ? spaced(value, operator) : spaced(el("b", {}, said.field), operator, value);
    const whole = said.wrong ? `${said.value} ${said.operator}` : `${said.field} ${said.operator} ${said.value}`;
    const remove = el("button", { class: "remove", type: "button", "aria-label": `Remove the filter ${whole}` }, icon("close"));
    remove.addEventListener("click", () => this._filters.remove(text));
    if (said.wrong) return el("li", { class: "filter-chip wrong" }, el("span", { class: "turn" }, ...words), remove);
    const turn = el("button", { class: "turn", type: "button", "aria-label": `${whole}: ask for the opposite`, title: "Ask for the opposite" }, ...words);
    turn.addEventListener("click", () => this._filters.turn(text));
    return el("li", { class: `filter-chip${said.negated ? " negated" : ""}` }, turn, remove);
  }

  _do(act, next) {
    act();
    next().focus();
  }
}
