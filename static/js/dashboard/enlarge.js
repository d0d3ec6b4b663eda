// SPDX-License-Identifier: GPL-3.0-or-later
// A panel opens large: it takes the page's width, and the others go away until it is closed. Which one it is stands in
// the address. It can be put full screen as well.

import { el } from "../dom.js";
import { icon } from "./icons.js";
import { onKey } from "./keys.js";

/** What a panel is told by when it has become large or small again. */
export const RESIZED = "tmon-resized";

/** The place for buttons in the head of a panel. */
export function tools(panel) {
  const head = panel.querySelector(".panel-top, .graph-head");
  return head.querySelector(".tools") ?? head.appendChild(el("span", { class: "tools" }));
}

/** A button of a panel's head: a sign, and in words what it does. */
export function tool(name, words, press) {
  const button = el("button", { class: "tool", type: "button" }, icon(name));
  call(button, words);
  button.addEventListener("click", press);
  return button;
}

/** Say in words what a button with a sign does. */
export function call(button, words) {
  button.setAttribute("aria-label", words);
  button.title = words;
}

export class Enlarge {
  constructor(address) {
    this._address = address;
    this._page = document.getElementById("dashboard");
    this._panels = new Map();
    this._large = null;
    this._opener = null;
    this._scrolled = 0;
    this._for_screen = false;
    this._points = false;
    // The page's own parts come first: a view that has the name of one of them has to be called by its id.
    const all = [...this._page.querySelectorAll(".surface, .panel")];
    for (const panel of all.filter((one) => !one.dataset.view)) this._equip(panel, panel.dataset.large ?? panel.id);
    for (const panel of all.filter((one) => one.dataset.view)) this._equip(panel, this._panels.has(panel.dataset.view) ? panel.id : panel.dataset.view);
    onKey("Enter", () => this._key((panel) => this.toggle(panel)), { name: "Open a panel large" });
    onKey("T", () => this._key(tabulate), { name: "Panel in focus, or else the graph, as a table" });
    onKey("F", () => this._key((panel) => this._fill(panel)), { name: "Full screen" });
    onKey("Escape", () => (this._large ? this.close() : false), { name: "Close, back" });
    document.addEventListener("pointermove", () => (this._points = true), { passive: true });
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Tab") this._points = false;
    });
    document.addEventListener("fullscreenchange", () => this._filled());
    address.follow(() => this._show());
    this._show();
  }

  /** Open this panel large, or close it. */
  toggle(panel) {
    if (panel === this._large) this.close();
    else this._address.set({ large: this._name(panel) });
  }

  close() {
    this._address.set({ large: null });
  }

  _equip(panel, name) {
    this._panels.set(name, panel);
    const title = called(panel);
    const screen = tool("screen", `${title}: full screen`, () => this._fill(panel));
    screen.classList.add("to-screen");
    screen.hidden = !document.fullscreenEnabled;
    const large = tool("enlarge", `${title}: open large`, () => this.toggle(panel));
    large.classList.add("to-large");
    tools(panel).append(screen, large);
    panel.tabIndex = -1;
  }

  _name(panel) {
    return [...this._panels].find(([, one]) => one === panel)[0];
  }

  /** What a key is about: the panel under the pointer or the one with the focus, whichever was moved last. */
  _key(act) {
    const all = [...this._panels.values()];
    const focused = all.find((one) => one.contains(document.activeElement));
    const pointed = all.find((one) => one.matches(":hover"));
    const panel = (this._points ? pointed ?? focused : focused ?? pointed) ?? this._large;
    if (!panel) return false;
    act(panel);
    return true;
  }

  _show() {
    const panel = this._panels.get(this._address.get("large") ?? "") ?? null;
    const before = this._large;
    if (panel === before) return;
    this._large = panel;
    if (!before) {
      this._opener = document.activeElement;
      this._scrolled = scrollY;
    }
    this._page.classList.toggle("one-large", panel !== null);
    for (const one of [before, panel]) if (one) this._turn(one, one === panel);
    if (panel) {
      scrollTo(0, 0);
      if (!panel.contains(document.activeElement)) panel.focus({ preventScroll: true });
      return;
    }
    if (document.fullscreenElement === before) document.exitFullscreen();
    scrollTo(0, this._scrolled);
    const back = this._opener?.isConnected && this._opener !== document.body ? this._opener : before.querySelector(".to-large");
    back.focus({ preventScroll: true });
  }

  _turn(panel, large) {
    panel.classList.toggle("large", large);
    const button = panel.querySelector(".to-large");
    button.replaceChildren(icon(large ? "shrink" : "enlarge"));
    call(button, `${called(panel)}: ${large ? "close" : "open large"}`);
    panel.dispatchEvent(new CustomEvent(RESIZED));
  }

  // -- full screen -----------------------------------------------------------------------------------------------------

  async _fill(panel) {
    if (document.fullscreenElement) {
      await document.exitFullscreen();
      return;
    }
    if (!document.fullscreenEnabled) return;
    const alone = panel !== this._large;
    try {
      await panel.requestFullscreen();
    } catch (error) {
      console.info(`full screen: ${error.message}`); // the browser's choice, and nothing is lost
      return;
    }
    this._for_screen = alone;
    if (alone) this.toggle(panel);
  }

  /** What was opened large for the full screen closes with it. */
  _filled() {
    const on = document.fullscreenElement !== null;
    for (const panel of this._panels.values()) call(panel.querySelector(".to-screen"), `${called(panel)}: ${on ? "leave full screen" : "full screen"}`);
    if (on || !this._for_screen) return;
    this._for_screen = false;
    if (this._large) this.close();
  }
}

/** What a panel is called; its head may say what it shows now. */
function called(panel) {
  return panel.dataset.title ?? panel.querySelector("h2").textContent;
}

/** Show a panel's figures as a table, or no longer. */
function tabulate(panel) {
  const button = panel.querySelector("[data-table]");
  if (button) {
    button.click();
    return;
  }
  const details = panel.querySelector("details.as-table");
  if (!details) return;
  details.open = !details.open;
  if (details.open) details.scrollIntoView({ block: "nearest" });
}
