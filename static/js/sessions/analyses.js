// SPDX-License-Identifier: GPL-3.0-or-later
// What sessions of a period say: per day, by weekday and hour, per object and per user. Period and filters are in the URL.

import { NoAnswer, sentence } from "../ask.js";
import { Chips } from "../dashboard/chips.js";
import { FilterForm } from "../dashboard/filter_form.js";
import { exactly, Filters } from "../dashboard/filters.js";
import { periodOf } from "../dashboard/period.js";
import { PeriodPicker } from "../dashboard/period_picker.js";
import { el, say, table } from "../dom.js";
import { change, count, short } from "../numbers.js";
import { GUEST, length, named } from "./words.js";

const HOURS = 840;
const MOST_DAYS = 366;
const EVERY_MS = 30_000;
/** The period where the address names none: of a day there is no use by weekday. */
const USUAL = "7d";
const VIEWS = { object: "by-object", subject: "by-subject" };
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const SHADES = 5;

export class Analyses {
  /** What it shows is in `address`; `times` knows the zone. */
  constructor(ask, catalogue, address, times) {
    this.ask = ask;
    this.catalogue = catalogue;
    this.address = address;
    this.times = times;
    this.turn = 0;
    this.stopped = false;
    this.measure = "sessions";
    this.filters = new Filters(address);
    this.chips = new Chips(address, this.filters);
    new FilterForm(ask, this.filters, () => this.period.parameters);
    new PeriodPicker(address, times, USUAL);
    for (const button of document.querySelectorAll("#days-measure button")) {
      button.addEventListener("click", () => {
        this.measure = button.dataset.measure;
        this.days(this.rows);
      });
    }
    address.follow(() => this.load());
  }

  get period() {
    return periodOf(this.address, this.times, USUAL);
  }

  /** Show only what passes one filter more. */
  filterBy(view, key) {
    this.filters.add(exactly(view, key));
  }

  asked(more = {}) {
    return { ...this.period.parameters, ...(this.filters.asked.length ? { filter: this.filters.asked } : {}), ...more };
  }

  async load() {
    if (this.stopped) return;
    clearTimeout(this.timer);
    const turn = ++this.turn;
    for (const link of document.querySelectorAll("[data-csv]")) {
      const what = link.dataset.csv;
      link.href = what in VIEWS ? this.ask.csv(`users/${what}`, this.asked({ sort: "seconds", limit: 1000 })) : this.ask.csv(`sessions/${what}/${what === "day" ? MOST_DAYS : HOURS}`, this.asked());
    }
    try {
      if (this.filters.unaskable) throw new NoAnswer(400, this.filters.unaskable);
      const [days, hours, objects, subjects] = await Promise.all([
        this.ask(`sessions/day/${MOST_DAYS}`, this.asked()),
        this.ask(`sessions/hour/${HOURS}`, this.asked()),
        ...Object.keys(VIEWS).map((view) => this.ask(`users/${view}`, this.asked({ sort: "seconds", limit: 8, compare: "previous" }))),
      ]);
      if (turn !== this.turn) return;
      this.chips.refuse(null);
      say(document.getElementById("analyses-note"), days.complete_from ? `Complete since ${days.complete_from}` : "");
      say(document.getElementById("days-note"), days.results.length < MOST_DAYS ? "" : `The last ${MOST_DAYS} days of the period`);
      this.days(days.results);
      this.heat(hours.results);
      say(document.getElementById("heat-note"), hours.results.length < HOURS ? "Sessions begun, by weekday and hour" : `Sessions begun, by weekday and hour, in the last ${HOURS / 24} days of the period`);
      this.uses("object", objects.results);
      this.uses("subject", subjects.results);
    } catch (error) {
      if (turn !== this.turn) return;
      if (error.status === 400 && this.filters.asked.length) this.chips.refuse(error.message);
      else say(document.getElementById("analyses-note"), sentence(error.message));
    }
    if (turn === this.turn) this.timer = setTimeout(() => this.load(), EVERY_MS);
  }

