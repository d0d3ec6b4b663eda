// SPDX-License-Identifier: GPL-3.0-or-later
// Where the latest 500 requests came from: what the API said, moved on by the live stream.

import { secondsOf } from "./times.js";

export const MOST = 500;

export class LatestPlaces {
  constructor() {
    this._requests = [];
  }

  /** Start from the API's places, each with how many of the latest requests came from there. */
  load(places) {
    this._requests = places
      .flatMap((place) => Array.from({ length: place.requests }, () => ({ ...place, t: secondsOf(place.latest), error: false })))
      .sort((a, b) => a.t - b.t)
      .slice(-MOST);
  }

  /** A request of the live stream; false where nobody knows where it came from. */
  add(event) {
    if (typeof event.lat !== "number" || typeof event.lon !== "number") return false;
    const { lat, lon, city = "", country = "" } = event;
    this._requests.push({ lat, lon, city, country, t: secondsOf(event.ts), error: event.status >= 500 });
    if (this._requests.length > MOST) this._requests.shift();
    return true;
  }

  /** How many requests there are. */
  get count() {
    return this._requests.length;
  }

  /** Seconds between the oldest and the newest. */
  get span_s() {
    return this.count > 1 ? this._requests.at(-1).t - this._requests[0].t : 0;
  }

  /** {lat, lon, city, country, requests, errors} by place, most requests first. */
  grouped() {
    const found = new Map();
    for (const { lat, lon, city, country, error } of this._requests) {
      const key = `${lat} ${lon}`;
      let place = found.get(key);
      if (!place) found.set(key, (place = { lat, lon, city, country, requests: 0, errors: 0 }));
      place.requests += 1;
      place.errors += error ? 1 : 0;
    }
    return [...found.values()].sort((a, b) => b.requests - a.requests);
  }
}

/** Radius of a dot that stands for so many requests. */
export function radius(requests) {
  return requests >= 100 ? 11.5 : requests >= 10 ? 9 : requests > 1 ? 4 : 2.75;
}

/** Dots that would touch are merged: {x, y, requests, errors}. `places` have x and y on the screen. */
export function merged(places) {
  const dots = [];
  for (const place of places) {
    const near = dots.find((dot) => Math.hypot(dot.x - place.x, dot.y - place.y) < radius(dot.requests) + radius(place.requests));
    if (near) {
      near.requests += place.requests;
      near.errors += place.errors;
    } else {
      dots.push({ x: place.x, y: place.y, requests: place.requests, errors: place.errors });
    }
  }
  return dots;
}
