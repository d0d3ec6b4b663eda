// SPDX-License-Identifier: GPL-3.0-or-later
// What the wall is to show: a dialog before it begins.

import { el, say } from "../../dom.js";
import { MOST_AREAS, areasOf, available } from "./areas.js";

const KINDS = [["Figures", ["now", "figure"]], ["Large", ["large"]], ["Rankings", ["ranking"]]];

/** Ask what to show, with `names` ticked; `chosen(names, full)` is told what and whether on the full screen. */
export function choose(names, chosen) {
  const all = available();
  const boxes = new Map();
  // What is ticked anew comes last; what was there keeps its order.
  const order = [...names];
  const note = el("p", { class: "meta", role: "status" });
  const show = el("button", { class: "button primary", type: "submit", value: "show" }, "Show");
  const full = el("input", { type: "checkbox", role: "switch", id: "wall-full", checked: true });
  const count = () => {
    const { length } = areasOf(order);
    say(note, `${length} of at most ${MOST_AREAS} areas. Figures that follow each other are one.`);
    show.disabled = length === 0;
    for (const [name, box] of boxes) box.disabled = !box.checked && areasOf([...order, name]).flatMap((area) => area.names).length === areasOf(order).flatMap((area) => area.names).length;
  };
  const tick = (name, box) => {
    if (box.checked) order.push(name);
    else order.splice(order.indexOf(name), 1);
    count();
  };
  const groups = KINDS.map(([title, kinds]) =>
    el("fieldset", {}, el("legend", {}, title), ...all.filter(({ kind }) => kinds.includes(kind)).map(({ name, called }) => {
      const box = el("input", { type: "checkbox", checked: order.includes(name) });
      box.addEventListener("change", () => tick(name, box));
      boxes.set(name, box);
      return el("label", { class: "tickbox" }, box, called);
    })),
  );
  const dialog = el(
    "dialog",
    { class: "dialog wall-chooser", "aria-labelledby": "wall-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "wall-title" }, "On the wall"),
      el("p", { class: "meta" }, "For a large screen that people look at from afar: no controls, a clock, and how old the data is. Escape leaves it."),
      el("div", { class: "wall-choices" }, ...groups),
      note,
      document.fullscreenEnabled ? el("label", { class: "switch", for: "wall-full" }, full, el("span", {}, "Full screen")) : null,
      el("p", { class: "dialog-buttons" }, el("button", { class: "button", type: "submit", value: "" }, "Cancel"), show),
    ),
  );
  count();
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "show") chosen(areasOf(order).flatMap((area) => area.names), document.fullscreenEnabled && full.checked);
  });
  document.body.append(dialog);
  dialog.showModal();
  show.focus({ preventScroll: true });
}
