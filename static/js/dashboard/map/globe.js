// SPDX-License-Identifier: GPL-3.0-or-later
// The view of the map: which part of the world is seen, how large, and where on the screen a place is.
//
// The projection is Equal Earth (Šavrič, Patterson and Jenny 2018), turned to the longitude in the view's middle: so the
// world has no edge that it could not be moved over, and what is looked at closely is not sheared. In it a place's
// distance from the middle meridian is its longitude times a factor that follows from its latitude alone, which makes
// projecting a place a multiplication; `factor` and `height` give both.

const RADIANS = Math.PI / 180;
/** The first view: the middle of the world is at 11° E, and it ends in the south before Antarctica. */
export const HOME = { lon: 11, south: -56.5, north: 84 };
/** How far the land reaches from there to either side, in units of the projection: to islands of Kiribati. */
const HALF_WIDTH = 2.68;
const MARGIN = 8;
/** Pixels to a degree of the equator at most: two to a kilometre. Borders and places are known no better. */
const MOST_PER_DEGREE = 222;

export class Globe {
  /** `raw` is d3-geo's geoEqualEarthRaw. */
  constructor(raw) {
    this._raw = raw;
    this._home_height = (this.height(HOME.north) + this.height(HOME.south)) / 2;
    this._home_range = this.height(HOME.north) - this.height(HOME.south);
    this._whole_range = 2 * this.height(90);
    this.width = this.tall = 0;
    this.lon = HOME.lon;
    this.up = this._home_height;
    this.zoom = 1;
    this._wanted = { up: this.up, zoom: 1 };
  }

  /** Units of the projection to a degree of longitude at this latitude. */
  factor(lat) {
    return this._raw(1, lat * RADIANS)[0] * RADIANS;
  }

  /** Both of this latitude, {factor, height}. */
  measure(lat) {
    const [across, height] = this._raw(1, lat * RADIANS);
    return { factor: across * RADIANS, height };
  }

  /** How far this latitude is above the equator, in units of the projection. */
  height(lat) {
    return this._raw(0, lat * RADIANS)[1];
  }

  /** The screen has become so large, in pixels; what is in the middle stays there. */
  resize(width, tall) {
    [this.width, this.tall] = [width, tall];
    this._unit = Math.min((width - 2 * MARGIN) / (2 * HALF_WIDTH), (tall - 2 * MARGIN) / this._home_range);
    Object.assign(this, this._wanted); // what another size did not allow may be possible now
    this._keep();
  }

  /** Pixels to a unit of the projection. */
  get scale() {
    return this._unit * this.zoom;
  }

  /** The largest zoom; 1 is the first view. */
  get most() {
    return Math.max(1, MOST_PER_DEGREE / (this._unit * this.factor(0)));
  }

  /** The smallest: the whole globe, with Antarctica. */
  get least() {
    return Math.min(1, (this.tall - 2 * MARGIN) / (this._unit * this._whole_range));
  }

  /** Whether this is the first view. */
  get isHome() {
    return this.zoom === 1 && this.lon === HOME.lon && this.up === this._home_height;
  }

  /** The view as {lat, lon, zoom}. */
  get at() {
    return { lat: this.latitude(this.up), lon: this.lon, zoom: this.zoom };
  }

  /** The first view, as `at`. */
  get home() {
    return { lat: this.latitude(this._home_height), lon: HOME.lon, zoom: 1 };
  }

  /** Look at {lat, lon, zoom}. */
  look({ lat, lon, zoom }) {
    this.lon = turned(lon);
    this.up = lat === this.home.lat ? this._home_height : this.height(Math.max(-90, Math.min(90, lat)));
    this.zoom = zoom;
    this._wanted = { up: this.up, zoom };
    this._keep();
  }

  /** The latitude at a height, beyond the poles that of the pole. */
  latitude(height) {
    const most = this.height(90);
    if (height >= most) return 90;
    return height <= -most ? -90 : this._raw.invert(0, height)[1] / RADIANS;
  }

  /** Where a place is on the screen, [x, y]: on the near side, seen from the middle. */
  project(lon, lat) {
    const { scale } = this;
    return [this.width / 2 + scale * turned(lon - this.lon) * this.factor(lat), this.tall / 2 - scale * (this.height(lat) - this.up)];
  }

  /** The place at a point of the screen, {lon, lat}; null beside the globe. `lon` is not turned into -180 to 180. */
  unproject(x, y) {
    const height = this.up - (y - this.tall / 2) / this.scale;
    if (Math.abs(height) > this.height(90)) return null;
    const lat = this.latitude(height);
    const away = (x - this.width / 2) / (this.scale * this.factor(lat));
    return Math.abs(away) > 180 ? null : { lon: this.lon + away, lat };
  }

  /** What was at `from` on the screen, [x, y], comes to be at `to`, and everything `by` times as large. */
  drag(from, to, by = 1) {
    const height = this.up - (from[1] - this.tall / 2) / this.scale;
    const factor = this.factor(this.latitude(height));
    const lon = this.lon + (from[0] - this.width / 2) / (this.scale * factor);
    this.zoom = Math.max(this.least, Math.min(this.most, this.zoom * by));
    this.lon = turned(lon - (to[0] - this.width / 2) / (this.scale * factor));
    this.up = height + (to[1] - this.tall / 2) / this.scale;
    this._keep();
    this._wanted = { up: this.up, zoom: this.zoom };
  }

  /** The part of the world that is seen, {north, east, south, west} in degrees; over the antimeridian west > east. */
  get box() {
    const half = this.tall / 2 / this.scale;
    const [north, south] = [this.latitude(this.up + half), this.latitude(this.up - half)];
    const reach = this.reach(Math.max(Math.abs(north), Math.abs(south)));
    // Where a pole is seen, so is every longitude: they all meet there.
    if (reach >= 180 || north === 90 || south === -90) return { north, east: 180, south, west: -180 };
    return { north, east: turned(this.lon + reach), south, west: turned(this.lon - reach) };
  }

  /** Degrees of longitude that are seen to each side of the middle at this latitude. */
  reach(lat) {
    return this.width / 2 / (this.scale * this.factor(lat));
  }

  /** Keep the zoom within its bounds, and the poles out of the view where the rest of the world fills it. */
  _keep() {
    if (!this.width) return;
    this.zoom = Math.max(this.least, Math.min(this.most, this.zoom));
    const half = this.tall / 2 / this.scale;
    const most = Math.max(0, this.height(90) - half + MARGIN / this.scale);
    // A view that is higher than the globe shows the middle of it, but the first view is what it is.
    if (!this.isHome) this.up = Math.max(-most, Math.min(most, this.up));
  }
}

/** A longitude from -180 up to 180. */
export function turned(lon) {
  return lon >= -180 && lon < 180 ? lon : ((((lon + 180) % 360) + 360) % 360) - 180;
}

/** Whether a box (Globe.box, or of the API) has a place. */
export function boxed({ north, east, south, west }, lat, lon) {
  if (lat > north || lat < south) return false;
  return west <= east ? (lon >= west && lon <= east) || (Math.abs(lon) === 180 && (east === 180 || west === -180)) : lon >= west || lon <= east;
}
