// SPDX-License-Identifier: GPL-3.0-or-later
// On a phone: the toolbar is a sheet that comes up from below, and stands for two buttons; and the navigation at the
// bottom leads to the parts of the page.

import { el, say } from "../dom.js";

const NARROW = "(max-width: 719px)";
const LARGE_TAIL = "tail";

export class Sheet {
  constructor(address) {
    this._address = address;
    this._toolbar = document.querySelector(".toolbar");
    this._place = document.createComment("the toolbar, where there is room");
    this._period = el("b");
    this._count = el("span", { class: "count n", hidden: true });
    this._bar = el("div", { class: "phone-bar", hidden: true }, this._opener("sheet-period", this._period), this._opener("sheet-filters", "Filters", this._count));
    this._toolbar.before(this._bar, this._place);
    this._done = el("button", { class: "button primary", type: "submit" }, "Show");
    this._clear = el("button", { class: "quiet", type: "button", hidden: true }, "Clear");
    this._clear.addEventListener("click", () => address.set({ filter: null }));
    this._body = el("div", { class: "sheet-body" });
    // No <form> around the body: the toolbar has forms of its own.
    this._dialog = el("dialog", { class: "dialog sheet", "aria-labelledby": "sheet-title" }, el("header", {}, el("h2", { id: "sheet-title" }, "Filters and period"), this._clear), this._body, el("form", { method: "dialog" }, this._done));
    this._dialog.addEventListener("click", (event) => {
      if (event.target === this._dialog) this._dialog.close();
    });
    this._bar.after(this._dialog);
    const narrow = matchMedia(NARROW);
    narrow.addEventListener("change", () => this._arrange(narrow.matches));
    this._arrange(narrow.matches);
    new MutationObserver(() => this._tell()).observe(this._toolbar, { subtree: true, childList: true, characterData: true, attributeFilter: ["aria-pressed"] });
    address.follow(() => this._tell());
    this._navigate();
    this._tell();
  }

  _opener(name, ...inside) {
    const button = el("button", { class: `button ${name}`, type: "button", "aria-haspopup": "dialog" }, ...inside);
    button.addEventListener("click", () => this._open());
    return button;
  }

  _open() {
    this._dialog.showModal();
    this._tell();
    this._done.focus({ preventScroll: true });
  }

  /** Where there is room the toolbar is part of the page. */
  _arrange(narrow) {
    this._bar.hidden = !narrow;
    if (narrow) {
      this._body.append(this._toolbar);
      return;
    }
    if (this._dialog.open) this._dialog.close();
    this._place.after(this._toolbar);
  }

  _tell() {
    const chosen = document.querySelector("#periods [aria-pressed=true]");
    const custom = chosen?.dataset.period === "custom" || !chosen;
    say(this._period, custom ? document.getElementById("covered").textContent || "Period" : chosen.textContent);
    const filters = this._address.all("filter").length;
    say(this._count, String(filters));
    this._count.hidden = filters === 0;
    this._clear.hidden = filters === 0;
    const requests = document.querySelector('[data-tile="requests"] .tile-value b').textContent;
    say(this._done, /\d/.test(requests) ? `Show ${requests} ${requests === "1" ? "request" : "requests"}` : "Show");
  }

  // -- the navigation at the bottom ------------------------------------------------------------------------------------

  _navigate() {
    this._links = [...document.querySelectorAll(".phone-nav [data-to]")];
    for (const link of this._links) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this._go(link.dataset.to);
      });
    }
    this._address.follow(() => this._mark());
    this._mark();
  }

  _go(to) {
    if (to === LARGE_TAIL) {
      this._address.set({ large: LARGE_TAIL });
      scrollTo(0, 0);
      return;
    }
    if (this._address.get("large")) this._address.set({ large: null });
    if (to === "top") scrollTo(0, 0);
    else document.getElementById(to).scrollIntoView();
  }

  _mark() {
    const tail = this._address.get("large") === LARGE_TAIL;
    for (const link of this._links) {
      const here = link.dataset.to === (tail ? LARGE_TAIL : "top");
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }
}
