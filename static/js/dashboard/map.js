// SPDX-License-Identifier: GPL-3.0-or-later
// The map: countries shaded by a measure, the latest requests as dots that name their places, and rings around what
// arrives. It asks for what is in view and no more. Its parts are in map/.

import { el, say } from "../dom.js";
import { change, count, duration, bytes, share, span } from "../numbers.js";
import { exactly, parsed, written } from "./filters.js";
import { country } from "./labels.js";
import { Details } from "./map/details.js";
import { dotAt, drawDots } from "./map/dots.js";
import { Gestures } from "./map/gestures.js";
import { Globe, boxed } from "./map/globe.js";
import { Land, countriesOf, edge } from "./map/land.js";
import { Names } from "./map/names.js";
import { LatestPlaces, merged } from "./map/places.js";
import { Rings } from "./map/rings.js";
import { SHADES, USUAL, key, shade, stepsOf } from "./map/shading.js";
import { MapTable } from "./map/table.js";
import { locationsIn, viewOf, viewText } from "./map/view.js";
import { Paced } from "./paced.js";
import { fitted, onTheme, theme } from "./theme.js";
import { secondsOf } from "./times.js";

const EVERYWHERE = { north: 90, east: 180, south: -90, west: -180 };
const ARRIVALS_MS = 250;
const SETTLE_MS = 350;
const TABLE_MS = 2000;
const HINT_MS = 1600;
/** From this zoom on borders are drawn from the detailed atlas, which is fetched then. */
const DETAILED_FROM = 4;
const DETAILED_MOVING = 7;
/** On a narrow map the first view is where most of the dots are. */
const NARROW = 600;
const FITTED = 0.9;
const FITTED_ZOOM = 6;
const ROWS = 300;

export class WorldMap {
  /**
   * It draws from when it was given the library and the borders; its tables and numbers need neither. `views` are
   * those of the page (matching.js): filters are offered for those that there are.
   */
  constructor({ address, ask, times, views }) {
    this.panel = document.getElementById("map");
    this.places = new LatestPlaces();
    this._address = address;
    this._ask = ask;
    this._times = times;
    this._views = views;
    this._place = this.panel.querySelector(".map");
    this._land_canvas = this.panel.querySelector(".map-land");
    this._canvas = this.panel.querySelector(".map-dots");
    this._zoom = this.panel.querySelector(".map-zoom");
    this._tip = this.panel.querySelector(".tip");
    this._hint = this.panel.querySelector(".map-hint");
    this._key = document.getElementById("map-key");
    this._about = document.getElementById("map-about");
    this._switch = document.getElementById("map-shade");
    this._rings = new Rings(this.panel.querySelector(".map-rings"));
    this._details = new Details(this.panel.querySelector(".map-details"), () => this._point(null));
    this._table = new MapTable(document.getElementById("map-table"), {
      fill: () => this._tables(),
      point: (row) => this._point(row?.target ?? null),
      open: (row, button) => this._tell_of(row.target, button),
    });
    this._tabulating = new Paced(() => this._table.refresh(), TABLE_MS);
    this._rows = [];
    this._earlier = null;
    this._all = 0;
    this._steps = [];
    this._box = EVERYWHERE;
    this._period = null;
    this._dots = [];
    this._pointed = null;
    this._hovered = null;
    this._due = { land: false, dots: false };
    this._switch.replaceChildren(...Object.entries(SHADES).map(([name, { called }]) => el("option", { value: name }, called)));
    this._switch.addEventListener("change", () => address.set({ shade: this._switch.value === USUAL ? null : this._switch.value }));
    address.follow(() => this._follow());
    this._follow();
  }

