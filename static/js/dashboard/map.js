// SPDX-License-Identifier: GPL-3.0-or-later
// The map: countries shaded by their requests on one canvas, the latest requests as dots on another one above it.

import { el, say, table } from "../dom.js";
import { count, share, span } from "../numbers.js";
import { country } from "./labels.js";
import { LatestPlaces, merged, radius } from "./places.js";
import { breaks, key, shade } from "./shading.js";
import { fitted, onTheme, theme } from "./theme.js";

const FRAME_MS = 80;
const PULSE_MS = 1200;
const PULSES = 8;
const LARGEST_ZOOM = 12;
const PAN = 60;
const TURN = -11;
const MARGIN = 8;
/** On a narrow map the first view is where most of the dots are. */
const NARROW = 600;
const FITTED = 0.9;
const FITTED_ZOOM = 6;
const TABLE_ROWS = 100;

export class WorldMap {
  /** It draws from when it was given the library and the borders; its tables and numbers need neither. */
  constructor() {
    this.panel = document.getElementById("map");
    this.places = new LatestPlaces();
    this._place = this.panel.querySelector(".map");
    this._land = this.panel.querySelector(".map-land");
    this._dots = this.panel.querySelector(".map-dots");
    this._tip = this.panel.querySelector(".tip");
    this._key = document.getElementById("map-key");
    this._about = document.getElementById("map-about");
    this._details = document.getElementById("map-table");
    this._counts = new Map();
    this._all = 0;
    this._steps = [];
    this._pulses = [];
    this._frame = null;
    this._still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this._details.addEventListener("toggle", () => this._tabulate());
  }

  /** The library and the borders (static/vendor) have come; null where they could not be loaded. */
  equip(geography, atlas) {
    if (!geography || !atlas) {
      this.note("The map's parts are missing on this server. `make web` builds them; the table below has the places.");
      return;
    }
    this._geography = geography;
    this._countries = geography.feature(atlas, atlas.objects.countries).features;
    this._borders = geography.mesh(atlas, atlas.objects.countries, (a, b) => a !== b);
    this._at = geography.zoomIdentity;
    this._zooms();
    onTheme(() => this.draw());
    new ResizeObserver(() => this._project()).observe(this._place);
    this._place.addEventListener("pointermove", (event) => this._hover(event));
    this._place.addEventListener("pointerleave", () => this._hide());
  }

  /** Say something in the map's place; "" takes it away. */
  note(text) {
    const note = this.panel.querySelector(".map-note");
    note.hidden = !text;
    say(note, text);
  }

  /** Shade by the rows of the view `country`. */
  shade(rows) {
    this._counts = new Map(rows.filter((row) => !row.other).map((row) => [row.key, row.requests]));
    this._all = rows.reduce((sum, row) => sum + row.requests, 0);
    const located = [...this._counts].filter(([code]) => code !== "").map(([, requests]) => requests);
    this._steps = breaks(Math.max(0, ...located));
    const steps = key(this._steps);
    if (this._key.dataset.is !== JSON.stringify(steps)) {
      this._key.dataset.is = JSON.stringify(steps);
      this._key.replaceChildren(...steps.map(([tone, text]) => el("li", { class: `shade-${tone}` }, text)));
    }
    const painted = this._countries?.map((one) => this._tone(one)).join("");
    if (painted === this._painted) return;
    this._painted = painted;
    this._drawLand();
  }

  /** The places of the latest requests, as the API lists them. */
  locate(places) {
    this.places.load(places);
    this._fit();
    this._later();
  }

  /** A request that has just come. */
  arrive(event) {
    if (!this.places.add(event)) return;
    if (this._pulses.length < PULSES && this._path) this._pulses.push({ lat: event.lat, lon: event.lon, at: performance.now() });
    this._later();
  }

  /** Draw everything again. */
  draw() {
    if (!this._path) return;
    this._drawLand();
    this._drawDots();
  }

  _project() {
    const { clientWidth: width, clientHeight: height } = this._place;
    if (!this._geography || !width || !height) return;
    const { geoEqualEarth, geoPath } = this._geography;
    const all = { type: "FeatureCollection", features: this._countries };
    this._projection = geoEqualEarth().rotate([TURN, 0]).fitExtent([[MARGIN, MARGIN], [width - MARGIN, height - MARGIN]], all);
    this._path = geoPath(this._projection);
    this._outlines = this._countries.map((one) => new Path2D(this._path(one) ?? ""));
    this._lines = new Path2D(this._path(this._borders) ?? "");
    this._zoom.extent([[0, 0], [width, height]]).translateExtent([[0, 0], [width, height]]);
    this._fit();
    this.draw();
  }

