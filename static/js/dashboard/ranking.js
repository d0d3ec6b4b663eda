// SPDX-License-Identifier: GPL-3.0-or-later
// The panel of a view, whichever it is: a table of its largest keys with bars in it, or with a donut above it. What is
// sought in it, and the pages of a panel that is large, come from the server, which knows every key of the period.

import { el, say } from "../dom.js";
import { count, share } from "../numbers.js";
import { RESIZED, call, tool, tools } from "./enlarge.js";
import { KeyTable } from "./key_table.js";
import { answersTo, label, named } from "./labels.js";
import { Pager } from "./pager.js";
import { SLICES, donut } from "./pie.js";

const FEW = 8;
/** Keys on a page of a panel that is large. */
const PAGE = 50;
/** Keys of a view with names of ours: all of them are looked through. */
const ALL = 1000;
const EVERY = 10_000;
/** Keys of the period before that are asked for at first, and where one that is shown is not among them. */
const EARLIER = 24;
const EARLIER_MOST = 500;
const REST_MS = 5000;
const PAUSE_MS = 250;
const SUMMED = ["requests", "visitors", "bots", "errors", "bytes"];

export class Ranking {
  /** `panel` is its <section>; `ask` asks the API; `filters` are those of the page; `enlarge(panel)` opens it large. */
  constructor(panel, ask, filters, enlarge) {
    this.panel = panel;
    this.view = panel.dataset.view;
    this.seen = false;
    this.due = true;
    this._ask = ask;
    this._filters = filters;
    this._body = panel.querySelector(".panel-body");
    this._visits = panel.dataset.kind === "visit";
    this._classes = panel.hasAttribute("data-classes");
    this._title = panel.dataset.title;
    this._pie = panel.dataset.panel === "pie";
    this._named = named(this.view, this._classes);
    this._rows = null;
    /** The last answer to the plain question, which is shown at once when the panel is small again. */
    this._plain = null;
    this._keys = null;
    this._earlier = new Map();
    /** What is to be asked about the period before, when the panel is seen; or null. */
    this._comparison = null;
    /** The question about the period before, where it has more keys than were asked for; or null. */
    this._further = null;
    this._called = "";
    this._asked = null;
    this._shown = null;
    this._rest_until = 0;
    this._drawn = false;
    this._tabled = false;
    this._sought = "";
    this._sort = "requests";
    this._offset = 0;
    this._table = new KeyTable({
      view: this.view,
      visits: this._visits,
      classes: this._classes,
      title: this._title,
      counts: panel.dataset.counts,
      filters,
      sort: (measure) => this._other({ sort: measure }),
      more: () => enlarge(panel),
    });
    this._pager = new Pager(this._title, PAGE, (offset) => this._turn(offset));
    this._button = panel.querySelector("[data-more]");
    this._button.addEventListener("click", () => enlarge(panel));
    this._button.after(this._pager.element);
    panel.addEventListener(RESIZED, () => this._other({}));
    this._equip();
    this._name();
    this._loading();
  }

  /** Whether it is to be asked: there may be something new, and the last failure was a while ago. */
  get wants() {
    return this.due && performance.now() >= this._rest_until && this.panel.checkVisibility();
  }

  /** Whether it was opened: with pages of all keys, and all figures. */
  get large() {
    return this.panel.classList.contains("large");
  }

