// SPDX-License-Identifier: GPL-3.0-or-later
// The warnings of today: who was over which limit, and for managers what became of telling it.

import { el, say } from "../dom.js";
import { GUEST, named, timeOfDay } from "./words.js";

const TOLD = 3;
const KINDS = { webhook: "Webhook", email: "E-mail" };

/** What became of a delivery, in words. */
function told({ kind, state, attempts, error }) {
  const what = KINDS[kind] ?? kind;
  if (state === "delivered") return `${what}: delivered`;
  if (state === "failed") return `${what}: given up, ${error ?? "it failed"}`;
  return attempts ? `${what}: tried ${attempts === 1 ? "once" : `${attempts} times`}, ${error ?? "not yet"}` : `${what}: under way`;
}

/** Whether two warnings are of the same person. Guests have no name that tells them apart: theirs are where the session is the same. */
const same = (one, other) => one.subject === other.subject && (one.subject !== "" || (one.session === other.session && one.source === other.source));

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
      const fresh = results.filter((row) => row.id > this.newest);
      const told = fresh.slice(0, TOLD).map((one) => `${one.name || GUEST} is over ${one.minutes} minutes on ${named(one.object, catalogue).name}`);
      if (fresh.length > TOLD) told.push(`and ${fresh.length - TOLD} more`);
      if (told.length) this.announce(told.join("; "));
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
    const again = earlier.some((row) => row.object === one.object && same(row, one));
    return el(
      "li", {},
      el("span", {}, el("bdi", {}, one.name || GUEST), ` over ${one.minutes} min${again ? ", again" : ""}`, el("span", { class: "meta" }, el("bdi", {}, named(one.object, catalogue).name)), ...(one.deliveries ?? []).map((delivery) => el("span", { class: "meta delivery", "data-state": delivery.state }, told(delivery)))),
      el("time", { class: "meta n", datetime: one.at }, timeOfDay(one.at).slice(0, 5)),
    );
  }
}
