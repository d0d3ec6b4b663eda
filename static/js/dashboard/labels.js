// SPDX-License-Identifier: GPL-3.0-or-later
// What people read for the keys of a view. A view that is not named here shows its keys as they are.

import { duration } from "../numbers.js";

const regions = new Intl.DisplayNames(undefined, { type: "region", fallback: "code" });
const UNKNOWN = { referrer: "Direct or unknown", username: "Not logged in", bot: "Unknown", object: "Whole service", subject: "Guest" };
const CAPITALS = { phone: "Phone", tablet: "Tablet", desktop: "Desktop", bot: "Bot", other: "Other" };
// RFC 9110 section 15, and those that people meet beside it.
const STATUSES = {
  100: "Continue", 101: "Switching protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No content",
  206: "Partial content", 301: "Moved permanently", 302: "Found", 303: "See other", 304: "Not modified",
  307: "Temporary redirect", 308: "Permanent redirect", 400: "Bad request", 401: "Unauthorized", 403: "Forbidden",
  404: "Not found", 405: "Method not allowed", 406: "Not acceptable", 408: "Request timeout", 409: "Conflict",
  410: "Gone", 413: "Content too large", 414: "URI too long", 416: "Range not satisfiable",
  422: "Unprocessable content", 429: "Too many requests", 499: "Client closed request",
  500: "Internal server error", 501: "Not implemented", 502: "Bad gateway", 503: "Service unavailable",
  504: "Gateway timeout",
};

/** What a filter's field is called: one of the things that the view's title has many of. */
const FIELDS = {
  country: "Country", region: "Region", city: "City", url: "Page", host: "Host", referrer: "Referrer",
  utm_source: "Campaign source", utm_medium: "Campaign medium", utm_campaign: "Campaign", browser: "Browser",
  os: "System", device: "Device", bot: "Kind", status: "Status", method: "Method", username: "User", source: "Source", object: "What", subject: "Who",
};
/** Views of few keys, which people know by other names. */
const NAMED = new Set(["country", "status", "device", "bot"]);

/** What `names` has for a key that may be a stranger's. */
const own = (names, key) => (Object.hasOwn(names, key) ? names[key] : undefined);

/** What a filter by this view is about, in the singular where that is known. */
export function field(view, title) {
  return own(FIELDS, view) ?? title;
}

/** Whether the keys of a view are few and have names of ours, so that they are sought by those. */
export function named(view, classes = false) {
  return classes || NAMED.has(view);
}

/** Whether a key or what people read for it contains the text. */
export function answersTo(text, view, key, classes = false) {
  const { text: name, strong = "", badge = "" } = label(view, key, classes);
  const sought = text.toLowerCase();
  return [key, name, `${strong} ${name}`, badge].some((one) => one.toLowerCase().includes(sought));
}

/** The name of a country by its ISO 3166-1 alpha-2 code; "Unknown" for "". */
export function country(code) {
  if (!code) return "Unknown";
  try {
    return regions.of(code);
  } catch {
    return code; // a stranger's text, not a code
  }
}

/** What is said of a key in one line of text. */
export function plain(view, key, classes = false) {
  const { text, strong } = label(view, key, classes);
  return [strong, text].filter(Boolean).join(" ");
}

/** {text, badge, tone}: `badge` stands before the text, `tone` is "warn" or "bad" for states. */
export function label(view, key, classes = false) {
  if (key === "") return { text: own(UNKNOWN, view) ?? "Unknown", quiet: true };
  if (view === "country") return { text: country(key), badge: key };
  if (view === "status") {
    const tone = key >= "500" && key < "600" ? "bad" : key >= "400" && key < "500" ? "warn" : "";
    return { text: own(STATUSES, key) ?? "", strong: key, tone };
  }
  if (view === "device") return { text: own(CAPITALS, key) ?? key };
  if (view === "bot") return { text: key === "true" ? "Bots" : key === "false" ? "People" : key };
  if (classes) return { text: view === "latency" ? `from ${duration(Number(key))}` : `from ${key}` };
  return { text: key };
}
