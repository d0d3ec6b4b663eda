// SPDX-License-Identifier: GPL-3.0-or-later
// Names on the map: countries where theirs fits into them, the places of dots, and from near other cities as well; none
// lies over another or over a dot.

import { country } from "../labels.js";
import { theme } from "../theme.js";
import { boxed } from "./globe.js";
import { radius } from "./places.js";

const COUNTRIES_FROM = 1.7;
const PLACES_FROM = 2.4;
const CITIES_FROM = 6;
const MOST_CITIES = 40;
/** Of the cities in view only the largest are tried: the others would find no room. */
const TRIED_CITIES = 150;
const CITY = 1.75;
const LINE = 14;
const GAP = 3;
const LONGEST = 28;
const MOST = 60;
/** Where in a country's height a name is tried. */
const TRIED = [0.5, 0.42, 0.58, 0.33, 0.67, 0.25, 0.75];

export class Names {
  /** For the countries of `land` (land.js); their outlines say where there is room. */
  constructor(land, globe) {
    this._rooms = land.countries.filter(({ id }) => id).map(({ id, rings }) => roomIn(id, rings, globe));
    this._widths = new Map();
    this._cities = [];
  }

  /** Cities to name where nothing came from them: [name, latitude, longitude] of each, the largest first. */
  know(cities) {
    this._cities = cities;
  }

  /**
   * Draw the names. `tone(id)` is the shade beneath a country's name; in the boxes `covered` stands something else.
   */
  draw(context, globe, dots, tone, covered = []) {
    const taken = [...covered, ...dots.map((dot) => boxAround(dot.x, dot.y, radius(dot.requests)))];
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.font = `500 11px ${theme.sans}`;
    const named = globe.zoom >= PLACES_FROM ? this._places(context, globe, dots, taken) : [];
    if (globe.zoom >= COUNTRIES_FROM) this._countries(context, globe, taken, tone);
    if (globe.zoom >= CITIES_FROM) this._others(context, globe, taken, new Set(named.map(([text]) => plain(text))));
    context.font = `500 11px ${theme.sans}`;
    context.textAlign = "left";
    context.strokeStyle = theme.sunken;
    context.fillStyle = theme.text;
    context.lineWidth = 3;
    for (const [text, x, y] of named) {
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    }
  }

  /** Find room for the names of the dots' largest places, those with most requests first: [text, x, y] of each. */
  _places(context, globe, dots, taken) {
    const found = [];
    for (const { x, y, requests, places } of dots) {
      const city = places.find((place) => place.city)?.city;
      if (!city || found.length === MOST) continue;
      const text = briefly(city);
      const width = this._width(context, text);
      const at = beside(x, y, radius(requests) + GAP, width, globe, taken);
      if (at) found.push([text, ...at]);
    }
    return found;
  }

  /** Draw cities without a dot; not those that are `named` already. */
  _others(context, globe, taken, named) {
    const { box } = globe;
    let [tried, drawn] = [0, 0];
    context.font = `400 11px ${theme.sans}`;
    context.textAlign = "left";
    context.strokeStyle = theme.sunken;
    context.fillStyle = theme["text-2"];
    context.lineWidth = 3;
    for (const [name, lat, lon] of this._cities) {
      if (!boxed(box, lat, lon)) continue;
      tried += 1;
      if (tried > TRIED_CITIES || drawn === MOST_CITIES) break;
      const [x, y] = globe.project(lon, lat);
      const spot = boxAround(x, y, CITY);
      if (named.has(plain(name)) || !inside(spot, globe) || taken.some((one) => overlap(one, spot))) continue;
      const text = briefly(name);
      const at = beside(x, y, CITY + GAP, this._width(context, text), globe, taken);
      if (!at) continue;
      taken.push(spot);
      drawn += 1;
      context.beginPath();
      context.arc(x, y, CITY, 0, 2 * Math.PI);
      context.stroke();
      context.fill();
      context.strokeText(text, ...at);
      context.fillText(text, ...at);
    }
  }

