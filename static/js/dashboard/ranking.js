// SPDX-License-Identifier: GPL-3.0-or-later
// The panel of a view, whichever it is: a table of its largest keys with bars in it, or with a donut above it.

import { el, say } from "../dom.js";
import { bytes, change, count, duration, percent, share } from "../numbers.js";
import { label } from "./labels.js";
import { OPACITIES, SLICES, donut } from "./pie.js";

const FEW = 8;
const MANY = 200;
const EVERY = 10_000;
const EARLIER = 500;
const MOVED = 0.2;
const REST_MS = 5000;
/** What a panel that was opened shows beside requests and share. */
const MORE = [["visitors", "Visitors", count], ["bots", "Bots", count], ["errors", "Errors", count], ["duration_ms", "Mean", duration], ["bytes", "Data", bytes]];

export class Ranking {
  /** `panel` is its <section>; `ask` asks the API. */
  constructor(panel, ask) {
    this.panel = panel;
    this.view = panel.dataset.view;
    this.seen = false;
    this.due = true;
    this._ask = ask;
    this._body = panel.querySelector(".panel-body");
    this._classes = panel.hasAttribute("data-classes");
    this._pie = panel.dataset.panel === "pie";
    this._rows = null;
    this._earlier = new Map();
    this._called = "";
    this._asked = null;
    this._rest_until = 0;
    this._lines = new Map();
    this._table = null;
    this._rebuild = false;
    this._button = panel.querySelector("[data-more]");
    this._button.addEventListener("click", () => this._toggle());
    this._name();
    this._loading();
  }

  /** Whether it is to be asked: there may be something new, and the last failure was a while ago. */
  get wants() {
    return this.due && performance.now() >= this._rest_until;
  }

  /**
   * Ask for the figures and show them; what goes wrong is shown in the panel alone. While it waits for an answer it
   * does not ask again, unless for something else.
   */
  async update(parameters, signal) {
    const limit = this.large ? MANY : this._pie ? SLICES - 1 : FEW;
    const question = { ...parameters, limit };
    const asked = JSON.stringify(question);
    if (this._asked === asked) return;
    this._asked = asked;
    this._parameters = parameters;
    this.due = false;
    this.panel.querySelector(".csv").href = this._ask.csv(`users/${this.view}`, { ...parameters, limit: EVERY });
    try {
      const answer = await this._ask(`users/${this.view}`, question, signal);
      if (this._asked === asked) this._show(answer);
    } catch (error) {
      this.due = true;
      if (!signal?.aborted && this._asked === asked) {
        this._rest_until = performance.now() + REST_MS;
        this._fail(error);
      }
    } finally {
      if (this._asked === asked) {
        this._asked = null;
        if (!signal?.aborted) this.panel.classList.remove("asking");
      }
    }
  }

  /** The same of the period before, which is `called` so; the marks on the bars show it. */
  async compare(parameters, called, signal) {
    const answer = await this._ask(`users/${this.view}`, { ...parameters, limit: EARLIER }, signal);
    const rows = answer.complete_from === null ? answer.results.filter((row) => !row.other) : [];
    this._earlier = new Map(rows.map((row) => [row.key, row.requests]));
    this._called = rows.length ? called : "";
    this._draw_rows();
  }

  /** Forget the period before. */
  forget() {
    this._rest_until = 0;
    this._earlier = new Map();
    this._called = "";
  }

  /** Whether it was opened: with more rows, if there are more, and all figures. */
  get large() {
    return this.panel.classList.contains("large");
  }

  /** Draw again, in other colours or another size. */
  draw() {
    if (!this._pie || this.large || !this._table) return;
    const all = this._rows.reduce((sum, row) => sum + row.requests, 0);
    const first = this._rows[0];
    donut(this._canvas, this._rows.map((row) => row.requests), [share(first.requests, all), this._label(first).plain]);
  }

  _name() {
    say(this._button, this.large ? "Show less" : this._rows?.some((row) => row.other) ? "Show more" : "All figures");
    this._button.hidden = !this._table;
    this._button.setAttribute("aria-label", `${this._button.textContent} of ${this.panel.dataset.title}`);
  }

  _toggle() {
    const large = this.panel.classList.toggle("large");
    this._button.setAttribute("aria-expanded", String(large));
    this._name();
    this._rebuild = true;
    if (this._parameters) this.update(this._parameters, null);
  }

  _show(answer) {
    this._body.removeAttribute("aria-busy");
    this._rows = answer.results;
    this._complete_from = answer.complete_from;
    this._draw_rows();
  }

  _draw_rows() {
    if (!this._rows) return;
    this._arrange();
    this._name();
  }

