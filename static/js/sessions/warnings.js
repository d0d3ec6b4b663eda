// SPDX-License-Identifier: GPL-3.0-or-later
// The warnings of today: who was over which limit, and for managers what became of telling it.

import { el, say } from "../dom.js";
import { GUEST, named, timeOfDay } from "./words.js";

const KINDS = { webhook: "Webhook", email: "E-mail" };

/** What became of a delivery, in words. */
function told({ kind, state, attempts, error }) {
  const what = KINDS[kind] ?? kind;
  if (state === "delivered") return `${what}: delivered`;
  if (state === "failed") return `${what}: given up, ${error ?? "it failed"}`;
  return attempts ? `${what}: tried ${attempts === 1 ? "once" : `${attempts} times`}, ${error ?? "not yet"}` : `${what}: under way`;
}

export class Warnings {
  /** `announce(text)` has somebody who listens told of it. */
  constructor(ask, announce) {
    this.ask = ask;
    this.announce = announce;
    this.newest = null;
    this.shown = "";
  }

  async load(catalogue, today) {
    const { results } = await this.ask("warnings", { limit: 200 });
    const newest = results[0]?.id ?? 0;
    if (this.newest !== null) {
      for (const one of results.filter((row) => row.id > this.newest).slice(0, 3)) {
        this.announce(`${one.name || GUEST} is over ${one.minutes} minutes on ${named(one.object, catalogue).name}`);
      }
    }
    this.newest = Math.max(newest, this.newest ?? 0);
    const rows = results.filter((one) => one.at.startsWith(today));
    const text = JSON.stringify([rows, catalogue.size]);
    if (text === this.shown) return;
    this.shown = text;
    const count = document.getElementById("warnings-count");
    count.hidden = !rows.length;
    say(count, String(rows.length));
    document.getElementById("no-warnings").hidden = rows.length > 0;
    document.getElementById("warnings").replaceChildren(...rows.map((one, at) => this.row(one, rows.slice(at + 1), catalogue)));
  }

  row(one, earlier, catalogue) {
    const again = earlier.some((row) => row.name === one.name && row.object === one.object);
    return el(
      "li", {},
      el("span", {}, el("bdi", {}, one.name || GUEST), ` over ${one.minutes} min${again ? ", again" : ""}`, el("span", { class: "meta" }, el("bdi", {}, named(one.object, catalogue).name)), ...(one.deliveries ?? []).map((delivery) => el("span", { class: "meta delivery", "data-state": delivery.state }, told(delivery)))),
      el("time", { class: "meta n", datetime: one.at }, timeOfDay(one.at).slice(0, 5)),
    );
  }
}