  /** Once, on a narrow map: zoom to nine tenths of the requests. */
  _fit() {
    if (this._fits || !this._path || !this.places.count) return;
    this._fits = true;
    const { clientWidth: width, clientHeight: height } = this._place;
    if (width >= NARROW) return;
    const spots = this.places.grouped().flatMap((place) => Array(place.requests).fill(this._projection([place.lon, place.lat])));
    const middle = (at) => {
      const sorted = spots.map((spot) => spot[at]).sort((a, b) => a - b);
      const cut = Math.floor((sorted.length * (1 - FITTED)) / 2);
      return [sorted[cut], sorted[sorted.length - 1 - cut]];
    };
    const [[west, east], [north, south]] = [middle(0), middle(1)];
    const k = Math.max(1, Math.min(FITTED_ZOOM, (width - 40) / (east - west || 1), (height - 40) / (south - north || 1)));
    const { select, zoomIdentity } = this._geography;
    const to = zoomIdentity.translate(width / 2, height / 2).scale(k).translate(-(west + east) / 2, -(north + south) / 2);
    select(this._dots).call(this._zoom.transform, to);
  }

  _zooms() {
    const { select, zoom } = this._geography;
    // The page scrolls over the map; it is zoomed by its buttons, two fingers, a double click, or Ctrl with the wheel.
    this._zoom = zoom()
      .scaleExtent([1, LARGEST_ZOOM])
      .filter((event) => !event.button && (event.type !== "wheel" || event.ctrlKey) && (event.type !== "touchstart" || event.touches.length > 1 || this._at.k > 1))
      .on("zoom", ({ transform }) => {
        this._at = transform;
        this._place.classList.toggle("zoomed", transform.k > 1);
        this._hide();
        if (!this._moving) this._moving = requestAnimationFrame(() => { this._moving = null; this.draw(); });
      });
    const surface = select(this._dots).call(this._zoom);
    const step = (by) => surface.call(this._zoom.scaleBy, by);
    for (const button of this.panel.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => step(button.dataset.zoom === "in" ? 1.8 : 1 / 1.8));
    }
    const keys = { "+": () => step(1.8), "=": () => step(1.8), "-": () => step(1 / 1.8) };
    const pans = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] };
    this._dots.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (keys[event.key]) keys[event.key]();
      else if (pans[event.key] && this._at.k > 1) surface.call(this._zoom.translateBy, ...pans[event.key].map((way) => way / this._at.k));
      else return;
      event.preventDefault();
    });
  }

  _tone(one) {
    return shade(this._counts.get(one.id) ?? 0, this._steps);
  }

  _drawLand() {
    if (!this._outlines) return;
    const { context } = fitted(this._land);
    const { x, y, k } = this._at;
    context.translate(x, y);
    context.scale(k, k);
    this._outlines.forEach((outline, at) => {
      context.fillStyle = theme[`m${this._tone(this._countries[at])}`];
      context.fill(outline);
    });
    context.strokeStyle = theme.sunken;
    context.lineWidth = 0.8 / k;
    context.stroke(this._lines);
    if (this._hovered) {
      context.strokeStyle = theme.text;
      context.lineWidth = 1.2 / k;
      context.stroke(this._outlines[this._hovered.at]);
    }
    this._describe();
  }

  _describe() {
    const known = [...this._counts].filter(([code]) => code).length;
    const from = `${known} ${known === 1 ? "country" : "countries"}`;
    this._dots.setAttribute("aria-label", `Map of the world: requests from ${from}, and where the latest ${this.places.count} requests came from. The tables have the figures.`);
  }

  _later() {
    this._frame ??= setTimeout(() => {
      this._frame = null;
      this._drawDots();
    }, FRAME_MS);
  }

  _drawDots() {
    this._tell_about();
    if (!this._path) return;
    const { context, width, height } = fitted(this._dots);
    const at = ({ lon, lat }) => {
      const [x, y] = this._at.apply(this._projection([lon, lat]));
      return { x, y };
    };
    const near = ({ x, y }) => x > -12 && y > -12 && x < width + 12 && y < height + 12;
    const places = this.places.grouped();
    const dots = merged(places.map((place) => ({ ...place, ...at(place) })).filter(near));
    this._rings(context, at);
    for (const dot of dots.reverse()) this._dot(context, dot);
    if (this._pulses.length) this._later();
  }

  _tell_about() {
    say(this._about, this.places.count ? this._latest() : "No located request in this period");
    this._describe();
    if (performance.now() - (this._tabulated_at ?? -Infinity) > 2000) this._tabulate();
  }

  _latest() {
    const { count: known, span_s } = this.places;
    if (known === 1) return "The latest request";
    return `${count(known)} latest requests, ${span_s < 1 ? "at once" : `over ${span(span_s)}`}`;
  }

  _dot(context, { x, y, requests, errors }) {
    const size = radius(requests);
    context.beginPath();
    if (errors === requests && requests < 10) diamond(context, x, y, size + 2);
    else context.arc(x, y, size, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = theme.sunken;
    context.stroke();
    context.fillStyle = errors === requests && requests < 10 ? theme.bad : theme.dot;
    context.fill();
    if (requests >= 10) {
      context.fillStyle = theme.sunken;
      context.font = `600 ${requests >= 100 ? 10 : 9.5}px ${theme.sans}`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(String(requests), x, y + 0.5);
    }
    if (errors && (errors !== requests || requests >= 10)) {
      context.beginPath();
      diamond(context, x + size * 0.75, y - size * 0.75, 4);
      context.strokeStyle = theme.sunken;
      context.stroke();
      context.fillStyle = theme.bad;
      context.fill();
    }
  }

  _rings(context, at) {
    const now = performance.now();
    this._pulses = this._pulses.filter((pulse) => now - pulse.at < PULSE_MS);
    context.strokeStyle = theme.accent;
    context.lineWidth = 1.5;
    for (const pulse of this._pulses) {
      const { x, y } = at(pulse);
      const part = this._still ? 0.5 : (now - pulse.at) / PULSE_MS;
      for (const far of [10, 18]) {
        context.globalAlpha = this._still ? 0.8 : (1 - part) * 0.9;
        context.beginPath();
        context.arc(x, y, 3 + far * Math.sqrt(part), 0, 2 * Math.PI);
        context.stroke();
      }
    }
    context.globalAlpha = 1;
  }

  _hover(event) {
    if (!this._outlines || event.pointerType === "touch" || this._looking) return;
    this._looking = requestAnimationFrame(() => {
      this._looking = null;
      const box = this._place.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const [inner_x, inner_y] = this._at.invert([x, y]);
      const context = this._land.getContext("2d");
      context.save();
      context.resetTransform();
      const at = this._outlines.findIndex((outline) => context.isPointInPath(outline, inner_x, inner_y));
      context.restore();
      if (at < 0 || !this._countries[at].id) {
        this._hide();
        return;
      }
      this._tell(at, x, y, box);
    });
  }

  _tell(at, x, y, box) {
    const { id } = this._countries[at];
    const requests = this._counts.get(id) ?? 0;
    const row = (name, value) => el("span", { class: "pair" }, name, " ", el("b", { class: "n" }, value));
    this._tip.replaceChildren(el("b", {}, country(id)), row("Requests", count(requests)), row("Share", share(requests, this._all)));
    this._tip.hidden = false;
    this._tip.style.left = `${Math.min(x + 14, box.width - this._tip.offsetWidth - 4)}px`;
    this._tip.style.top = `${Math.min(y + 14, box.height - this._tip.offsetHeight - 4)}px`;
    if (this._hovered?.at === at) return;
    this._hovered = { at };
    this._drawLand();
  }

  _hide() {
    this._tip.hidden = true;
    if (!this._hovered) return;
    this._hovered = null;
    this._drawLand();
  }

  _tabulate() {
    if (!this._details.open) return;
    this._tabulated_at = performance.now();
    const places = this.places.grouped();
    const rows = places.slice(0, TABLE_ROWS).map((place) => [place.city || "Unknown", country(place.country), count(place.requests)]);
    this._details.querySelector(".scroll").replaceChildren(table("Where the latest requests came from, most requests first", ["City", "Country", "Requests"], rows));
  }
}

function diamond(context, x, y, size) {
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.closePath();
}
