// SPDX-License-Identifier: GPL-3.0-or-later
// The view of the map in the page's address (map=lat,lon,zoom), and the box of it in which places are asked for.

const NUMBER = /^-?\d{1,3}(\.\d{1,6})?$/;

/** {lat, lon, zoom} of the address's text; null where it is none. */
export function viewOf(text) {
  const parts = (text ?? "").split(",");
  if (parts.length !== 3 || !parts.every((part) => NUMBER.test(part))) return null;
  const [lat, lon, zoom] = parts.map(Number);
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && zoom > 0 ? { lat, lon, zoom } : null;
}

/** The text of a view, as exact as its zoom needs. */
export function viewText({ lat, lon, zoom }) {
  const digits = Math.max(1, Math.min(4, Math.ceil(Math.log10(zoom)) + 1));
  const short = (value, most) => String(Number(value.toFixed(most)));
  return [short(lat, digits), short(lon, digits), short(zoom, 2)].join(",");
}

/** The path of the question for a box (globe.js), rounded outwards. */
export function locationsIn({ north, east, south, west }) {
  const out = (value, way, most) => Math.max(-most, Math.min(most, way(value * 1000) / 1000));
  return `users/locations/${out(north, Math.ceil, 90)}/${out(east, Math.ceil, 180)}/${out(south, Math.floor, 90)}/${out(west, Math.floor, 180)}`;
}
