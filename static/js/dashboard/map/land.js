// SPDX-License-Identifier: GPL-3.0-or-later
// The countries: their outlines, drawn in shades, and which of them a place is in.
//
// An outline's longitudes go on beyond ±180 where it crosses the antimeridian, so that it is in one piece, and it is
// drawn wherever one of its copies, 360 degrees apart, is seen. An outline around a pole is closed along the pole.

import { turned } from "./globe.js";

/** Points of an outline that are nearer to each other on the screen, in pixels, are one. */
const FINEST = 0.6;

/** How long the countries may be made at a stretch before the page has its turn. */
const STRETCH_MS = 12;

/** The countries of a TopoJSON atlas (setup.py, borders): [{id, rings}], `id` null where there is no code. */
export async function countriesOf(geography, atlas, globe) {
  const found = [];
  let began = performance.now();
  for (const one of atlas.objects.countries.geometries) {
    const { id = null, geometry } = geography.feature(atlas, one);
    found.push({ id, rings: geometry.coordinates.flat().filter((points) => points.length > 3).map((points) => ringOf(points, globe)) });
    if (performance.now() - began < STRETCH_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    began = performance.now();
  }
  return found;
}

function ringOf(points, globe) {
  const last = points.length - 1;
  const lons = new Float32Array(points.length + 3);
  const heights = new Float32Array(points.length + 3);
  const factors = new Float32Array(points.length + 3);
  const ring = { west: Infinity, east: -Infinity, south: Infinity, north: -Infinity };
  let lon = points[0][0];
  const put = (at, lat) => {
    const { factor, height } = globe.measure(lat);
    [lons[at], heights[at], factors[at]] = [lon, height, factor];
    if (lon < ring.west) ring.west = lon;
    if (lon > ring.east) ring.east = lon;
    if (height < ring.south) ring.south = height;
    if (height > ring.north) ring.north = height;
  };
  for (let at = 0; at <= last; at += 1) {
    if (at) lon += turned(points[at][0] - lon);
    put(at, points[at][1]);
  }
  let count = points.length;
  if (Math.abs(lon - points[0][0]) > 180) {
    const pole = points[0][1] < 0 ? -90 : 90;
    put(count, pole);
    lon = points[0][0];
    put(count + 1, pole);
    put(count + 2, points[0][1]);
    count += 3;
  }
  return { ...ring, lon: lons.subarray(0, count), height: heights.subarray(0, count), factor: factors.subarray(0, count) };
}

/** The turns, in degrees, by which a ring must be moved to be seen in a view whose middle and reach are given. */
function* turns({ west, east }, lon, reach) {
  for (let turn = 360 * Math.ceil((lon - reach - east) / 360); turn + west <= lon + reach; turn += 360) yield turn;
}

/** Add the ring to a path, as the globe is seen. */
function trace(path, ring, globe, turn) {
  const { scale, width, tall } = globe;
  const from = turn - globe.lon;
  let [last_x, last_y, last_side] = [NaN, NaN, 0];
  let [held_x, held_y, held] = [0, 0, false];
  const count = ring.lon.length;
  for (let at = 0; at < count; at += 1) {
    const x = width / 2 + scale * (ring.lon[at] + from) * ring.factor[at];
    const y = tall / 2 - scale * (ring.height[at] - globe.up);
    const side = (x < -9 ? 1 : x > width + 9 ? 2 : 0) | (y < -9 ? 4 : y > tall + 9 ? 8 : 0);
    if (at === 0) path.moveTo(x, y);
    else if (side & last_side) {
      // Both beyond the same edge: only where it comes back from there matters.
      [held_x, held_y, held] = [x, y, true];
      last_side &= side;
      continue;
    } else {
      if (held) path.lineTo(held_x, held_y);
      if (Math.abs(x - last_x) < FINEST && Math.abs(y - last_y) < FINEST && !held) continue;
      path.lineTo(x, y);
    }
    [last_x, last_y, last_side, held] = [x, y, side, false];
  }
  path.closePath();
}

export class Land {
  constructor(countries) {
    this.countries = countries;
  }

  /** The country at a place; null on the sea. */
  at({ lon, lat }, globe) {
    const height = globe.height(lat);
    return this.countries.find(({ rings }) => rings.reduce((inside, ring) => inside !== has(ring, lon, height), false)) ?? null;
  }

  /** The country with this code. */
  named(id) {
    return this.countries.find((one) => one.id === id) ?? null;
  }

  /** Whether any of the country may be in view. */
  isSeen({ rings }, globe) {
    return rings.some((ring) => [...seen(ring, globe)].length);
  }

  /** Paths of what is seen, by what `tone(country)` says: a Map of Path2D. */
  paths(globe, tone) {
    const found = new Map();
    for (const country of this.countries) {
      for (const ring of country.rings) {
        for (const turn of seen(ring, globe)) {
          const key = tone(country);
          let path = found.get(key);
          if (!path) found.set(key, (path = new Path2D()));
          trace(path, ring, globe, turn);
        }
      }
    }
    return found;
  }

  /** The path of one country. */
  outline(country, globe) {
    const path = new Path2D();
    for (const ring of country.rings) for (const turn of seen(ring, globe)) trace(path, ring, globe, turn);
    return path;
  }
}

function seen(ring, globe) {
  const half = globe.tall / 2 / globe.scale;
  const [top, bottom] = [globe.up + half, globe.up - half];
  if (ring.south > top || ring.north < bottom) return [];
  const farthest = Math.max(Math.abs(Math.min(top, ring.north)), Math.abs(Math.max(bottom, ring.south)));
  return turns(ring, globe.lon, Math.min(180, globe.reach(globe.latitude(farthest))));
}

/** Whether the ring has the place, by how often a line from there to the east crosses it. */
function has(ring, lon, height) {
  if (height < ring.south || height > ring.north) return false;
  let inside = false;
  for (const turn of turns(ring, lon, 0)) {
    const at_lon = lon - turn;
    for (let at = 0, before = ring.lon.length - 1; at < ring.lon.length; before = at, at += 1) {
      const [one, two] = [ring.height[at], ring.height[before]];
      if (one > height !== two > height && at_lon < ring.lon[at] + ((height - one) / (two - one)) * (ring.lon[before] - ring.lon[at])) inside = !inside;
    }
  }
  return inside;
}

/** The edge of the globe, to clip by; null where it is beyond the view. */
export function edge(globe) {
  const half = globe.tall / 2 / globe.scale;
  const [top, bottom] = [Math.min(globe.up + half, globe.height(90)), Math.max(globe.up - half, globe.height(-90))];
  const widest = Math.max(Math.abs(top), Math.abs(bottom));
  if (globe.reach(globe.latitude(widest)) < 180 && globe.up + half < globe.height(90) && globe.up - half > globe.height(-90)) return null;
  const path = new Path2D();
  for (const side of [1, -1]) {
    for (let lat = -90 * side; lat * side <= 90; lat += 2 * side) {
      path.lineTo(globe.width / 2 + side * 180 * globe.scale * globe.factor(lat), globe.tall / 2 - globe.scale * (globe.height(lat) - globe.up));
    }
  }
  path.closePath();
  return path;
}
