// SPDX-License-Identifier: GPL-3.0-or-later
// The table of a view's keys: a row each, with a bar in it, that filters everything by its key or excludes it.
//
// Rows are kept from answer to answer, and only what differs is written.

import { el, say, spaced } from "../dom.js";
import { bytes, change, count, duration, percent } from "../numbers.js";
import { exactly } from "./filters.js";
import { icon } from "./icons.js";
import { label, plain } from "./labels.js";
import { OPACITIES } from "./pie.js";
import { length } from "./visits.js";

const MOVED = 0.2;
/** Under the pointer rows stay where they are for so long after its last move. */
const HELD_MS = 3000;
/** What a wide table shows beside requests and share. */
const OF_EVENTS = [["visitors", "Visitors", count], ["bots", "Bots", count], ["errors", "Errors", count], ["duration_ms", "Mean", duration], ["bytes", "Data", bytes]];
const OF_VISITS = [["bounces", "After one page", count], ["pages", "Pages", count], ["visit_s", "Mean", length]];
/** Visits are filtered by the pages in them. */
const PAGES = "url";

export class KeyTable {
  /**
   * `view`, `classes`, `title` and `counts` (what its keys have most of) say what it is of; `filters` are what its rows
   * filter by; `sort(measure)` is called by a column's head, `more()` by the row of everything else. `visits`: it is of visits.
   */
  constructor({ view, visits, classes, title, counts, filters, sort, more }) {
    this._columns = visits ? OF_VISITS : OF_EVENTS;
    this._narrows = visits ? PAGES : view;
    Object.assign(this, { _view: view, _classes: classes, _title: title, _counts: counts, _filters: filters, _sort: sort, _more: more });
    this._lines = new Map();
    this._held_until = 0;
    this.element = null;
  }