  /**
   * The library and the borders (static/vendor) have come; null where they could not be loaded. `detailed` fetches
   * the detailed `borders()` and the `cities()`.
   */
  async equip(geography, atlas, detailed) {
    if (!geography || !atlas) {
      this.note("The map's parts are missing on this server. `make web` builds them; the table below has the places.");
      return;
    }
    this._geography = geography;
    this._fetch_detailed = detailed;
    const globe = new Globe(geography.geoEqualEarthRaw);
    this._coarse = new Land(await countriesOf(geography, atlas, globe));
    this._names = new Names(this._coarse, globe);
    this._globe = globe;
    this._gestures = new Gestures(this._canvas, this.panel.querySelectorAll("[data-zoom]"), geography, this._globe, {
      moved: (busy) => this._moved(busy),
      hint: (text) => this._advise(text),
    });
    const given = viewOf(this._address.get("map"));
    if (given) {
      this._globe.look(given);
      this._fits = true;
    }
    onTheme(() => this.draw());
    new ResizeObserver(() => this._resize()).observe(this._place);
    this._canvas.addEventListener("pointermove", (event) => this._hover(event));
    this._canvas.addEventListener("pointerleave", () => this._hide());
    this._canvas.addEventListener("click", (event) => this._click(event));
    this._canvas.addEventListener("keydown", (event) => this._enter(event));
  }

  /** Say something in the map's place; "" takes it away. */
  note(text) {
    const note = this.panel.querySelector(".map-note");
    note.hidden = !text;
    say(note, text);
  }

  // -- what it shows -----------------------------------------------------------------------------------------------------

  /** The rows of the view `country`, to shade by. */
  shade(rows) {
    this._rows = rows;
    this._all = rows.reduce((sum, row) => sum + row.requests, 0);
    this._tone();
    this._details.refresh();
  }

  /** Ask for the countries of the period before, for what has changed since then. `called` is its name. */
  async compare(parameters, called, signal) {
    const { results, complete_from } = await this._ask("users/country", { ...parameters, limit: ROWS }, signal);
    this._earlier = complete_from === null ? { called, rows: new Map(results.map((row) => [row.key, row])) } : null;
    this._details.refresh();
  }

  /** Something else is looked at: what was asked about the period before is not about this one. */
  look(parameters) {
    this._earlier = null;
    this._parameters = parameters;
    this._link();
  }

  /** Ask for the latest requests in view. Rejects like `ask`, but not where the view has moved meanwhile. */
  async update(parameters, signal) {
    this._parameters = parameters;
    this._superseded?.abort();
    const superseded = new AbortController();
    this._superseded = superseded;
    const box = this._globe?.width ? this._globe.box : EVERYWHERE;
    const path = locationsIn(box);
    this._asked_for = path;
    try {
      const answer = await this._ask(path, parameters, signal ? AbortSignal.any([signal, superseded.signal]) : superseded.signal);
      this._box = box;
      this._period = answer.from === null ? null : [secondsOf(answer.from), secondsOf(answer.to)];
      this.places.load(answer.results);
      this._fit();
      this._draw_dots_soon(0);
    } catch (error) {
      if (!superseded.signal.aborted || signal?.aborted) throw error;
    }
  }

  /** A request that has just come. */
  arrive(event) {
    const t = secondsOf(event.ts);
    if (this._period && (t < this._period[0] || t >= this._period[1])) return;
    if (typeof event.lat === "number" && !boxed(this._box, event.lat, event.lon)) return;
    if (!this.places.add(event)) return;
    this._rings.add(event.lon, event.lat);
    this._draw_dots_soon(ARRIVALS_MS);
  }

  /** Draw everything again. */
  draw() {
    if (!this._globe?.width) return;
    this._due = { land: true, dots: true };
    this._paint();
  }

  // -- the address -------------------------------------------------------------------------------------------------------

  _follow() {
    const named = this._address.get("shade");
    this._measure = Object.hasOwn(SHADES, named ?? "") ? named : USUAL;
    this._switch.value = this._measure;
    this._tone();
    const text = this._address.get("map");
    if (!this._globe?.width || text === this._written) return;
    this._written = text;
    this._gestures.glide(viewOf(text) ?? this._globe.home);
  }

