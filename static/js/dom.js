// SPDX-License-Identifier: GPL-3.0-or-later
// Makes elements. Text is only ever set as text: what strangers wrote is on these pages.

/** An element: el("td", {class: "n"}, "text", child, …). Attributes that are null or false are left out. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The parts that there are, with spaces between them: so they are read as words, also where they are laid out apart. */
export function spaced(...parts) {
  return parts.filter(Boolean).flatMap((part, at) => (at ? [" ", part] : [part]));
}

/** Set an element's text where it differs, so that nothing is laid out anew for the same figure. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A table of texts: `heads` name the columns, every column but the first holds figures. */
export function table(caption, heads, rows) {
  return el(
    "table",
    { class: "figures" },
    el("caption", { class: "visually-hidden" }, caption),
    el("thead", {}, el("tr", {}, ...heads.map((head, at) => el("th", { scope: "col", class: at ? "n" : null }, head)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, at) => el("td", { class: at ? "n" : null }, el("bdi", {}, cell)))))),
  );
}
