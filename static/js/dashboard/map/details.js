// SPDX-License-Identifier: GPL-3.0-or-later
// The card with what is known about a country or about the places of a dot, and what can be done with it.

import { el } from "../../dom.js";

export class Details {
  /** `card` is its element on the map. `closed()` is called when people have closed it. */
  constructor(card, closed) {
    this._card = card;
    this._closed = closed;
    this._model = null;
    this._from = null;
    card.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  get open() {
    return this._model !== null;
  }

  /**
   * Show what `model()` says: {badge, title, lead, figures: [[name, value, more]], rows: [{name, more, value, act}],
   * actions: [{text, act}]}, or null when there is nothing to say any more. `from` gets the focus back in the end.
   */
  show(model, from) {
    this._model = model;
    this._from = from;
    this._told = "";
    this.refresh();
    if (!this._model) return;
    this._card.querySelector("button").focus({ preventScroll: true });
    this._card.scrollIntoView({ block: "nearest" });
  }

  /** Say it again, where it has changed; what has the focus keeps it. */
  refresh() {
    if (!this._model) return;
    const said = this._model();
    if (!said) {
      this.close(false);
      return;
    }
    const told = JSON.stringify(said);
    if (told === this._told) return;
    this._told = told;
    const focused = this._card.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    const at = this._card.scrollTop;
    this._card.setAttribute("aria-label", said.title);
    this._card.replaceChildren(...this._parts(said));
    this._card.hidden = false;
    this._card.scrollTop = at;
    if (focused) (this._card.querySelector(`[data-act="${CSS.escape(focused)}"]`) ?? this._card.querySelector("button")).focus({ preventScroll: true });
  }

  /** Take it away. */
  close(back = true) {
    if (!this._model) return;
    const had = this._card.contains(document.activeElement);
    this._model = null;
    this._card.hidden = true;
    this._card.replaceChildren();
    if (back && had && this._from?.isConnected) this._from.focus({ preventScroll: true });
    this._closed();
  }

  _parts({ badge, title, lead, figures = [], rows = [], actions = [] }) {
    const close = this._button("×", "close", () => this.close(), "details-close");
    close.setAttribute("aria-label", "Close");
    return [
      el("header", { class: "details-head" }, badge ? el("span", { class: "badge" }, badge) : null, el("b", {}, el("bdi", {}, title)), close),
      lead ? el("p", { class: "meta" }, lead) : null,
      figures.length ? el("dl", { class: "details-figures" }, ...figures.flatMap(([name, value, more]) => [el("dt", {}, name), el("dd", {}, el("b", { class: "n" }, value), more ? el("span", { class: "n" }, more) : null)])) : null,
      rows.length ? el("ul", { class: "details-rows" }, ...rows.map((row, at) => this._row(row, at))) : null,
      actions.length ? el("p", { class: "details-actions" }, ...actions.map(({ text, act }) => this._button(text, text, act, "button"))) : null,
    ].filter((part) => part !== null);
  }

  _row({ name, more, value, act }, at) {
    const words = [el("bdi", {}, name), el("span", { class: "meta" }, more), el("b", { class: "n" }, value)];
    const button = this._button("", `row ${at}`, act, "details-row");
    button.append(...words);
    return el("li", {}, button);
  }

  _button(text, act, run, kind) {
    const button = el("button", { type: "button", class: kind, "data-act": act }, text);
    button.addEventListener("click", run);
    return button;
  }
}