  /** The view has come to rest: it is kept in the address, and what is in it is asked for. */
  _settle() {
    this._settling = null;
    this._written = this._globe.isHome ? null : viewText(this._globe.at);
    if (this._address.get("map") !== this._written) this._address.set({ map: this._written }, { replace: true });
    this._ask_anew();
  }

  _ask_anew() {
    this._link();
    if (!this._parameters || locationsIn(this._globe.box) === this._asked_for) return;
    this.update(this._parameters, null).catch(() => {}); // the next round asks again, and says what is wrong
  }

  _link() {
    const box = this._globe?.width ? this._globe.box : EVERYWHERE;
    if (this._parameters) document.getElementById("map-csv").href = this._ask.csv(locationsIn(box), this._parameters);
  }

  // -- the view ----------------------------------------------------------------------------------------------------------

  _moved(busy) {
    this._busy = busy;
    this._hide();
    this._due.land = this._due.dots = true;
    if (busy) this._moving ??= requestAnimationFrame(() => {
      this._moving = null;
      this._paint();
    });
    else this._paint();
    this._place.classList.toggle("zoomed", this._globe.zoom > 1);
    this.panel.querySelector('[data-zoom="home"]').hidden = this._globe.isHome;
    clearTimeout(this._settling);
    if (!busy) this._settling = setTimeout(() => this._settle(), SETTLE_MS);
    if (this._globe.zoom >= DETAILED_FROM) this._refine();
  }

  async _refine() {
    if (this._refining) return;
    this._refining = true;
    this._fetch_detailed.cities().then((cities) => {
      if (!cities) return; // places of dots have names all the same
      this._names.know(cities);
      this.draw();
    });
    const atlas = await this._fetch_detailed.borders();
    if (!atlas) return; // the borders stay as they are
    this._fine = new Land(await countriesOf(this._geography, atlas, this._globe));
    this.draw();
  }

  _resize() {
    const { clientWidth: width, clientHeight: tall } = this._place;
    if (!width || !tall) return;
    this._globe.resize(width, tall);
    this._fit();
    this._place.classList.toggle("zoomed", this._globe.zoom > 1);
    this.panel.querySelector('[data-zoom="home"]').hidden = this._globe.isHome;
    if (this._globe.zoom >= DETAILED_FROM) this._refine();
    this.draw();
    this._ask_anew();
  }

  /** Once, on a narrow map that was told nothing else: zoom to nine tenths of the requests. */
  _fit() {
    if (this._fits || !this._globe?.width || !this.places.count) return;
    this._fits = true;
    const { width, tall } = this._globe;
    if (width >= NARROW) return;
    const spots = this.places.grouped().flatMap((place) => Array(place.requests).fill(this._globe.project(place.lon, place.lat)));
    const middle = (at) => {
      const sorted = spots.map((spot) => spot[at]).sort((a, b) => a - b);
      const cut = Math.floor((sorted.length * (1 - FITTED)) / 2);
      return [sorted[cut], sorted[sorted.length - 1 - cut]];
    };
    const [[west, east], [north, south]] = [middle(0), middle(1)];
    const by = Math.max(1, Math.min(FITTED_ZOOM, (width - 40) / (east - west || 1), (tall - 40) / (south - north || 1)));
    this._globe.drag([(west + east) / 2, (north + south) / 2], [width / 2, tall / 2], by);
    this._fitted = this._globe.at;
    this._moved(false);
  }

  _advise(text) {
    say(this._hint, text);
    this._hint.hidden = false;
    clearTimeout(this._advised);
    this._advised = setTimeout(() => { this._hint.hidden = true; }, HINT_MS);
  }

  // -- shades ------------------------------------------------------------------------------------------------------------

