// SPDX-License-Identifier: GPL-3.0-or-later
// All that is known of one request, in a dialog at the side: what was asked for, from where, by what, and every field that
// the sender added.

import { el } from "../../dom.js";
import { bytes, duration } from "../../numbers.js";
import { country, label } from "../labels.js";
import { secondsOf } from "../times.js";
import { toneOf } from "./rows.js";

const COPIED_MS = 2000;
const YES = { true: "yes", false: "no" };

/** The groups of fields, each field with its name for people and, where its value is not shown as it is, how. */
const GROUPS = [
  ["Request", {
    url: ["Address"], path: ["Page"], host: ["Host"], method: ["Method"], status: ["Status", (value) => `${value} ${label("status", String(value)).text}`.trim()],
    duration_ms: ["Duration", duration], bytes: ["Size", bytes], referrer: ["Referrer"], referrer_site: ["Referring site"],
    utm_source: ["Campaign source"], utm_medium: ["Campaign medium"], utm_campaign: ["Campaign"], utm_term: ["Campaign term"], utm_content: ["Campaign content"],
  }],
  ["Place", { city: ["City"], region: ["Region"], country: ["Country", (value) => `${country(value)} (${value})`], lat: ["Latitude"], lon: ["Longitude"], ip: ["IP address"] }],
  ["Agent", { browser: ["Browser"], os: ["System"], device: ["Device"], model: ["Model"], bot: ["Bot", (value) => YES[value] ?? value], useragent: ["User agent"] }],
  ["Visitor", { username: ["User name"], visitor: ["Visitor on this day"] }],
  ["Reported", { source: ["Source"], server: ["Server"], location: ["Location"], src_port: ["Source port"], dst_ip: ["Asked IP address"], dst_port: ["Asked port"], offset: ["Offset"], received: ["Received"], seq: ["Number"], truncated: ["Cut fields"] }],
];
const KNOWN = new Set([...GROUPS.flatMap(([, fields]) => Object.keys(fields)), "ts", "kind", "sampled"]);

function text(value) {
  if (Array.isArray(value)) return value.join(", ");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

function list(entries) {
  return el("dl", { class: "fields" }, ...entries.map(([name, value]) => el("div", {}, el("dt", {}, el("bdi", {}, name)), el("dd", {}, el("bdi", {}, value)))));
}

function group(name, entries) {
  return entries.length ? el("section", {}, el("h3", {}, name), list(entries)) : null;
}

/** The button that copies what `written()` gives; null where this browser can't copy (it needs HTTPS or this machine). */
function copier(written) {
  if (!navigator.clipboard) return null;
  const button = el("button", { class: "button", type: "button", "aria-live": "polite" }, "Copy as JSON");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(written());
      button.textContent = "Copied";
    } catch {
      button.textContent = "This browser does not let the page copy";
    }
    setTimeout(() => { button.textContent = "Copy as JSON"; }, COPIED_MS);
  });
  return button;
}

/**
 * Show `event`, as the API has it, until it is closed. `times` writes times in the web service's zone; `filter(view, key)`
 * narrows the page. The focus goes back to where it was.
 */
export function showDetail(event, times, filter) {
  const t = secondsOf(event.ts);
  const has = (name) => Object.hasOwn(event, name) && event[name] !== null && event[name] !== "";
  const groups = GROUPS.map(([name, fields]) =>
    group(name, Object.entries(fields).filter(([field]) => has(field)).map(([field, [called, write]]) => [called, write ? write(event[field]) : text(event[field])])),
  );
  const own = group("Fields of the sender's own", Object.entries(event).filter(([name]) => !KNOWN.has(name)).map(([name, value]) => [name, text(value)]));
  const { sampled, ...shown } = event;
  const tone = toneOf(event.status ?? 0);
  const close = el("button", { class: "button", type: "submit" }, "Close");
  const narrow = ["status", "country"].filter(has).map((view) => [view, String(event[view])]);
  if (has("path")) narrow.push(["url", event.path]);
  const dialog = el(
    "dialog",
    { class: "dialog detail", "aria-labelledby": "detail-title" },
    el(
      "form",
      { method: "dialog" },
      el("header", {}, el("h2", { id: "detail-title" }, has("status") ? el("b", { class: tone ? `tone-${tone}` : null }, `${event.status} `) : null, el("bdi", {}, event.url ?? "")), el("p", { class: "meta n" }, `${times.weekday(t)} ${times.dateOf(t)} ${times.second(t)}, ${times.zone.split("/").at(-1).replaceAll("_", " ")}`)),
      sampled ? el("p", { class: "notice" }, "One of a sample: more came than 25 in half a second, and of those the latest 25 were shown. All of them are counted.") : null,
      el("div", { class: "detail-fields" }, ...groups.slice(0, 4).filter(Boolean), own, groups[4]),
      el("p", { class: "dialog-buttons" }, ...narrow.map(([view, key]) => {
        const button = el("button", { class: "button quiet", type: "submit" }, view === "url" ? "Only this page" : view === "country" ? `Only ${country(key)}` : `Only ${key}`);
        button.addEventListener("click", () => filter(view, key));
        return button;
      }), copier(() => JSON.stringify(shown, null, 2)), close),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (press) => {
    if (press.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus({ preventScroll: true });
  return dialog;
}
