// SPDX-License-Identifier: GPL-3.0-or-later
// The keys of the page. Each module registers its own; `?` lists them all. Those that are a single character can be
// switched off (WCAG 2.1.4), for this browser.

import { el } from "../dom.js";

const KEPT = "tmon_keys";
const OFF = "off";
/** In this order the help lists them; others follow. */
const ORDER = ["/", "S", "1", "ArrowLeft", "C", "M", "U", "Space", "A", "Enter", "T", "F", "W", "Escape", "?"];
const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
/** Where these keys do something by themselves. */
const TYPED = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";
const PRESSED = "a[href], button, summary, input, [role=button], [role=tab], [role=menuitem], [role=slider]";
const MOVED_IN = "input, [role=tablist], [role=slider], [role=menu], [data-arrows]";
/** These are no characters and stay when characters are switched off. */
const NAMED = new Set(["Escape", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

const registered = [];

/**
 * Have `run(event)` called when one of `keys` is pressed: a letter in capitals ("W"), another character ("/"), "Space",
 * or a name as in KeyboardEvent.key ("Escape"). `name` is what the help says; without it the help is silent. `shown` is
 * how it writes the keys, where that is not obvious ("1 … 9").
 *
 * Not while somebody types, not where a dialog is open (unless `anywhere`), and not where the key does something by
 * itself: Space and Enter on a button, arrows inside an element with `data-arrows`. Where `run` returns false the key is
 * not its business now, and the one that was registered before is asked. Returns a function that takes the key back.
 */
export function onKey(keys, run, { name = "", shown = "", anywhere = false } = {}) {
  const one = { keys: [keys].flat(), run, name, shown, anywhere };
  registered.push(one);
  return () => registered.splice(registered.indexOf(one), 1);
}

/** Whether single characters are keys now. */
export function keysAreOn() {
  try {
    return localStorage.getItem(KEPT) !== OFF;
  } catch {
    return true; // nothing is kept where the browser keeps nothing
  }
}

function switchKeys(on) {
  try {
    if (on) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, OFF);
  } catch {
    // as above
  }
}

function named(event) {
  if (event.key === " ") return "Space";
  return event.key.length === 1 ? event.key.toUpperCase() : event.key;
}

function taken(key, target) {
  if (!(target instanceof Element)) return false;
  if (target.closest(TYPED)) return true;
  if (key === "Space" || key === "Enter") return target.closest(PRESSED) !== null;
  return key.startsWith("Arrow") && target.closest(MOVED_IN) !== null;
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  const key = named(event);
  if ((!NAMED.has(key) && !keysAreOn()) || taken(key, event.target)) return;
  const dialog = document.querySelector("dialog:modal") !== null;
  for (const one of registered.toReversed()) {
    if (!one.keys.includes(key) || (dialog && !one.anywhere) || one.run(event) === false) continue;
    event.preventDefault();
    return;
  }
}

addEventListener("keydown", pressed);

// -- the help -----------------------------------------------------------------------------------------------------------

function place({ keys }) {
  const at = ORDER.indexOf(keys[0]);
  return at < 0 ? ORDER.length : at;
}

function written({ keys, shown }) {
  return (shown || keys.map((key) => SHOWN[key] ?? key).join(" ")).split(" ").map((part) => (part === "…" ? " … " : el("kbd", {}, part)));
}

/** A dialog that lists the keys, with a switch. */
function help() {
  const seen = new Set();
  const rows = registered
    .filter(({ name }) => name && !seen.has(name) && seen.add(name))
    .sort((one, other) => place(one) - place(other))
    .map((one) => el("div", {}, el("dt", {}, one.name), el("dd", {}, ...written(one))));
  const box = el("input", { type: "checkbox", role: "switch", id: "keys-on" });
  box.checked = keysAreOn();
  box.addEventListener("change", () => switchKeys(box.checked));
  const close = el("button", { class: "button", type: "submit" }, "Close");
  const dialog = el(
    "dialog",
    { class: "dialog keys-help", "aria-labelledby": "keys-title" },
    el("form", { method: "dialog" }, el("h2", { id: "keys-title" }, "Keys"), el("dl", { class: "keys" }, ...rows), el("label", { class: "switch", for: "keys-on" }, box, el("span", {}, "Keys of a single character are on in this browser")), el("p", { class: "dialog-buttons" }, close)),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

onKey("?", help, { name: "Help" });
for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", help);

const switcher = document.querySelector("details.switcher");
if (switcher) {
  onKey("S", () => {
    switcher.open = true;
    switcher.querySelector("nav a").focus();
  }, { name: "Switch web service" });
}
