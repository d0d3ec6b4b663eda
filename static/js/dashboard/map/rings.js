// SPDX-License-Identifier: GPL-3.0-or-later
// Rings around what arrives, on a canvas of their own: only what a ring has touched is wiped and drawn again. It is drawn
// off the page, so that a frame of the rings is not one of the whole page: they take 15 a second.

import { theme } from "../theme.js";

const FRAME_MS = 66;
const PULSE_MS = 1200;
const STILL_MS = 1000;
export const PULSES = 8;
const FARS = [10, 18];
const REACH = 24;

export class Rings {
  constructor(canvas) {
    this._place = canvas;
    this._canvas = canvas.transferControlToOffscreen?.() ?? canvas;
    this._context = this._canvas.getContext("2d");
    this._still = matchMedia("(prefers-reduced-motion: reduce)");
    this._pulses = [];
    this._drawn = [];
    this._timer = null;
  }

  /** How many are seen now. */
  get count() {
    return this._pulses.length;
  }

  /** A ring at a place; where as many as can be told apart are seen already, none. */
  add(lon, lat) {
    if (this._pulses.length >= PULSES || !this._globe) return;
    this._pulses.push({ lon, lat, at: performance.now() });
    this._timer ??= setTimeout(() => this._frame(), 0);
  }

  /** The globe has moved, or its canvas has another size. */
  draw(globe) {
    this._globe = globe;
    const ratio = (devicePixelRatio || 1) * (this._place.currentCSSZoom ?? 1);
    this._canvas.width = Math.round(this._place.clientWidth * ratio); // which wipes it
    this._canvas.height = Math.round(this._place.clientHeight * ratio);
    this._context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this._drawn = [];
    this._paint();
  }

  _frame() {
    this._timer = null;
    for (const [x, y] of this._drawn) this._context.clearRect(x - REACH, y - REACH, 2 * REACH, 2 * REACH);
    this._drawn = [];
    this._paint();
    if (this._pulses.length) this._timer = setTimeout(() => this._frame(), this._still.matches ? STILL_MS : FRAME_MS);
  }

  _paint() {
    const now = performance.now();
    const still = this._still.matches;
    const lasts = still ? STILL_MS : PULSE_MS;
    this._pulses = this._pulses.filter((pulse) => now - pulse.at < lasts);
    const context = this._context;
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    for (const pulse of this._pulses) {
      const [x, y] = this._globe.project(pulse.lon, pulse.lat);
      const part = still ? 0.5 : (now - pulse.at) / lasts;
      context.globalAlpha = still ? 0.8 : (1 - part) * 0.9;
      for (const far of FARS) {
        context.beginPath();
        context.arc(x, y, 3 + far * Math.sqrt(part), 0, 2 * Math.PI);
        context.stroke();
      }
      this._drawn.push([x, y]);
    }
    context.globalAlpha = 1;
  }
}