  _countries(context, globe, taken, tone) {
    context.font = `600 11px ${theme.sans}`;
    context.textAlign = "center";
    for (const { id, rooms } of this._rooms) {
      const text = country(id);
      const width = this._width(context, text);
      for (const { lon, lat, units } of rooms) {
        if (units * globe.scale < width + 10) continue;
        const [x, y] = globe.project(lon, lat);
        const box = { west: x - width / 2, east: x + width / 2, top: y - LINE / 2, bottom: y + LINE / 2 };
        if (!inside(box, globe) || taken.some((one) => overlap(one, box))) continue;
        taken.push(box);
        const shade = tone(id);
        context.fillStyle = shade >= 4 ? theme.sunken : shade ? theme.text : theme["text-2"];
        context.fillText(text, x, y);
        break;
      }
    }
  }

  _width(context, text) {
    let width = this._widths.get(text);
    if (width === undefined) {
      if (this._widths.size > 2000) this._widths.clear();
      this._widths.set(text, (width = context.measureText(text).width));
    }
    return width;
  }
}

/** Where there is room for a name `width` wide beside a dot, [left, middle], which is taken then; null where is none. */
function beside(x, y, away, width, globe, taken) {
  const tries = [[x + away, y], [x - away - width, y], [x - width / 2, y - away - LINE / 2], [x - width / 2, y + away + LINE / 2]];
  for (const [left, middle] of tries) {
    const box = { west: left - 2, east: left + width + 2, top: middle - LINE / 2, bottom: middle + LINE / 2 };
    if (!inside(box, globe) || taken.some((one) => overlap(one, box))) continue;
    taken.push(box);
    return [left, middle];
  }
  return null;
}

/** A name without its accents and in small letters: GeoIP databases write Malmo. */
function plain(name) {
  return name.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** A city's name as it fits on a map: GeoIP databases add the part of the town in brackets. */
function briefly(city) {
  const short = city.replace(/ \(.*$/s, "") || city;
  return short.length > LONGEST ? `${short.slice(0, LONGEST - 1)}…` : short;
}

/** Where a country has room for its name: {lon, lat, units}, the largest first, on lines across its largest outline. */
function roomIn(id, rings, globe) {
  const ring = rings.reduce((one, two) => (size(two) > size(one) ? two : one));
  const rooms = [];
  for (const part of TRIED) {
    const height = ring.south + (ring.north - ring.south) * part;
    const lat = globe.latitude(height);
    const lons = crossings(ring, height);
    let [west, east] = [0, 0];
    for (let at = 0; at + 1 < lons.length; at += 2) if (lons[at + 1] - lons[at] > east - west) [west, east] = [lons[at], lons[at + 1]];
    rooms.push({ lon: (west + east) / 2, lat, units: (east - west) * globe.factor(lat) });
  }
  const middle = rooms[0].units;
  // The middle is best, unless there is a good deal more room elsewhere.
  rooms.sort((one, two) => (two.units > middle * 1.4 ? two.units : 0) - (one.units > middle * 1.4 ? one.units : 0));
  return { id, rooms };
}

function size({ west, east, south, north, factor }) {
  return (east - west) * factor[0] * (north - south);
}

function crossings({ lon, height: heights }, height) {
  const found = [];
  for (let at = 0, before = lon.length - 1; at < lon.length; before = at, at += 1) {
    const [one, two] = [heights[at], heights[before]];
    if (one > height !== two > height) found.push(lon[at] + ((height - one) / (two - one)) * (lon[before] - lon[at]));
  }
  return found.sort((one, two) => one - two);
}

function boxAround(x, y, size) {
  return { west: x - size - 1, east: x + size + 1, top: y - size - 1, bottom: y + size + 1 };
}

function inside({ west, east, top, bottom }, { width, tall }) {
  return west > 2 && east < width - 2 && top > 2 && bottom < tall - 2;
}

function overlap(one, two) {
  return one.west < two.east && two.west < one.east && one.top < two.bottom && two.top < one.bottom;
}