  _arrange() {
    const title = this.panel.dataset.title.toLowerCase();
    if (!this._rows.length) {
      this._nothing(`No ${title} in this period`, "Nothing was reported, or nothing yet. Look at a longer period.");
      return;
    }
    if (!this._classes && this._rows.length === 1 && this._rows[0].key === "" && this.view !== "referrer") {
      this._nothing(`No ${title} reported`, `None of the ${count(this._rows[0].requests)} ${this.panel.dataset.counts.toLowerCase()} in this period names one.`);
      return;
    }
    if (!this._table || this._rebuild) this._build();
    const all = this._rows.reduce((sum, row) => sum + row.requests, 0);
    const most = Math.max(...this._rows.filter((row) => !row.other).flatMap((row) => [row.requests, this._earlier.get(row.key) ?? 0]), 0);
    const wanted = new Set();
    this._rows.forEach((row, at) => {
      const name = row.other ? "other" : `key ${row.key}`;
      wanted.add(name);
      const line = this._lines.get(name) ?? this._line(name, row);
      this._fill(line, row, at, all, most);
      if (this._list.children[at] !== line.element) this._list.insertBefore(line.element, this._list.children[at] ?? null);
    });
    for (const [name, line] of this._lines) {
      if (wanted.has(name)) continue;
      line.element.remove();
      this._lines.delete(name);
    }
    say(this._notch_key, this._bars ? this._called : "");
    this._notch_key.hidden = !this._called || !this._bars;
    say(this._note, this._complete_from ? `Complete since ${this._complete_from}` : "");
    this.draw();
  }

  /** Whether rows have bars: those under a donut don't need them. */
  get _bars() {
    return !this._pie || this.large;
  }

  _nothing(what, more) {
    this._table = null;
    this._body.replaceChildren(el("div", { class: "nothing" }, el("b", {}, what), el("p", {}, more)));
  }

  _build() {
    this._rebuild = false;
    this._lines.clear();
    this._list = el("tbody");
    this._notch_key = el("span", { class: "notch-key", hidden: true });
    const more = this.large ? MORE.map(([, head]) => el("th", { scope: "col", class: "n" }, head)) : [];
    this._table = el(
      "table",
      { class: "rank" },
      el("caption", { class: "visually-hidden" }, `${this.panel.dataset.title}, most ${this.panel.dataset.counts.toLowerCase()} first`),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, el("span", { class: "visually-hidden" }, "Name"), this._notch_key), el("th", { scope: "col", class: "n" }, this.panel.dataset.counts), el("th", { scope: "col", class: "n" }, "Share"), ...more)),
      this._list,
    );
    this._canvas = el("canvas", { class: "donut", "aria-hidden": "true" });
    this._note = el("p", { class: "meta note" });
    this._body.replaceChildren(...(this._pie && !this.large ? [this._canvas] : []), el("div", { class: "scroll" }, this._table), this._note);
  }

  _line(name, row) {
    const { text, badge, strong, tone, quiet } = this._label(row);
    const bar = el("span", { class: "bar" });
    const notch = el("span", { class: "notch", hidden: true });
    const moved = el("span", { class: "moved" });
    const swatch = !this._bars ? el("span", { class: "swatch" }) : null;
    const words = el(
      "span",
      { class: `words${quiet || row.other ? " dim" : ""}`, title: row.other ? null : text },
      el(
        "span",
        { class: "name" },
        badge ? el("span", { class: "badge" }, badge) : null,
        strong ? el("b", { class: tone ? `tone-${tone}` : null }, strong) : null,
        el("bdi", {}, text),
      ),
      moved,
    );
    const cells = Array.from({ length: this.large ? 2 + MORE.length : 2 }, () => el("td", { class: "n" }));
    const element = el("tr", { class: row.other ? "rest" : null }, el("th", { scope: "row" }, bar, notch, swatch, words), ...cells);
    const line = { element, bar, notch, moved, swatch, cells };
    this._lines.set(name, line);
    return line;
  }

  _fill({ bar, notch, moved, swatch, cells }, row, at, all, most) {
    const wide = (value) => `calc((100% - 8px) * ${value / most})`;
    bar.style.width = row.other || !most || !this._bars ? "0" : wide(row.requests);
    const earlier = row.other || !this._called ? undefined : this._earlier.get(row.key);
    notch.hidden = !earlier || !this._bars;
    if (!notch.hidden) notch.style.left = wide(earlier);
    say(moved, earlier && this._bars && Math.abs(row.requests / earlier - 1) >= MOVED ? change(row.requests, earlier) : "");
    if (swatch) swatch.style.opacity = OPACITIES[at];
    say(cells[0], count(row.requests));
    say(cells[1], `${percent(row.requests, all)}%`);
    if (this.large) MORE.forEach(([measure, , write], index) => say(cells[2 + index], write(row[measure])));
  }

  _label(row) {
    if (row.other) return { text: "All others", plain: "others" };
    const found = label(this.view, row.key, this._classes);
    return { ...found, plain: found.text || found.strong };
  }

  _loading() {
    const shapes = [88, 70, 62, 50, 41, 34].map((width) => {
      const shape = el("span", { class: "shape" });
      shape.style.width = `${width}%`;
      return shape;
    });
    this._body.replaceChildren(el("div", { class: "shapes", "aria-hidden": "true" }, ...shapes, el("p", { class: "still" }, "Still loading")));
  }

  _fail(error) {
    // What is there stays, as long as the page as a whole says that it is old.
    if (this._rows?.length && error.status === 0) return;
    const failed = this._body.querySelector('[role="alert"] p');
    if (failed?.textContent.startsWith(error.message)) return; // it says so already
    this._table = null;
    this._rows = null;
    this._name();
    this._body.removeAttribute("aria-busy");
    const again = el("button", { class: "button", type: "button" }, "Try again");
    again.addEventListener("click", () => this.update(this._parameters, null));
    this._body.replaceChildren(el("div", { class: "nothing", role: "alert" }, el("b", {}, `${this.panel.dataset.title} could not be loaded`), el("p", {}, `${error.message} Other panels are not affected.`), again));
  }
}
