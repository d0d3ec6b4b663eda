// SPDX-License-Identifier: GPL-3.0-or-later
// What was noted, over the graph: a line, and a flag on top of it that opens it. Flags that would touch are one.

import { el } from "../dom.js";
import { theme } from "./theme.js";

const APART_PX = 30;
const LEAST_TEXT_PX = 64;
const MOST_TEXT_PX = 220;

export class Flags {
  /** In `place`, above the graph; `times` writes their times, and `open(annotations)` is called when one is pressed. */
  constructor(place, times, open) {
    this._place = place;
    this._times = times;
    this._open = open;
    this._laid = "";
  }

  /**
   * Draw the lines into `plot`, and lay the flags where those are: `annotations` are oldest first. The plot ends where its
   * last step begins, so what was noted within that step, `step` seconds, stands there.
   */
  lay(plot, annotations, step) {
    const { ctx, bbox, over } = plot;
    const ratio = devicePixelRatio || 1;
    const { min, max } = plot.scales.x;
    const seen = annotations.filter(({ t }) => t >= min && t < max + step).map((one) => ({ one, x: plot.valToPos(Math.min(one.t, max), "x") }));
    ctx.save();
    ctx.fillStyle = theme["text-2"];
    for (const { x } of seen) ctx.fillRect(Math.round(bbox.left + x * ratio), bbox.top, ratio, bbox.height);
    ctx.restore();
    const left = over.getBoundingClientRect().left - this._place.getBoundingClientRect().left;
    const groups = [];
    for (const { one, x } of seen) {
      const last = groups.at(-1);
      if (last && x - last.x < APART_PX) last.all.push(one);
      else groups.push({ x, all: [one] });
    }
    const laid = JSON.stringify([left, over.clientWidth, groups.map(({ x, all }) => [Math.round(x), all.map(({ id, text }) => [id, text])])]);
    if (laid === this._laid) return;
    this._laid = laid;
    const focused = this._place.contains(document.activeElement) ? document.activeElement.dataset.ids : null;
    this._place.replaceChildren(...groups.map((group, at) => this._flag(group, groups[at + 1]?.x ?? over.clientWidth + 16, left)));
    if (focused) [...this._place.children].find((flag) => flag.dataset.ids === focused)?.focus();
  }

  _flag({ x, all }, next, left) {
    const text = all.length === 1 ? all[0].text : String(all.length);
    const room = Math.min(MOST_TEXT_PX, next - x - 6);
    const made = el(
      "button",
      { type: "button", class: "flag", "data-ids": all.map(({ id }) => id).join(" "), "aria-label": all.map((one) => `Noted ${this._times.moment(one.t)}: ${one.text}`).join("; ") },
      room >= LEAST_TEXT_PX || all.length > 1 ? el("bdi", {}, text) : pennant(),
    );
    made.style.left = `${left + x}px`;
    made.style.maxWidth = `${Math.max(24, room)}px`;
    made.title = all.map((one) => one.text).join("\n");
    made.addEventListener("click", () => this._open(all));
    return made;
  }
}

function pennant() {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of [["viewBox", "0 0 12 12"], ["width", "12"], ["height", "12"], ["aria-hidden", "true"]]) made.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M2.5 11V1.5h7L7.8 4l1.7 2.5h-7");
  path.setAttribute("fill", "none");
  path.setAttribute("stroke", "currentColor");
  path.setAttribute("stroke-width", "1.2");
  made.append(path);
  return made;
}