  /** Ask nothing more. */
  stop() {
    this.stopped = true;
    this.turn += 1;
    clearTimeout(this.timer);
  }

  days(rows = []) {
    this.rows = rows;
    const value = (row) => row[this.measure] ?? 0;
    const most = Math.max(1, ...rows.map(value));
    for (const button of document.querySelectorAll("#days-measure button")) button.setAttribute("aria-pressed", String(button.dataset.measure === this.measure));
    const bars = rows.map((row) => {
      const bar = el("i");
      bar.style.height = `${(value(row) / most) * 100}%`;
      return el("span", { title: `${row.t.slice(0, 10)}: ${count(row.sessions)}, ${row.session_s === null ? "–" : length(row.session_s)} each` }, bar);
    });
    const place = document.getElementById("days");
    place.replaceChildren(...bars);
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", this.measure === "sessions" ? `Sessions per day, at most ${count(most)}` : `Average length per day, at most ${length(most)}`);
    const heads = ["Day", "Sessions", "Length in all", "Average length"];
    const cells = rows.map((row) => [row.t.slice(0, 10), count(row.sessions), row.seconds === null ? "–" : length(row.seconds), row.session_s === null ? "–" : length(row.session_s)]);
    place.parentElement.querySelector(".as-table .scroll").replaceChildren(table("Sessions per day", heads, cells));
  }

  heat(rows) {
    const sums = DAYS.map(() => Array.from({ length: 24 }, () => 0));
    for (const row of rows) {
      const day = (new Date(`${row.t.slice(0, 10)}T12:00:00Z`).getUTCDay() + 6) % 7;
      sums[day][Number(row.t.slice(11, 13))] += row.sessions ?? 0;
    }
    const most = Math.max(1, ...sums.flat());
    const hours = Array.from({ length: 24 }, (_, hour) => hour);
    document.getElementById("heat").replaceChildren(
      el("caption", { class: "visually-hidden" }, "Sessions begun by weekday and hour"),
      el("thead", {}, el("tr", {}, el("td"), ...hours.map((hour) => el("th", { scope: "col" }, String(hour))))),
      el("tbody", {}, ...DAYS.map((day, at) => el("tr", {}, el("th", { scope: "row" }, day), ...hours.map((hour) => el("td", { "data-shade": Math.ceil((sums[at][hour] / most) * SHADES) }, sums[at][hour] ? short(sums[at][hour]) : el("span", { class: "visually-hidden" }, "0")))))),
    );
  }

  uses(view, rows) {
    const most = Math.max(1, ...rows.map((row) => row.seconds));
    const lines = rows.map((row) => {
      const words = row.other ? "Everything else" : view === "object" ? row.name ?? named(row.key, this.catalogue()).name : row.key || GUEST;
      const bar = el("i", { "aria-hidden": "true" });
      bar.style.width = `${(row.seconds / most) * 100}%`;
      const name = row.other ? el("span", {}, words) : el("button", { type: "button", class: "plain" }, el("bdi", {}, words));
      if (!row.other) name.addEventListener("click", () => this.filterBy(view, row.key));
      return el("tr", {}, el("th", { scope: "row" }, bar, name), el("td", { class: "n" }, length(row.seconds)), el("td", { class: "n" }, count(row.sessions)), el("td", { class: "n meta" }, row.previous ? change(row.seconds, row.previous.seconds) : ""));
    });
    document.getElementById(VIEWS[view]).replaceChildren(
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, view === "object" ? "What" : "Who"), el("th", { scope: "col", class: "n" }, "Time"), el("th", { scope: "col", class: "n" }, "Sessions"), el("th", { scope: "col", class: "n" }, el("span", { class: "visually-hidden" }, "Change")))),
      el("tbody", {}, ...(lines.length ? lines : [el("tr", {}, el("td", { colspan: 4, class: "none" }, "Nothing was used in this period."))])),
    );
  }
}
