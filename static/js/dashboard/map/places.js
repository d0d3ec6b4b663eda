// SPDX-License-Identifier: GPL-3.0-or-later
// Where the latest 500 requests came from: what the API said, moved on by the live stream.

import { secondsOf } from "../times.js";

export const MOST = 500;

const keyOf = ({ lat, lon, city, country }) => `${lat} ${lon} ${country} ${city}`;

export class LatestPlaces {
  constructor() {
    this._requests = [];
  }

  /**
   * Start from the API's places, each with how many of the latest requests came from there and how many of these
   * failed. When single ones came, which the stream has told, is kept.
   */
  load(places) {
    const known = new Map();
    for (const request of this._requests.filter((one) => one.live)) {
      const key = keyOf(request);
      if (!known.has(key)) known.set(key, []);
      known.get(key).push(request);
    }
    this._requests = places
      .flatMap(({ lat, lon, city, country, requests, errors, latest }) => {
        const place = { lat, lon, city, country, t: secondsOf(latest), error: false, live: false };
        const seen = (known.get(keyOf(place)) ?? []).slice(-requests);
        const failed = seen.filter((one) => one.error).length;
        const unseen = Array.from({ length: requests - seen.length }, (_, at) => ({ ...place, error: at < errors - failed }));
        return [...unseen, ...seen];
      })
      .sort((a, b) => a.t - b.t)
      .slice(-MOST);
  }

  /** A request of the live stream; false where nobody knows where it came from. */
  add(event) {
    if (typeof event.lat !== "number" || typeof event.lon !== "number") return false;
    const { lat, lon, city = "", country = "" } = event;
    this._requests.push({ lat, lon, city, country, t: secondsOf(event.ts), error: event.status >= 500, live: true });
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

  /** {lat, lon, city, country, requests, errors, latest} by place, most requests first; `latest` in Unix seconds. */
  grouped() {
    const found = new Map();
    for (const request of this._requests) {
      const key = keyOf(request);
      const { lat, lon, city, country, error, t } = request;
      let place = found.get(key);
      if (!place) found.set(key, (place = { lat, lon, city, country, requests: 0, errors: 0, latest: t }));
      place.requests += 1;
      place.errors += error ? 1 : 0;
      place.latest = Math.max(place.latest, t);
    }
    return [...found.values()].sort((a, b) => b.requests - a.requests || b.latest - a.latest);
  }
}

/** Radius of a dot that stands for so many requests. */
export function radius(requests) {
  return requests >= 100 ? 11.5 : requests >= 10 ? 9 : requests > 1 ? 4 : 2.75;
}

/** Dots that would touch are merged: {x, y, requests, errors, places}. `places` have x and y on the screen. */
export function merged(places) {
  let dots = places.map((place) => ({ x: place.x, y: place.y, requests: place.requests, errors: place.errors, places: [place] }));
  for (;;) {
    const found = [];
    for (const dot of dots) {
      const near = found.find((one) => Math.hypot(one.x - dot.x, one.y - dot.y) < radius(one.requests) + radius(dot.requests));
      if (!near) {
        found.push(dot);
        continue;
      }
      near.requests += dot.requests;
      near.errors += dot.errors;
      near.places.push(...dot.places);
    }
    if (found.length === dots.length) return found;
    dots = found.sort((a, b) => b.requests - a.requests); // the larger one may touch another now
  }
}
