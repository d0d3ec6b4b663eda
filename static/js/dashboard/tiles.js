// SPDX-License-Identifier: GPL-3.0-or-later
// The figures of the period. Each tile is a button that chooses what the graph shows.

import { say } from "../dom.js";
import { UNKNOWN, bytes, bytesParts, change, changeOfDuration, changeOfShare, count, duration, durationParts, percent, rate, share } from "../numbers.js";
import { bars, line } from "./spark.js";

const BARS = 60;

/** Of how many requests something is a part: 0 to 1, null where there are none. */
const part = (name) => (sums) => (sums.requests ? sums[name] / sums.requests : null);
const plain = (name, judged, parts, write) => ({ parts: (now) => parts(now[name]), of: (sums) => sums[name], pick: (point) => point[name], judged, moved: change, from: write });
const whole = (value) => [count(value), ""];

/**
 * Per tile: its [value, unit]; `of` the sums what it is compared by, and how that has `moved` and is written; whether more
 * of it is better (1), worse (-1) or neither (0); `beside` is what stands under it where nothing is compared, or always;
 * `pick` is its value in a bucket.
 */
const TILES = {
  requests: plain("requests", 0, whole, count),
  visitors: plain("visitors", 1, whole, count),
  bots: { ...plain("bots", 0, whole, count), beside: (now) => (now.requests ? `${share(now.bots, now.requests)} of all` : ""), always: true },
  errors: {
    parts: (now) => [percent(now.errors, now.requests), now.requests ? "%" : ""],
    of: part("errors"),
    pick: part("errors"),
    judged: -1,
    moved: changeOfShare,
    from: (value) => (value === null ? UNKNOWN : share(value, 1)),
    beside: (now) => (now.requests ? `${count(now.errors)} of ${count(now.requests)}` : ""),
  },
  p95: {
    parts: (now) => durationParts(now.p95_ms),
    of: (sums) => sums.p95_ms,
    pick: (point) => point.p95_ms,
    judged: -1,
    moved: changeOfDuration,
    from: duration,
    beside: (now) => (now.p95_ms === null ? "no durations reported" : `p99 ${duration(now.p99_ms)}`),
  },
  bytes: plain("bytes", 0, bytesParts, bytes),
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
    this._marks = [];
    this._seconds = [];
  }

  /** Mark the pressed tile. */
  press(name) {
    for (const [one, tile] of Object.entries(this._tiles)) tile.setAttribute("aria-pressed", String(one === name));
  }

  /**
   * The period's sums, and those of the period before it, or null. `called` names that one. `notes` has by tile a text
   * that stands under it instead: where its figure is about another time than the others.
   */
  show(now, before, called, notes = {}) {
    for (const [name, tile] of Object.entries(TILES)) {
      if (!this._tiles[name]) continue;
      const [value, unit] = tile.parts(now);
      this._value(name, value, unit);
      const earlier = before && !notes[name] ? tile.of(before) ?? null : null;
      this._below(this._tiles[name], tile, now, earlier, called, notes[name]);
    }
  }

  /**
   * The last seconds, and their rate; `stale` says since when it is not known, as text. `earlier` is how many came in the
   * same minute of the period before, null where that is not known, and `called` names that one.
   */
  now(points, perSecond, stale, earlier, called) {
    this._seconds = points.slice(-BARS).map((point) => point.requests);
    const element = this._tiles.now;
    if (stale) {
      this._value("now", UNKNOWN, "");
      this._tell(element, "", 0, `${rate(perSecond)}/s at ${stale}`);
    } else {
      const minute = this._seconds.reduce((sum, value) => sum + value, 0);
      const moved = change(minute, earlier);
      this._value("now", rate(perSecond), "/s");
      this._tell(element, moved, 0, moved ? `${count(minute)}/min` : `${count(minute)} in the last minute`, " · ");
    }
    element.title = earlier !== null && !stale ? `${called}: ${count(Math.round(earlier))} in that minute` : "";
    bars(this._canvas("now"), this._seconds);
  }

  /**
   * The series of the period, and for each point the one of the period before, or null. `over` of the points are of
   * buckets that are over; `marks` are the places (0 to 1) of what was noted.
   */
  lines(points, before, over, marks) {
    [this._spark, this._before, this._over, this._marks] = [points, before, over, marks];
    this.draw();
  }

  /** Draw again, in other colours or another size. */
  draw() {
    bars(this._canvas("now"), this._seconds);
    for (const [name, tile] of Object.entries(TILES)) {
      if (!this._tiles[name]) continue;
      const pick = (points) => points.map((point) => (point ? tile.pick(point) ?? null : null));
      line(this._canvas(name), pick(this._spark), pick(this._before), this._over, this._marks);
    }
  }

  /** Under the figure: how it has changed, and what it was; for some what it is a part of. */
  _below(element, tile, now, earlier, called, note) {
    const moved = earlier !== null ? tile.moved(tile.of(now), earlier) : "";
    const beside = note ?? (moved && !tile.always ? `from ${tile.from(earlier)}` : tile.beside?.(now) ?? "");
    element.title = [earlier !== null ? `${called}: ${tile.from(earlier)}` : "", tile.beside?.(now) ?? ""].filter(Boolean).join("\n");
    this._tell(element, moved, tile.judged, beside, tile.always ? " · " : " ");
  }

  _tell(element, moved, judged, beside, between = " ") {
    const more = element.querySelector(".tile-more");
    const told = `${moved}|${judged}|${beside}`;
    if (more.dataset.is === told) return;
    more.dataset.is = told;
    const better = judged * (moved.startsWith("↑") ? 1 : -1);
    const change_ = document.createElement("b");
    change_.textContent = moved;
    change_.className = better > 0 ? "better" : better < 0 ? "worse" : "";
    const kept = document.createElement("span");
    kept.textContent = beside;
    const gap = document.createElement("i");
    gap.textContent = between;
    more.replaceChildren(...(moved ? [change_, gap] : []), kept);
  }

  _canvas(name) {
    return this._tiles[name].querySelector("canvas");
  }

  _value(name, value, unit) {
    say(this._tiles[name].querySelector(".tile-value b"), value);
    say(this._tiles[name].querySelector(".tile-value i"), unit);
  }
}
