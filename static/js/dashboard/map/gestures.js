// SPDX-License-Identifier: GPL-3.0-or-later
// How people move the map: by dragging, wheel, two fingers, double click, buttons and keys. The page scrolls over it:
// one finger and a wheel that nobody meant for the map are left to the page, and a hint says what the map takes.

const STEP = 1.8;
const PAN = 80;
const GLIDE_MS = 200;
const PANS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STEPS = { "+": STEP, "=": STEP, "-": 1 / STEP };

export class Gestures {
  /**
   * Moves `globe` as `canvas` is handled, in whose panel the buttons are. Calls `moved(busy)`, `busy` while more will
   * follow at once, and `hint(text)`.
   */
  constructor(canvas, buttons, geography, globe, { moved, hint }) {
    this._globe = globe;
    this._moved = moved;
    this._hint = hint;
    this._geography = geography;
    this._canvas = canvas;
    this._last = { k: 1, x: 0, y: 0 };
    this._gliding = null;
    /** Where a glide that is under way goes: a further step starts from there, however many frames were drawn. */
    this._aim = null;
    this._still = matchMedia("(prefers-reduced-motion: reduce)");
    const zoom = geography.zoom();
    zoom
      .scaleExtent([1e-9, 1e9]) // the globe has bounds of its own
      .clickDistance(4)
      .duration(this._still.matches ? 0 : GLIDE_MS)
      .filter((event) => this._wanted(event))
      .on("start", () => this._halt())
      .on("zoom", (event) => this._zoomed(event))
      .on("end", () => moved(false));
    canvas.addEventListener("touchmove", (event) => event.touches.length === 1 && hint("Move the map with two fingers"), { passive: true });
    // Two fingers that come while the page still scrolls under the first are the page's.
    canvas.addEventListener("touchmove", (event) => event.cancelable || event.stopImmediatePropagation());
    geography.select(canvas).call(zoom);
    canvas.addEventListener("pointerdown", () => canvas.focus({ preventScroll: true }));
    canvas.addEventListener("keydown", (event) => this._key(event));
    for (const button of buttons) button.addEventListener("click", () => this._press(button.dataset.zoom));
  }

  /** Go to {lat, lon, zoom}, in a short glide where people like that. */
  glide(to) {
    this._halt();
    const from = this._globe.at;
    if (this._still.matches) {
      this._globe.look(to);
      this._moved(false);
      return;
    }
    this._aim = to;
    const began = performance.now();
    const way = ((((to.lon - from.lon) % 360) + 540) % 360) - 180;
    const step = (now) => {
      const time = Math.max(0, Math.min(1, (now - began) / GLIDE_MS));
      const part = 1 - (1 - time) ** 3;
      this._globe.look(time === 1 ? to : { lat: from.lat + (to.lat - from.lat) * part, lon: from.lon + way * part, zoom: from.zoom * (to.zoom / from.zoom) ** part });
      if (time < 1) this._gliding = requestAnimationFrame(step);
      else this._aim = null;
      this._moved(time < 1);
    };
    this._gliding = requestAnimationFrame(step);
  }

  _halt() {
    cancelAnimationFrame(this._gliding);
    this._aim = null;
  }

  _wanted(event) {
    if (event.type === "wheel") {
      if (event.ctrlKey || document.activeElement === this._canvas) return true;
      this._hint("Click the map, or hold Ctrl, to zoom with the wheel");
      return false;
    }
    return event.type === "touchstart" ? event.touches.length > 1 && event.cancelable : !event.button && !event.ctrlKey;
  }

  /** A gesture has turned the screen's points `by` times their place and further on: the same happens to the globe. */
  _zoomed({ transform, sourceEvent }) {
    const { k, x, y } = transform;
    const by = k / this._last.k;
    const on = [x - by * this._last.x, y - by * this._last.y];
    this._last = { k, x, y };
    if (!sourceEvent) return;
    const touches = sourceEvent.touches ? this._geography.pointers(sourceEvent, this._canvas) : [this._geography.pointer(sourceEvent, this._canvas)];
    const to = [0, 1].map((at) => touches.reduce((sum, touch) => sum + touch[at], 0) / touches.length);
    if (to.some(Number.isNaN)) return; // the last finger has gone
    this._globe.drag(to.map((place, at) => (place - on[at]) / by), to, by);
    this._moved(true);
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (PANS[event.key]) this._pan(PANS[event.key]);
    else if (STEPS[event.key]) this._scale(STEPS[event.key]);
    else if (event.key === "0") this.glide(this._globe.home);
    else return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
  }

  _press(name) {
    if (name === "home") this.glide(this._globe.home);
    else this._scale(name === "in" ? STEP : 1 / STEP);
  }

  _scale(by) {
    const { least, most } = this._globe;
    const at = this._aim ?? this._globe.at;
    const zoom = at.zoom * by;
    // On the way out the first view is stopped at, not passed by.
    const near = (zoom < 1 && at.zoom > 1.001) || Math.abs(zoom - 1) < 0.02 ? 1 : zoom;
    this.glide({ ...at, zoom: Math.max(least, Math.min(most, near)) });
  }

  _pan([x, y]) {
    if (this._aim) this._globe.look(this._aim);
    this._halt();
    const { width, tall } = this._globe;
    const middle = [width / 2, tall / 2];
    this._globe.drag(middle, [middle[0] + x * PAN, middle[1] + y * PAN]);
    this._moved(false);
  }
}