  _tone() {
    const measure = SHADES[this._measure];
    const known = this._rows.filter((row) => row.key); // neither what is unknown nor the rest
    this._steps = stepsOf(measure, known);
    this._values = new Map(known.map((row) => [row.key, measure.value(row)]));
    const steps = key(this._steps, measure);
    say(this.panel.querySelector(".map-per"), measure.per);
    const shown = JSON.stringify(steps);
    if (this._key.dataset.is !== shown) {
      this._key.dataset.is = shown;
      this._key.replaceChildren(...steps.map(([tone, text]) => el("li", { class: `shade-${tone}` }, text)));
    }
    const painted = this._coarse?.countries.map(({ id }) => this._tone_of(id)).join("");
    this._describe();
    if (painted === this._painted || !this._globe?.width) return;
    this._painted = painted;
    this.draw();
  }

  _tone_of(id) {
    return shade(this._values.get(id) ?? null, this._steps);
  }

  // -- painting ----------------------------------------------------------------------------------------------------------

  /** The borders to draw: while the view moves with much in it, those that are drawn faster. */
  get _land() {
    const { zoom } = this._globe;
    return this._fine && zoom >= (this._busy ? DETAILED_MOVING : DETAILED_FROM) ? this._fine : this._coarse;
  }

  _paint() {
    if (!this._globe?.width) return;
    if (this._due.land) this._paint_land();
    if (this._due.dots) this._paint_dots();
    if (this._due.land) this._rings.draw(this._globe);
    this._due = { land: false, dots: false };
  }

  _paint_land() {
    const globe = this._globe;
    const { context } = fitted(this._land_canvas);
    const end = edge(globe);
    context.save();
    if (end) context.clip(end);
    context.lineJoin = "round";
    const paths = this._land.paths(globe, ({ id }) => this._tone_of(id));
    for (const [tone, path] of paths) {
      context.fillStyle = theme[`m${tone}`];
      context.fill(path, "evenodd");
    }
    context.strokeStyle = theme.sunken;
    context.lineWidth = globe.zoom > 3 ? 1.2 : 0.8;
    for (const path of paths.values()) context.stroke(path);
    if (end) {
      context.strokeStyle = theme.line;
      context.lineWidth = 2; // half of it is clipped
      context.stroke(end);
    }
    const marked = this._pointed?.country ?? this._hovered;
    const outlined = marked && this._land.named(marked);
    if (outlined) {
      context.strokeStyle = this._pointed ? theme.accent : theme.text;
      context.lineWidth = this._pointed ? 2 : 1.4;
      context.stroke(this._land.outline(outlined, globe));
    }
    context.restore(); // the next view has another edge
  }

  /** The box in which the buttons are; without any where they are not shown. */
  get _buttons() {
    const { offsetLeft: west, offsetTop: top, offsetWidth, offsetHeight } = this._zoom;
    return { west, east: west + offsetWidth, top, bottom: top + offsetHeight };
  }

  _draw_dots_soon(wait) {
    this._frame ??= setTimeout(() => {
      this._frame = null;
      this._due.dots = true;
      this._tell_about();
      this._details.refresh();
      this._paint();
    }, wait);
  }

  _paint_dots() {
    const globe = this._globe;
    const { context, width, height } = fitted(this._canvas);
    const near = ({ x, y }) => x > -12 && y > -12 && x < width + 12 && y < height + 12;
    const spots = this.places.grouped().map((place) => {
      const [x, y] = globe.project(place.lon, place.lat);
      return { ...place, x, y };
    });
    this._dots = merged(spots.filter(near));
    const named = this._pointed?.places;
    const chosen = named ? this._dots.find((dot) => dot.places.some((place) => named.includes(keyOf(place)))) : null;
    this._names.draw(context, globe, this._dots, (id) => this._tone_of(id), [this._buttons]);
    drawDots(context, this._dots, chosen ?? null);
    if (this._crossed) cross(context, width / 2, height / 2);
  }

  // -- words -------------------------------------------------------------------------------------------------------------

  _tell_about() {
    say(this._about, this.places.count ? this._latest() : this._nothing());
    this._describe();
    this._tabulating.soon();
  }

