// SPDX-License-Identifier: GPL-3.0-or-later
// The figures of the period. Each tile is a button that chooses what the graph shows.

import { say } from "../dom.js";
import { UNKNOWN, bytes, bytesParts, change, count, duration, durationParts, rate, share } from "../numbers.js";
import { bars, line } from "./spark.js";

const BARS = 60;

/** Per tile: its [value, unit], what stands under it, whether more of it is better (1), worse (-1) or neither (0). */
const TILES = {
  requests: { parts: (now) => [count(now.requests), ""], judged: 0, of: (summary) => summary.requests, from: count },
  visitors: { parts: (now) => [count(now.visitors), ""], judged: 1, of: (summary) => summary.visitors, from: count },
  bots: { parts: (now) => [count(now.bots), ""], judged: 0, of: (summary) => summary.bots, from: count, beside: (now) => (now.requests ? `${share(now.bots, now.requests)} of all` : "") },
  errors: { parts: (now) => [count(now.errors), ""], judged: -1, of: (summary) => summary.errors, from: count, beside: (now) => (now.requests ? `${share(now.errors, now.requests)} of all` : "") },
  p95: { parts: (now) => durationParts(now.p95_ms), judged: -1, of: (summary) => summary.p95_ms, from: duration, beside: (now) => (now.p95_ms === null ? "no durations reported" : `p99 ${duration(now.p99_ms)}`) },
  bytes: { parts: (now) => bytesParts(now.bytes), judged: 0, of: (summary) => summary.bytes, from: bytes },
};

export class Tiles {
  /** `chosen(tile, measure)` is called when a tile is pressed. */
  constructor(chosen) {
    this._tiles = Object.fromEntries([...document.querySelectorAll("[data-tile]")].map((tile) => [tile.dataset.tile, tile]));
    for (const [name, tile] of Object.entries(this._tiles)) {
      tile.addEventListener("click", () => chosen(name, tile.dataset.measure));
    }
    this._spark = [];
    this._before = [];
    this._over = 0;
    this._seconds = [];
  }

  /** Mark the pressed tile. */
  press(name) {
    for (const [one, tile] of Object.entries(this._tiles)) tile.setAttribute("aria-pressed", String(one === name));
  }

  /** The period's totals, and those of the period before it, or null. `called` names that one. */
  show(now, before, called) {
    for (const [name, tile] of Object.entries(TILES)) {
      const [value, unit] = tile.parts(now);
      this._value(name, value, unit);
      this._below(this._tiles[name], tile, now, before ? tile.of(before) : null, called);
    }
  }

  /** The last seconds, and their rate; `stale` says since when it is not known, as text. */
  now(points, perSecond, stale = "") {
    this._seconds = points.slice(-BARS).map((point) => point.requests);
    const more = this._tiles.now.querySelector(".tile-more");
    if (stale) {
      this._value("now", UNKNOWN, "");
      say(more, `${rate(perSecond)}/s at ${stale}`);
    } else {
      this._value("now", rate(perSecond), "/s");
      say(more, `${count(this._seconds.reduce((sum, value) => sum + value, 0))} in the last minute`);
    }
    bars(this._canvas("now"), this._seconds);
  }

  /**
   * The series of the period, and for each point the one of the period before, or null. `over` of the points are of
   * buckets that are over.
   */
  lines(points, before, over) {
    [this._spark, this._before, this._over] = [points, before, over];
    this.draw();
  }

  /** Draw again, in other colours or another size. */
  draw() {
    bars(this._canvas("now"), this._seconds);
    for (const name of Object.keys(TILES)) {
      const { measure } = this._tiles[name].dataset;
      const pick = (points) => points.map((point) => point?.[measure] ?? null);
      line(this._canvas(name), pick(this._spark), pick(this._before), this._over);
    }
  }

  /** Under the figure: how it has changed, and what it was; for some what it is a part of. */
  _below(element, tile, now, earlier, called) {
    const more = element.querySelector(".tile-more");
    const moved = earlier ? change(tile.of(now), earlier) : "";
    const beside = tile.beside?.(now) ?? (moved ? `from ${tile.from(earlier)}` : "");
    const better = tile.judged * (moved.startsWith("↑") ? 1 : -1);
    const told = `${moved} ${beside}`;
    element.title = earlier ? `${called}: ${tile.from(earlier)}` : "";
    if (more.dataset.is === told) return;
    more.dataset.is = told;
    const change_ = document.createElement("b");
    change_.textContent = moved;
    change_.className = better > 0 ? "better" : better < 0 ? "worse" : "";
    const kept = document.createElement("span");
    kept.textContent = beside;
    const between = document.createElement("i");
    between.textContent = tile.beside ? " · " : " ";
    more.replaceChildren(...(moved ? [change_, between] : []), kept);
  }

  _canvas(name) {
    return this._tiles[name].querySelector("canvas");
  }

  _value(name, value, unit) {
    say(this._tiles[name].querySelector(".tile-value b"), value);
    say(this._tiles[name].querySelector(".tile-value i"), unit);
  }
}
