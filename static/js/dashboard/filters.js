// SPDX-License-Identifier: GPL-3.0-or-later
// Filters as the API takes them (docs/api.md): "country:DE", "!country:DE", "url:/blog/*".

const FILTER = /^(!?)([a-z][a-z0-9_]{0,30}):(!?)(.*)$/s;

/** {view, value, negated} of a filter's text, null where it is none. `value` is a pattern: `*` matches anything. */
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
