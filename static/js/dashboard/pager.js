// SPDX-License-Identifier: GPL-3.0-or-later
// Goes from page to page of a panel that has more keys than one page.

import { el, say } from "../dom.js";
import { count } from "../numbers.js";
import { icon } from "./icons.js";

export class Pager {
  /** `turn(offset)` is called where another page is wanted, which begins with that key; `size` keys are a page. */
  constructor(title, size, turn) {
    this._size = size;
    this._turn = turn;
    this._offset = 0;
    this._keys = 0;
    this._words = el("span", { class: "n", role: "status" });
    this._back = this._button("back", "Previous page", -1);
    this._forward = this._button("forward", "Next page", 1);
    this.element = el("nav", { class: "pager", "aria-label": `Pages of ${title}`, hidden: true }, this._back, this._words, this._forward);
  }

  /** Say which keys are shown: `shown` of `keys`, from `offset` on. */
  show(offset, shown, keys) {
    Object.assign(this, { _offset: offset, _keys: keys });
    this.element.hidden = false;
    say(this._words, keys > shown && shown ? `${count(offset + 1)}–${count(offset + shown)} of ${count(keys)}` : `${count(keys)} in all`);
    for (const [button, step] of [[this._back, -1], [this._forward, 1]]) {
      button.hidden = keys <= this._size;
      button.setAttribute("aria-disabled", String(this._at(step) === null)); // a disabled one would lose the focus
    }
  }

  hide() {
    this.element.hidden = true;
  }

  _button(sign, words, step) {
    const button = el("button", { class: "tool", type: "button", "aria-label": words, title: words }, icon(sign));
    button.addEventListener("click", () => {
      const at = this._at(step);
      if (at !== null) this._turn(at);
    });
    return button;
  }

  /** Where the page that is so many pages on begins; null where there is none. */
  _at(step) {
    const at = this._offset + step * this._size;
    return at >= 0 && at < this._keys ? at : null;
  }
}
