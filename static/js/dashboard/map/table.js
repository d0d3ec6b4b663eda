// SPDX-License-Identifier: GPL-3.0-or-later
// The map as tables: the countries and the places that are in view. Each row is a button that tells more; the arrows go
// from one to the next, and what has the focus is marked on the map.

import { el } from "../../dom.js";

const ROWS = 100;
const WAYS = { ArrowDown: 1, ArrowUp: -1 };

export class MapTable {
  /** `details` is the <details> that holds it. `point(row)` and `open(row, button)` say what is meant; null: nothing. */
  constructor(details, { fill, point, open }) {
    this._details = details;
    this._place = details.querySelector(".scroll");
    this._fill = fill;
    this._point = point;
    this._open = open;
    this._told = "";
    this._at = null;
    this._rows = new Map();
    details.addEventListener("toggle", () => this.refresh());
    this._place.addEventListener("keydown", (event) => this._key(event));
    this._place.addEventListener("focusin", ({ target }) => this._focus(target));
    this._place.addEventListener("focusout", () => point(null));
    this._place.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button) this._open(this._rows.get(button.dataset.key), button);
    });
  }

  /** Fill it anew, if anybody sees it: `fill()` gives [{caption, heads, rows: [{key, name, cells}]}]. */
  refresh() {
    if (!this._details.open) return;
    const tables = this._fill();
    const told = JSON.stringify(tables);
    if (told === this._told) return;
    this._told = told;
    const focused = this._place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this._rows = new Map(tables.flatMap(({ rows }) => rows.map((row) => [row.key, row])));
    this._place.replaceChildren(...tables.map((table) => this._table(table)));
    const buttons = this._buttons();
    const current = buttons.find((one) => one.dataset.key === (focused ?? this._at)) ?? buttons[0];
    if (current) current.tabIndex = 0;
    if (focused) current?.focus({ preventScroll: true });
  }

  _table({ caption, heads, rows }) {
    return el(
      "table",
      { class: "figures" },
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, ...heads.map(([head, kind]) => el("th", { scope: "col", class: kind }, head)))),
      el("tbody", {}, ...rows.slice(0, ROWS).map(({ key, name, cells }) => el("tr", {}, el("th", { scope: "row" }, el("button", { type: "button", tabindex: "-1", "data-key": key }, el("bdi", {}, name))), ...cells.map((cell, at) => el("td", { class: heads[at + 1][1] }, el("bdi", {}, cell)))))),
    );
  }

  _buttons() {
    return [...this._place.querySelectorAll("button")];
  }

  _focus(target) {
    const key = target.dataset?.key;
    if (!key) return;
    for (const one of this._buttons()) one.tabIndex = one === target ? 0 : -1;
    this._at = key;
    this._point(this._rows.get(key) ?? null);
  }

  _key(event) {
    const way = WAYS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = this._buttons();
    const next = buttons[buttons.indexOf(document.activeElement) + way];
    if (!next) return;
    event.preventDefault();
    event.stopPropagation();
    next.focus();
  }
}