  /** Make it anew: with `bars`, or swatches of a donut; `wide` with every measure; sorted by `sorted`. */
  build({ bars, wide, sorted, swatches }) {
    Object.assign(this, { _bars: bars, _wide: wide, _sorted: sorted, _swatches: swatches });
    this._lines.clear();
    this._list = el("tbody");
    this._list.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") this._held_until = performance.now() + HELD_MS;
    });
    this._list.addEventListener("pointerleave", () => (this._held_until = 0));
    this._list.addEventListener("click", (event) => this._press(event));
    this._notch_key = el("span", { class: "notch-key", hidden: true });
    const order = sorted === "key" ? "in the order of their names" : `most ${this._head(sorted).toLowerCase()} first`;
    const name = wide ? this._sorter("key", "Name") : el("span", { class: "visually-hidden" }, "Name");
    const heads = [["requests", this._counts], [null, "Share"], ...(wide ? this._columns : [])].map(([measure, head]) => el("th", { scope: "col", class: "n", "aria-sort": wide && measure === sorted ? "descending" : null }, wide && measure ? this._sorter(measure, head) : head));
    this.element = el(
      "table",
      { class: `rank${wide ? " full" : ""}` },
      el("caption", { class: "visually-hidden" }, `${this._title}, ${order}. A name filters everything by it.`),
      el("thead", {}, el("tr", {}, el("th", { scope: "col", "aria-sort": wide && sorted === "key" ? "ascending" : null }, name, this._notch_key), ...heads)),
      this._list,
    );
    return this.element;
  }

  /**
   * Show rows of the API, with `all` their whole. `earlier` has by key what it was in the period before, which is
   * `called` so; `rest` names the row of everything else. `fresh`: they answer another question than those before.
   */
  show(rows, { all, earlier, called, rest, fresh }) {
    const measure = this._sorted === "key" ? "requests" : this._sorted;
    const kept = rows.filter((row) => !row.other);
    const most = Math.max(...kept.flatMap((row) => [row[measure] ?? 0, earlier.get(row.key)?.[measure] ?? 0]), 0);
    const context = { all, most, measure, earlier, called };
    say(this._notch_key, this._bars ? called : "");
    this._notch_key.hidden = !called || !this._bars;
    if (!fresh && performance.now() < this._held_until) {
      for (const [at, row] of rows.entries()) {
        const line = this._lines.get(name(row));
        if (line) this._fill(line, row, at, context, rest);
      }
      return;
    }
    const focus = this._list.contains(document.activeElement) ? document.activeElement : null;
    const wanted = new Set(rows.map(name));
    for (const [key, line] of this._lines) {
      if (wanted.has(key)) continue;
      line.element.remove();
      this._lines.delete(key);
    }
    for (const [at, row] of rows.entries()) {
      const line = this._lines.get(name(row)) ?? this._line(row);
      this._fill(line, row, at, context, rest);
      this._put(line.element, this._list.children[at] ?? null);
    }
    if (focus && focus !== document.activeElement) (focus.isConnected ? focus : this._list.querySelector("button"))?.focus({ preventScroll: true });
  }

  _put(element, before) {
    if (element === before) return;
    // Where the browser can, a row is moved without losing the focus.
    if (element.isConnected && this._list.moveBefore) this._list.moveBefore(element, before);
    else this._list.insertBefore(element, before);
  }

  _head(measure) {
    return measure === "requests" ? this._counts : this._columns.find(([one]) => one === measure)?.[1] ?? measure;
  }

  _sorter(measure, head) {
    const sorted = measure === this._sorted;
    const button = el("button", { class: "sorter", type: "button", "data-sort": measure }, head, sorted ? el("span", { "aria-hidden": "true" }, measure === "key" ? " ↑" : " ↓") : null);
    button.addEventListener("click", () => this._sort(measure));
    return button;
  }

  _press(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.does === "more") {
      this._more();
      return;
    }
    const key = [...this._lines.values()].find((line) => line.element.contains(button)).key;
    this._filters.toggle(exactly(this._narrows, key, button.dataset.does === "exclude"));
  }

  _line(row) {
    const bar = el("span", { class: "bar" });
    const notch = el("span", { class: "notch", hidden: true });
    const moved = el("span", { class: "moved" });
    const swatch = this._swatches ? el("span", { class: "swatch" }) : null;
    const cells = Array.from({ length: this._wide ? 2 + this._columns.length : 2 }, () => el("td", { class: "n" }));
    const pick = el("button", { class: "name", type: "button", "data-does": row.other ? "more" : "pick" });
    let exclude = null;
    if (row.other) pick.append(el("span", { class: "rest-name" }));
    else {
      const { text, badge, strong, tone, quiet } = label(this._view, row.key, this._classes);
      const words = plain(this._view, row.key, this._classes);
      pick.title = words;
      if (quiet) pick.classList.add("dim");
      pick.append(...spaced(badge && el("span", { class: "badge" }, badge), strong && el("b", { class: tone ? `tone-${tone}` : null }, strong), el("bdi", {}, text)));
      exclude = el("button", { class: "exclude", type: "button", "data-does": "exclude", title: "Exclude", "aria-label": `Exclude ${words}` }, icon("exclude"));
    }
    const element = el("tr", { class: row.other ? "rest" : null }, el("th", { scope: "row" }, bar, notch, swatch, el("span", { class: "words" }, pick, moved), exclude), ...cells);
    const line = { element, bar, notch, moved, swatch, cells, pick, key: row.key };
    this._lines.set(name(row), line);
    return line;
  }

  _fill({ element, bar, notch, moved, swatch, cells, pick }, row, at, { all, most, measure, earlier, called }, rest) {
    const wide = (value) => `calc((100% - 8px) * ${most ? value / most : 0})`;
    style(bar, "width", row.other || !this._bars ? "0" : wide(row[measure] ?? 0));
    const before = row.other || !called ? undefined : earlier.get(row.key);
    const mark = Boolean(before?.[measure]) && this._bars;
    if (notch.hidden === mark) notch.hidden = !mark;
    if (mark) style(notch, "left", wide(before[measure]));
    const gone = before && this._bars && Math.abs(row.requests / before.requests - 1) >= MOVED;
    say(moved, gone ? change(row.requests, before.requests) : "");
    if (swatch) style(swatch, "opacity", String(OPACITIES[at]));
    say(cells[0], count(row.requests));
    say(cells[1], all ? `${percent(row.requests, all)}%` : "–");
    if (this._wide) this._columns.forEach(([one, , write], index) => say(cells[2 + index], write(row[one])));
    if (row.other) {
      say(pick.firstChild, rest.text);
      if (pick.disabled === rest.opens) pick.disabled = !rest.opens;
      return;
    }
    const chosen = String(this._filters.has(exactly(this._narrows, row.key)));
    if (pick.getAttribute("aria-pressed") === chosen) return;
    pick.setAttribute("aria-pressed", chosen);
    element.classList.toggle("chosen", chosen === "true");
  }
}

/** What a row is known by. */
function name(row) {
  return row.other ? "other" : `key ${row.key}`;
}

/** Set a property of an element's style where it differs. */
function style(element, property, value) {
  element.wears ??= {};
  if (element.wears[property] === value) return;
  element.wears[property] = value;
  element.style[property] = value;
}
