// SPDX-License-Identifier: GPL-3.0-or-later
// The table of sessions that go on. Rows stay and are changed where they differ, so that many cost little.

import { el, say } from "../dom.js";
import { counter, named, timeOfDay, who } from "./words.js";

const NEAR = 0.8;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const ORDERS = {
  who: (a, b) => collator.compare(a.who, b.who),
  what: (a, b) => collator.compare(a.what.name, b.what.name),
  since: (a, b) => a.start.localeCompare(b.start),
  time: (a, b) => a.began - b.began,
};

export class Active {
  /** `chosen(view, key)` is called for a name or an object that is clicked. */
  constructor(chosen) {
    this.body = document.querySelector(".active tbody");
    this.rows = new Map();
    this.sessions = [];
    this.catalogue = new Map();
    this.sort = { by: "time", down: true };
    this.which = "all";
    this.chosen = chosen;
    this.seek = document.getElementById("seek");
    this.seek.addEventListener("input", () => this.draw());
    for (const button of document.querySelectorAll("#which button")) button.addEventListener("click", () => this.show(button.dataset.which));
    for (const head of document.querySelectorAll(".active [data-sort]")) head.querySelector("button").addEventListener("click", () => this.order(head.dataset.sort));
  }

  /** What the server says; it was asked at `sent`, and answered at `came` (both by performance.now()). */
  take(results, sent, came) {
    const before = new Map(this.sessions.map((one) => [one.id, one]));
    this.sessions = results.map((one) => {
      // Whole seconds are told, of a moment between the two: so it began within these bounds. What is known is kept
      // while it may be true, else a counter would go back when an answer is slow; and it can't run away.
      const latest = came - one.seconds * 1000;
      const earliest = sent - (one.seconds + 1) * 1000;
      const known = before.get(one.id);
      const same = known && known.start === one.start && !known.idle && !one.idle;
      return { ...one, began: same ? Math.min(latest, Math.max(known.began, earliest)) : latest, came, who: who(one), what: named(one.object, this.catalogue) };
    });
  }

  show(which) {
    this.which = which;
    for (const button of document.querySelectorAll("#which button")) button.setAttribute("aria-pressed", String(button.dataset.which === which));
    this.draw();
  }

  order(by) {
    this.sort = { by, down: this.sort.by === by ? !this.sort.down : by === "time" };
    for (const head of document.querySelectorAll(".active [data-sort]")) {
      if (head.dataset.sort === by) head.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.draw();
  }

  /** How long a session has been going on, in seconds. */
  seconds(one, now) {
    return one.idle ? one.seconds : Math.max(0, (now - one.began) / 1000);
  }

  /** Put everything into the page as it is now. */
  draw(now = performance.now()) {
    const counts = { all: 0, over: 0, near: 0 };
    const sought = this.seek.value.trim().toLowerCase();
    const shown = [];
    for (const one of this.sessions) {
      one.time = this.seconds(one, now);
      one.allowed = one.limit ? one.limit * 60 : null;
      one.state = !one.allowed ? "none" : one.time > one.allowed ? "over" : one.time > one.allowed * NEAR ? "near" : "within";
      counts.all += 1;
      if (one.state in counts) counts[one.state] += 1;
      const text = `${one.subject} ${one.address} ${one.object} ${one.what.name} ${one.what.language}`.toLowerCase();
      if ((this.which === "all" || one.state === this.which) && text.includes(sought)) shown.push(one);
    }
    const order = ORDERS[this.sort.by];
    const way = (this.sort.by === "time") === this.sort.down ? 1 : -1; // who began first has the longest time
    shown.sort((a, b) => way * order(a, b) || a.id - b.id);
    for (const button of document.querySelectorAll("#which button")) say(button.querySelector("span"), String(counts[button.dataset.which]));
    say(document.getElementById("shown"), `${shown.length} of ${counts.all}`);
    this.place(shown);
    this.over = counts.over;
    return counts;
  }

  place(shown) {
    const ids = new Set(shown.map((one) => one.id));
    for (const [id, row] of this.rows) {
      if (!ids.has(id)) {
        row.line.remove();
        this.rows.delete(id);
      }
    }
    shown.forEach((one, at) => {
      let row = this.rows.get(one.id);
      if (!row) this.rows.set(one.id, (row = this.made()));
      this.fill(row, one);
      if (this.body.children[at] !== row.line) this.body.insertBefore(row.line, this.body.children[at] ?? null);
    });
  }

  made() {
    const cell = (name, ...children) => el("td", { class: name }, ...children);
    const row = {
      who: el("bdi"), address: el("span", { class: "meta" }), what: el("bdi"), slug: el("span", { class: "meta" }),
      language: el("span", { class: "language" }), unknown: el("span", { class: "badge" }, "not in catalogue"),
      since: cell("n since"), time: cell("n time"), mark: el("i"), bar: el("b"), limit: cell("n limit"), state: el("span", { class: "state" }),
    };
    const user = el("button", { type: "button", class: "plain" }, row.who);
    const thing = el("button", { type: "button", class: "plain" }, row.what);
    user.addEventListener("click", () => row.one.subject && this.chosen("subject", row.one.subject));
    thing.addEventListener("click", () => this.chosen("object", row.one.object));
    row.use = el("span", { class: "use-bar", "aria-hidden": "true" }, row.bar, row.mark);
    row.line = el("tr", {}, cell("who", user, row.address), cell("what", row.language, thing, row.unknown, row.slug), row.since, row.time, cell("use", row.use), row.limit, cell("", row.state));
    return row;
  }

  fill(row, one) {
    row.one = one;
    const time = counter(one.time);
    say(row.who, one.who);
    say(row.address, one.subject && one.address && one.subject !== one.address ? one.address : one.source);
    say(row.what, one.what.name);
    say(row.slug, one.what.name === one.object || !one.object ? "" : one.object);
    say(row.language, one.what.language);
    row.language.hidden = !one.what.language;
    row.unknown.hidden = one.what.known;
    say(row.since, timeOfDay(one.start));
    say(row.time, time);
    say(row.limit, one.limit ? `${one.limit} min` : "–");
    const left = one.limit ? Math.abs(one.allowed - one.time) : 0;
    const words = { none: "No limit", over: `Over by ${counter(left)}`, near: `${counter(left)} left`, within: `${counter(left)} left` }[one.state];
    say(row.state, one.idle ? `${words}, paused` : words);
    if (row.line.dataset.state !== one.state) row.line.dataset.state = one.state;
    row.line.classList.toggle("paused", one.idle);
    row.use.hidden = !one.limit;
    if (one.limit) {
      const part = Math.min(1, one.time / one.allowed);
      const width = `${one.state === "over" ? 100 : (part * 100).toFixed(0)}%`;
      if (row.bar.style.width !== width) row.bar.style.width = width;
      const at = one.state === "over" ? `${((one.allowed / one.time) * 100).toFixed(0)}%` : "";
      if (row.mark.style.left !== at) row.mark.style.left = at;
    }
  }
}
