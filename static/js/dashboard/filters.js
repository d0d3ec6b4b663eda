// SPDX-License-Identifier: GPL-3.0-or-later
// Filters as the API takes them (docs/api.md): "country:DE", "!country:DE", "url:/blog/*"; and those of the address.

const FILTER = /^(!?)([a-z][a-z0-9_]{0,30}):(!?)(.*)$/s;
/** A sign that stands for itself, or any character. */
const PART = /\\[*!\\]|[^]/gu;
/** As the server takes 32 KiB of a question with all that goes with it. */
const LONGEST = 24_000;

/** {view, value, negated} of a filter's text, null where it is none. `value` is a pattern: see `keyOf`. */
export function parsed(text) {
  const found = FILTER.exec(text);
  return found && { view: found[2], value: found[4], negated: found[1] !== found[3] };
}

/** The text of a filter. */
export function written({ view, value, negated = false }) {
  return `${negated ? "!" : ""}${view}:${value}`;
}

/** The filter for exactly this key of a view, whatever stands in it. */
export function exactly(view, key, negated = false) {
  return { view, value: key.replace(/[*!\\]/g, "\\$&"), negated };
}

/** The one key that a filter's value stands for; null where it has a `*` that stands for any text. */
export function keyOf(value) {
  let key = "";
  for (const [part] of value.matchAll(PART)) {
    if (part === "*") return null;
    key += part.length === 2 && part[0] === "\\" ? part[1] : part;
  }
  return key;
}

/** The filter that somebody means who typed `text` as the value: only `*` and a backslash before a sign mean more. */
export function typed(view, text, negated = false) {
  return { view, value: text.replace(/^!/, "\\!"), negated };
}

/** The filters in the address: what every question of the page is narrowed by. */
export class Filters {
  constructor(address) {
    this._address = address;
  }

  /** The texts in the address, each once. */
  get texts() {
    return this._read().texts;
  }

  /** What the server is asked with. What is no filter is among it: the server says so. */
  get asked() {
    return this._read().asked;
  }

  /** Why they can't be asked, which the server has no way to say: they are too long. null where they can. */
  get unaskable() {
    const length = this.asked.reduce((sum, text) => sum + encodeURIComponent(text).length, 0);
    return length > LONGEST ? `together they are ${length} characters long, and ${LONGEST} fit into a question` : null;
  }

  has(filter) {
    return this.asked.includes(written(filter));
  }

  /** Every row of every panel asks, so the address is read when it has changed. */
  _read() {
    if (this._search !== location.search) {
      this._search = location.search;
      const texts = [...new Set(this._address.all("filter"))];
      const asked = texts.map((text) => (parsed(text) ? written(parsed(text)) : text));
      this._last = { texts, asked: [...new Set(asked)] };
    }
    return this._last;
  }

  /** Add a filter, in the place of what can't hold beside it: another key of the same view, or its own opposite. */
  add(filter) {
    const beside = this.texts.filter((text) => {
      const one = parsed(text);
      if (one?.view !== filter.view) return true;
      if (one.value === filter.value) return false;
      return one.negated || filter.negated || keyOf(one.value) === null || keyOf(filter.value) === null;
    });
    this._set([...beside, written(filter)]);
  }

  /** Add it, or where it is there take it away. */
  toggle(filter) {
    if (this.has(filter)) this._set(this.texts.filter((text) => !same(text, filter)));
    else this.add(filter);
  }

  /** Put what it negates in the place of the filter with this text. */
  turn(text) {
    const one = parsed(text);
    this._set(this.texts.map((other) => (other === text ? written({ ...one, negated: !one.negated }) : other)));
  }

  remove(text) {
    this._set(this.texts.filter((other) => other !== text));
  }

  clear() {
    this._set([]);
  }

  _set(texts) {
    this._address.set({ filter: texts });
  }
}

function same(text, filter) {
  const one = parsed(text);
  return one !== null && written(one) === written(filter);
}