  /**
   * Ask for the figures and show them; what goes wrong is shown in the panel alone. While it waits for an answer it
   * does not ask again, unless for something else.
   */
  async update(parameters, signal) {
    const question = { ...parameters, ...this._question };
    const asked = JSON.stringify(question);
    if (this._asked === asked) return;
    this._asked = asked;
    this._parameters = parameters;
    this.due = false;
    const { limit, offset, ...same } = question;
    this.panel.querySelector(".csv").href = this._ask.csv(`users/${this.view}`, { ...same, limit: EVERY });
    try {
      const answer = await this._ask(`users/${this.view}`, question, signal);
      if (this._asked === asked) this._show(answer, asked);
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

  /** It has come into view, or left it: what was left alone meanwhile is asked for. */
  see(seen) {
    this.seen = seen;
    if (!seen || !this._parameters) return;
    if (this.wants) this.update(this._parameters, null);
    this._compare_now().catch(() => {}); // asked again with the next comparison
  }

  /**
   * The same of the period before, which is `called` so, is wanted: the marks on the bars show it. It is asked for once
   * somebody sees the panel.
   */
  async compare(parameters, called, signal) {
    this._comparison = [parameters, called, signal];
    if (this.seen) await this._compare_now();
  }

  async _compare_now() {
    if (!this._comparison) return;
    const [parameters, called, signal] = this._comparison;
    this._comparison = null;
    await this._look_back(parameters, called, this._wide ? EARLIER_MOST : EARLIER, signal);
    await this._look_further_back(signal);
  }

  async _look_back(parameters, called, limit, signal) {
    const answer = await this._ask(`users/${this.view}`, { ...parameters, limit }, signal);
    const rows = answer.complete_from === null ? this._counted(answer.results).filter((row) => !row.other) : [];
    this._further = rows.length === EARLIER ? [parameters, called] : null;
    this._earlier = new Map(rows.map((row) => [row.key, row]));
    this._called = rows.length ? called : "";
    this._draw_rows();
  }

  /** Where the first keys of the period before are not enough for what is shown, ask for as many as there may be. */
  async _look_further_back(signal) {
    if (!this._further || !this._rows?.some((row) => !row.other && !this._earlier.has(row.key))) return;
    const further = this._further;
    this._further = null;
    await this._look_back(...further, EARLIER_MOST, signal);
  }

  /** Forget the period before: another one, or other filters, are looked at. */
  forget() {
    this._rest_until = 0;
    this._offset = 0;
    this._plain = null;
    this._comparison = null;
    this._earlier = new Map();
    this._further = null;
    this._called = "";
  }

  /** Draw again, in other colours or another size. */
  draw() {
    if (!this._swatches || !this._drawn || !this._canvas.isConnected) return;
    const first = this._rows[0];
    const { text, strong } = first.other ? { text: "Others" } : label(this.view, first.key, this._classes);
    donut(this._canvas, this._rows.map((row) => row.requests), [share(first.requests, this._all), text || strong]);
  }

  /** What is asked beside the period and the filters. */
  get _question() {
    const sort = this._wide && this._sort !== "requests" ? { sort: this._sort } : {};
    if (this._sought && this._named) return { limit: ALL, ...sort };
    const search = this._sought ? { search: this._sought } : {};
    if (this.large) return { limit: PAGE, offset: this._offset, ...search, ...sort };
    return { limit: this._swatches ? SLICES - 1 : FEW, ...search, ...sort };
  }

  get _wide() {
    return this.large || this._tabled;
  }

  /** Whether there is a donut: only where nothing else is asked for. */
  get _swatches() {
    return this._pie && !this._wide && !this._sought;
  }

  /** Ask something else: another order, another search, more of it. */
  _other({ sort, search }) {
    if (sort !== undefined) this._sort = sort;
    if (search !== undefined) this._sought = search;
    this._offset = 0;
    this._drawn = false;
    if (!this._wide && !this._sought) this._take(this._plain);
    this._again();
  }

  _take(answer) {
    this._all = answer?.all;
    this._rows = answer?.rows ?? null;
    this._keys = answer?.keys ?? null;
    if (!answer) this._loading();
  }

  _turn(offset) {
    this._offset = offset;
    this._again();
    this.panel.scrollIntoView({ block: "nearest" });
  }

  _again() {
    this._draw_rows(); // what is there, until the answer has come
    if (!this._parameters) return;
    this.panel.classList.add("asking");
    this.update(this._parameters, null);
  }

  // -- its head and foot -----------------------------------------------------------------------------------------------

  _equip() {
    const id = `search-${this.view}`;
    this._input = el("input", { type: "search", id, "aria-label": `Search ${this._title}`, placeholder: `Search ${this._title.toLowerCase()}`, autocomplete: "off", spellcheck: "false", maxlength: 1024 });
    this._search = el("div", { class: "panel-search", hidden: true }, this._input);
    this.panel.querySelector(".panel-top").after(this._search);
    const open = tool("search", `Search ${this._title}`, () => this._seek(this._search.hidden));
    open.setAttribute("aria-expanded", "false");
    open.setAttribute("aria-controls", id);
    this._open = open;
    const plain = tool("table", `${this._title} as a table`, () => {
      this._tabled = !this._tabled;
      plain.setAttribute("aria-pressed", String(this._tabled));
      this.panel.classList.toggle("tabled", this._tabled);
      this._other({});
    });
    plain.dataset.table = "";
    plain.setAttribute("aria-pressed", "false");
    tools(this.panel).append(open, plain);
    let timer = null;
    this._input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this._other({ search: this._input.value.trim() }), PAUSE_MS);
    });
    this._input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      clearTimeout(timer);
      this._seek(false);
      open.focus();
    });
  }

  _seek(begin) {
    this._search.hidden = !begin;
    this._open.setAttribute("aria-expanded", String(begin));
    call(this._open, begin ? `Search ${this._title} no longer` : `Search ${this._title}`);
    if (begin) {
      this._input.focus();
      return;
    }
    this._input.value = "";
    if (this._sought) this._other({ search: "" });
  }

  _name() {
    const more = this._rows?.some((row) => row.other);
    say(this._button, this.large ? "Show less" : !more ? "All figures" : this._keys === null || this._sought ? "Show all" : `Show all ${count(this._keys)}`);
    this._button.hidden = !this._drawn && !this.large;
    this._button.setAttribute("aria-expanded", String(this.large));
    this._button.setAttribute("aria-label", `${this._button.textContent} of ${this._title}`);
  }

  // -- showing ---------------------------------------------------------------------------------------------------------

  _show(answer, asked) {
    this._body.removeAttribute("aria-busy");
    this._complete_from = answer.complete_from;
    const results = this._counted(answer.results);
    this._all = results.reduce((sum, row) => sum + row.requests, 0);
    this._keys = answer.keys ?? null;
    this._rows = this._sought && this._named ? this._answering(results) : results;
    if (!this._wide && !this._sought) this._plain = { rows: this._rows, all: this._all, keys: this._keys };
    this._fresh = asked !== this._shown;
    this._shown = asked;
    this._draw_rows();
    this._fresh = false;
    this._look_further_back(null).catch(() => {}); // asked again with the next comparison
  }

  /** Rows of the API, where they are of visits with these for what is counted. */
  _counted(rows) {
    return this._visits ? rows.map((row) => ({ ...row, requests: row.visits })) : rows;
  }

  /** Of rows with names of ours those that answer to what is sought; the others are one. */
  _answering(rows) {
    const found = rows.filter((row) => !row.other && answersTo(this._sought, this.view, row.key, this._classes));
    const rest = rows.filter((row) => !found.includes(row));
    this._keys = found.length;
    if (!rest.length) return found;
    const sums = SUMMED.map((measure) => [measure, rest.reduce((sum, row) => sum + row[measure], 0)]);
    return [...found, { key: null, other: true, duration_ms: null, ...Object.fromEntries(sums) }];
  }

  _draw_rows() {
    if (!this._rows) return;
    this._arrange();
    this._name();
    const kept = this._rows.filter((row) => !row.other).length;
    if (this.large && this._keys !== null) this._pager.show(this._offset, kept, this._keys);
    else this._pager.hide();
  }

  _arrange() {
    const title = this._title.toLowerCase();
    const kept = this._rows.filter((row) => !row.other);
    if (!this._rows.length) {
      const filters = this._filters.texts.length;
      if (!filters) this._nothing(`No ${title} in this period`, "Nothing was reported, or nothing yet. Look at a longer period.");
      else this._nothing(`No ${title} in this period`, `${filters === 1 ? "A filter is" : `${filters} filters are`} set.`, ["Clear filters", () => this._filters.clear()]);
      return;
    }
    if (this._sought && !kept.length) {
      this._nothing(`No ${title} contain “${this._sought}”`, "Every one that is kept of this period was looked at.");
      return;
    }
    if (!this._classes && !this._offset && this._rows.length === 1 && this._rows[0].key === "" && this.view !== "referrer" && !this._filters.texts.length) {
      this._nothing(`No ${title} reported`, `None of the ${count(this._all)} ${this.panel.dataset.counts.toLowerCase()} in this period names one.`);
      return;
    }
    if (!this._drawn) this._build();
    const more = this._keys === null ? null : this._keys - this._offset - kept.length;
    const text = this._sought ? "Everything else" : this._swatches ? "Other" : more === null || this._offset ? "All others" : more ? `${count(more)} more` : "No longer listed one by one";
    this._table.show(this._rows, { all: this._all, earlier: this._earlier, called: this._called, rest: { text, opens: !this.large }, fresh: this._fresh });
    say(this._note, this._complete_from ? `Complete since ${this._complete_from}` : "");
    this.draw();
  }

  _nothing(what, more, way = null) {
    this._drawn = false;
    const shown = `${what} ${more}`;
    if (this._body.firstElementChild?.dataset.says === shown) return;
    const button = way && el("button", { class: "button", type: "button" }, way[0]);
    button?.addEventListener("click", way[1]);
    this._body.replaceChildren(el("div", { class: "nothing", "data-says": shown }, el("b", {}, what), el("p", {}, more), button));
  }

  _build() {
    this._drawn = true;
    this._fresh = true;
    this._canvas = el("canvas", { class: "donut", "aria-hidden": "true" });
    this._note = el("p", { class: "meta note" });
    const table = this._table.build({ bars: !this._swatches && !this._tabled, wide: this._wide, sorted: this._wide ? this._sort : "requests", swatches: this._swatches });
    // What was pressed in the head of the table is made anew.
    const sorter = document.activeElement?.closest?.(".sorter");
    const sorted = sorter && this._body.contains(sorter) ? sorter.dataset.sort : null;
    this._body.replaceChildren(...(this._swatches ? [this._canvas] : []), el("div", { class: "scroll" }, table), this._note);
    if (sorted) table.querySelector(`[data-sort="${sorted}"]`)?.focus();
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
    if (this._rows?.length && (error.status === 0 || error.status === 401)) return;
    const failed = this._body.querySelector('[role="alert"] p');
    if (failed?.textContent.startsWith(error.message)) return; // it says so already
    this._drawn = false;
    this._rows = null;
    this._name();
    this._pager.hide();
    this._body.removeAttribute("aria-busy");
    const again = el("button", { class: "button", type: "button" }, "Try again");
    again.addEventListener("click", () => this.update(this._parameters, null));
    this._body.replaceChildren(el("div", { class: "nothing", role: "alert" }, el("b", {}, `${this._title} could not be loaded`), el("p", {}, `${error.message} Other panels are not affected.`), again));
  }
}
