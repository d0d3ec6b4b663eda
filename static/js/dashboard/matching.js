// SPDX-License-Identifier: GPL-3.0-or-later
// Whether an event of the live stream passes the filters that the answers of the API have passed: decided as the
// server decides (server/store/memory/filtered.py, catalogue/view.py), from the same views.

import { parsed } from "./filters.js";

/** What an event shows of itself and no view can group by: there its key is "". */
const NEVER_KEYS = new Set(["seq", "received", "ts", "visitor", "truncated"]);

/** The views that the page was told of (data-views of #dashboard): {name: {field, bounds}}, see overview.py. */
export function viewsOf(page) {
  return JSON.parse(page.dataset.views);
}

/**
 * Whether `event`, as the stream sends it, passes all `filters`, texts as in the address. `views` says by which field
 * each view groups. Like the API, which refuses them, it lets nothing pass filters that it can't read.
 */
export function matches(event, filters, views) {
  return filters.every((text) => {
    const filter = parsed(text);
    if (!filter || !Object.hasOwn(views, filter.view)) return false;
    return fits(keyOf(event, views[filter.view]), filter.value) !== filter.negated;
  });
}

/** The key under which a view counts the event. */
export function keyOf(event, { field, bounds }) {
  const value = Object.hasOwn(event, field) && !NEVER_KEYS.has(field) ? event[field] : null;
  if (!bounds) return textOf(value);
  if (typeof value !== "number") return "";
  const bound = bounds.findLast((least) => least <= value);
  return bound === undefined ? "0" : textOf(bound);
}

/** A value as a key: numbers as the server writes them, which is as Python does. */
function textOf(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number" || Number.isInteger(value) || Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}

/** The texts between the stars of a pattern. A backslash before `*`, `!` or a backslash has that sign stand for itself. */
function literals(pattern) {
  const found = [""];
  for (const [part] of pattern.matchAll(/\\[*!\\]|[^]/g)) {
    if (part === "*") found.push("");
    else found[found.length - 1] += part.length === 2 ? part[1] : part;
  }
  return found;
}

/** Whether a text is what a pattern says, in which `*` stands for any text. Takes no longer than reading it. */
function fits(text, pattern) {
  const parts = literals(pattern);
  if (parts.length === 1) return text === parts[0];
  const [first, last] = [parts.shift(), parts.pop()];
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