  _nothing() {
    return this._globe?.isHome === false ? "No located request in this part of the world" : "No located request in this period";
  }

  _latest() {
    const { count: known, span_s } = this.places;
    const here = this._globe?.isHome === false ? " here" : "";
    if (known === 1) return `The latest request${here}`;
    return `${count(known)} latest requests${here}, ${span_s < 1 ? "at once" : `over ${span(span_s)}`}`;
  }

  _describe() {
    const known = this._rows.filter((row) => row.key).length;
    const from = `${known} ${known === 1 ? "country" : "countries"}`;
    this._canvas.setAttribute("aria-label", `Map of the world: ${SHADES[this._measure].called.toLowerCase()}, requests from ${from}, and where the latest ${this.places.count} requests came from. The tables have the figures.`);
  }

  _tables() {
    const measure = SHADES[this._measure];
    const box = this._globe?.width ? this._globe.box : EVERYWHERE;
    const places = this.places.grouped().filter((place) => boxed(box, place.lat, place.lon));
    const seen = this._rows.filter((row) => row.key && (!this._globe || this._in_view(row.key)));
    return [
      {
        caption: "Where the latest requests in view came from, most requests first",
        heads: [["City", null], ["Country", null], ["Requests", "n"], ["Errors", "n"], ["Latest", "n"]],
        rows: places.map((place) => ({
          key: keyOf(place),
          name: place.city || "Unknown",
          cells: [country(place.country), count(place.requests), count(place.errors), this._moment(place.latest)],
          target: { places: [keyOf(place)] },
        })),
      },
      {
        caption: "Countries in view, most requests first",
        heads: [["Country", null], ["Requests", "n"], ["Share", "n"], ...(measure === SHADES.requests ? [] : [[measure.called, "n"]])],
        rows: seen.map((row) => ({
          key: `country ${row.key}`,
          name: country(row.key),
          cells: [count(row.requests), share(row.requests, this._all), ...(measure === SHADES.requests ? [] : [written_value(measure, row)])],
          target: { country: row.key },
        })),
      },
    ];
  }

  /** Whether any of the country can be seen; one that is not drawn may be anywhere. */
  _in_view(id) {
    const found = this._coarse.named(id);
    return !found || this._coarse.isSeen(found, this._globe);
  }

  _moment(t) {
    return Date.now() / 1000 - t < 43_200 ? this._times.second(t) : this._times.moment(t);
  }

  // -- pointing and choosing ---------------------------------------------------------------------------------------------

  /** Mark a country or places on the map; null: none. */
  _point(target) {
    this._pointed = target;
    this.draw();
  }

  _hover(event) {
    if (event.pointerType === "touch" || event.buttons || this._looking || !this._globe?.width) return;
    const at = this._spot(event);
    this._looking = requestAnimationFrame(() => {
      this._looking = null;
      const target = this._target(...at);
      this._canvas.classList.toggle("over", target !== null);
      if (!target) this._hide();
      else this._show_tip(target, at);
    });
  }

  /** {country} or {places} at a point of the screen; null on the sea. */
  _target(x, y) {
    const dot = dotAt(this._dots, x, y);
    if (dot) return { places: dot.places.map(keyOf), dot };
    const place = this._globe.unproject(x, y);
    const found = place && this._land.at(place, this._globe);
    return found?.id ? { country: found.id } : null;
  }

