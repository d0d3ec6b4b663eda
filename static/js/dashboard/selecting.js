// SPDX-License-Identifier: GPL-3.0-or-later
// Selecting a part of the graph to look at it: by dragging with a mouse, a pen or a finger, and by keys.
//
// Keys, while the graph has the focus: ← and → walk along it, Page Up and Page Down in tens, Home and End to its ends; with
// Shift they select, Enter looks at what is selected, and Escape lets go.

const LEAST_PX = 8;
const STRIDES = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

export class Selecting {
  /**
   * On the graph in `place`, which takes the focus. `zoom(from, to)` is called with Unix seconds, `say(at)` gives the words
   * for the point at this place.
   */
  constructor(place, { zoom, say }) {
    this._zoom = zoom;
    this._say = say;
    this._spoken = document.getElementById("graph-spoken");
    this._plot = null;
    this._drag = null;
    this._anchor = null;
    this._area = document.createElement("div");
    this._area.className = "graph-selection";
    this._area.hidden = true;
    place.addEventListener("keydown", (event) => this._key(event));
    place.addEventListener("blur", () => this._forget());
  }

  /** Another plot: `ends(at)` says where the step at a place starts and ends. */
  over(plot, ends) {
    this._plot = plot;
    this._ends = ends;
    this._drag = null;
    this._anchor = null;
    this._area.hidden = true;
    plot.over.append(this._area);
    plot.over.addEventListener("pointerdown", (event) => this._down(event));
    plot.over.addEventListener("pointermove", (event) => this._move(event));
    plot.over.addEventListener("pointerup", (event) => this._up(event));
    plot.over.addEventListener("pointercancel", () => this._forget());
  }

  _down(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    this._anchor = null;
    this._drag = { id: event.pointerId, from: this._x(event) };
  }

  _move(event) {
    if (event.pointerId !== this._drag?.id) return;
    const x = this._x(event);
    if (this._area.hidden && Math.abs(x - this._drag.from) < LEAST_PX) return;
    if (!this._plot.over.hasPointerCapture(event.pointerId)) this._plot.over.setPointerCapture(event.pointerId);
    this._show(this._drag.from, x);
  }

  _up(event) {
    if (event.pointerId !== this._drag?.id) return;
    const { from } = this._drag;
    const selected = !this._area.hidden;
    this._forget();
    if (selected) this._look(...[from, this._x(event)].map((x) => this._plot.posToIdx(x)));
  }

  /** Where the pointer is over the plot, in CSS pixels from its left, never outside. */
  _x(event) {
    const { left, width } = this._plot.over.getBoundingClientRect();
    return Math.min(width, Math.max(0, event.clientX - left));
  }

  _show(one, other) {
    this._area.hidden = false;
    this._area.style.left = `${Math.min(one, other)}px`;
    this._area.style.width = `${Math.abs(one - other)}px`;
  }

  _forget() {
    this._drag = null;
    this._anchor = null;
    this._area.hidden = true;
  }

  /** Look at the steps between two places. One alone is none to look into. */
  _look(one, other) {
    const [first, last] = [Math.min(one, other), Math.max(one, other)];
    const all = this._plot.data[0].length;
    if (last <= first || (first === 0 && last === all - 1)) return;
    this._zoom(this._ends(first)[0], this._ends(last)[1]);
  }

  _key(event) {
    const plot = this._plot;
    if (!plot?.data[0].length || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = plot.data[0].length - 1;
    const at = plot.cursor.left >= 0 && plot.cursor.idx !== null ? Math.min(plot.cursor.idx, last) : null;
    if (event.key in STRIDES) {
      const stride = STRIDES[event.key];
      const to = at === null ? (stride > 0 && event.key !== "End" ? 0 : last) : Math.min(last, Math.max(0, at + stride));
      if (event.shiftKey) this._anchor ??= at ?? to;
      else this._anchor = null;
      const x = (place) => plot.valToPos(plot.data[0][place], "x");
      plot.setCursor({ left: x(to), top: 0 });
      this._area.hidden = this._anchor === null;
      if (this._anchor !== null) this._show(x(this._anchor), x(to));
      this._spoken.textContent = `${this._anchor === null ? "" : `Selected ${Math.abs(to - this._anchor) + 1}, to `}${this._say(to)}`;
    } else if (event.key === "Enter" && this._anchor !== null && at !== null) {
      const anchor = this._anchor;
      this._forget();
      this._look(anchor, at);
    } else if (event.key === "Escape" && (this._anchor !== null || at !== null)) {
      this._forget();
      plot.setCursor({ left: -10, top: -10 });
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}