  _spot(event) {
    const box = this._canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  _show_tip(target, [x, y]) {
    const pair = (name, value) => el("span", { class: "pair" }, el("bdi", {}, name), " ", el("b", { class: "n" }, value));
    const { title, badge, tip } = this._said(target);
    this._tip.replaceChildren(el("b", {}, badge ? el("span", { class: "badge" }, badge) : null, el("bdi", {}, title)), ...tip.map(([name, value]) => pair(name, value)), el("span", { class: "tip-more" }, "Click for more"));
    this._tip.hidden = false;
    const { width, tall } = this._globe;
    const left = x + 14 + this._tip.offsetWidth > width - 4 ? x - 14 - this._tip.offsetWidth : x + 14;
    this._tip.style.left = `${Math.max(4, left)}px`;
    this._tip.style.top = `${Math.max(4, Math.min(y + 14, tall - this._tip.offsetHeight - 4))}px`;
    const hovered = target.country ?? null;
    if (this._hovered === hovered) return;
    this._hovered = hovered;
    this._due.land = true;
    this._paint();
  }

  _hide() {
    cancelAnimationFrame(this._looking);
    this._looking = null;
    this._tip.hidden = true;
    this._canvas.classList.remove("over");
    if (!this._hovered) return;
    this._hovered = null;
    this._due.land = true;
    this._moving ??= requestAnimationFrame(() => {
      this._moving = null;
      this._paint();
    });
  }

  _click(event) {
    if (!this._globe?.width) return;
    const target = this._target(...this._spot(event));
    this._hide();
    if (target) this._tell_of(target, this._canvas);
    else this._details.close();
  }

  /** Enter opens what is under the cross in the middle, which keys bring out. */
  _enter(event) {
    if (event.key === "Escape" && this._details.open) {
      event.stopPropagation();
      this._details.close();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || !this._globe?.width) return;
    this._cross(true);
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    const { width, tall } = this._globe;
    const target = this._target(width / 2, tall / 2);
    if (target) this._tell_of(target, this._canvas);
    else this._advise("Nothing here. Move the map with the arrows, or open the table below.");
  }

  _cross(on) {
    if (on === Boolean(this._crossed)) return;
    this._crossed = on;
    this._due.dots = true;
    this._paint();
    if (!on) return;
    const off = () => this._cross(false);
    this._canvas.addEventListener("blur", off, { once: true });
    this._canvas.addEventListener("pointerdown", off, { once: true });
  }

  _tell_of(target, from) {
    this._details.show(() => this._said(target), from);
    if (this._details.open) this._point(target);
  }

  /** What there is to say of a target, for the tip and for the card. */
  _said(target) {
    return target.country ? this._said_of_country(target.country) : this._said_of_places(target.places);
  }

  _said_of_country(id) {
    const row = this._rows.find((one) => one.key === id);
    const measure = SHADES[this._measure];
    const earlier = this._earlier?.rows.get(id);
    const since = (value, before) => (before === undefined || !change(value, before) ? "" : change(value, before));
    const requests = row?.requests ?? 0;
    const tip = [["Requests", count(requests)], ["Share", share(requests, this._all)]];
    if (row && measure !== SHADES.requests) tip.push([measure.called, written_value(measure, row)]);
    if (earlier) tip.push([capital(this._earlier.called), since(requests, earlier.requests) || "no change"]);
    const figures = [["Requests", count(requests), [share(requests, this._all), since(requests, earlier?.requests)].filter(Boolean).join(" · ")]];
    if (row) {
      figures.push(
        ["Visitors", count(row.visitors), since(row.visitors, earlier?.visitors)],
        ["Bots", count(row.bots), share(row.bots, row.requests)],
        ["Errors", count(row.errors), share(row.errors, row.requests)],
        ["Mean duration", duration(row.duration_ms), since(row.duration_ms, earlier?.duration_ms ?? undefined)],
        ["Data out", bytes(row.bytes), since(row.bytes, earlier?.bytes)],
      );
    }
    return { badge: id, title: country(id), tip, figures, lead: earlier ? `Changes since ${this._earlier.called}` : "", actions: this._filters([["country", id]]) };
  }

  _said_of_places(keys) {
    const places = this.places.grouped().filter((place) => keys.includes(keyOf(place)));
    if (!places.length) return null;
    const name = ({ city, country: code }) => [city || "Unknown place", code ? country(code) : ""].filter(Boolean).join(", ");
    const requests = places.reduce((sum, place) => sum + place.requests, 0);
    const errors = places.reduce((sum, place) => sum + place.errors, 0);
    const latest = Math.max(...places.map((place) => place.latest));
    const failed = errors ? [["Errors", count(errors)]] : [];
    if (places.length === 1) {
      const [place] = places;
      const tip = [["Latest requests", count(requests)], ...failed, ["Last", this._moment(latest)]];
      const filters = place.city ? [["city", place.city], ["country", place.country]] : [["country", place.country]];
      return { badge: place.country || null, title: name(place), tip, figures: tip, lead: `Of the ${count(this.places.count)} latest requests in view`, actions: [...this._filters(filters), ...this._closer(places)] };
    }
    const tip = [["Latest requests", count(requests)], ...failed, ...places.slice(0, 3).map((place) => [name(place), count(place.requests)])];
    return {
      title: `${places.length} places, ${count(requests)} requests`,
      tip,
      lead: `Of the ${count(this.places.count)} latest requests in view`,
      rows: places.map((place) => ({ name: name(place), more: this._moment(place.latest), value: count(place.requests), act: () => this._tell_of({ places: [keyOf(place)] }, this._canvas) })),
      actions: this._closer(places),
    };
  }

  /** Going nearer, where there is anything nearer. */
  _closer(places) {
    if (!this._globe?.width || this._globe.zoom >= this._globe.most * 0.99) return [];
    return [{ text: "Zoom in", act: () => this._gestures.glide(this._around(places)) }];
  }

  /** A view that has all of these places, a good deal nearer than now. */
  _around(places) {
    const { width, tall, zoom, most } = this._globe;
    const spots = places.map((place) => this._globe.project(place.lon, place.lat));
    const [xs, ys] = [spots.map((spot) => spot[0]), spots.map((spot) => spot[1])];
    const ends = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const { lon, lat } = this._globe.unproject((ends[0] + ends[1]) / 2, (ends[2] + ends[3]) / 2);
    const by = Math.max(2, Math.min(16, (0.6 * width) / (ends[1] - ends[0] || 1), (0.6 * tall) / (ends[3] - ends[2] || 1)));
    return { lat, lon, zoom: Math.min(most, zoom * by) };
  }

  /** What can be done about the filters: [[view, key], …] are those that ask for this alone, the first for excluding it. */
  _filters(wanted) {
    const usable = wanted.filter(([view, value]) => Object.hasOwn(this._views, view) && value !== "");
    if (!usable.length || usable[0][0] !== wanted[0][0]) return [];
    const given = this._address.all("filter");
    const [view] = usable[0];
    const only = usable.map(([name, value]) => written(exactly(name, value)));
    const others = given.filter((text) => !usable.some(([name]) => parsed(text)?.view === name));
    const excluded = written(exactly(view, usable[0][1], true));
    const called = view === "city" ? ["city", "cities"] : ["country", "countries"];
    const actions = [];
    if (!only.every((text) => given.includes(text))) actions.push({ text: `Only this ${called[0]}`, act: () => this._address.set({ filter: [...others, ...only] }) });
    if (given.some((text) => parsed(text)?.view === view)) actions.push({ text: `All ${called[1]}`, act: () => this._address.set({ filter: others }) });
    if (!given.includes(excluded)) actions.push({ text: "Exclude", act: () => this._address.set({ filter: [...given.filter((text) => text !== only[0]), excluded] }) });
    return actions;
  }
}

const keyOf = ({ lat, lon, city, country: code }) => `${lat} ${lon} ${code} ${city}`;

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function written_value(measure, row) {
  const value = measure.value(row);
  return value === null ? "–" : measure.write(value);
}

/** The cross that shows what Enter would open. */
function cross(context, x, y) {
  context.lineWidth = 2;
  context.strokeStyle = theme.accent;
  context.beginPath();
  for (const [way_x, way_y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 5 * way_x, y + 5 * way_y);
    context.lineTo(x + 12 * way_x, y + 12 * way_y);
  }
  context.stroke();
}
