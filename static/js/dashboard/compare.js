// SPDX-License-Identifier: GPL-3.0-or-later
// Whether the period is compared with the one before, and what is said where there is nothing to compare with.

import { say } from "../dom.js";
import { onKey } from "./keys.js";

export class Compare {
  /** Kept in `address`, as `compare=0` where it is off. */
  constructor(address) {
    this._address = address;
    this._box = document.getElementById("compare");
    this._with = document.getElementById("compare-with");
    this._box.addEventListener("change", () => this._set(this._box.checked));
    onKey("C", () => this._set(!this.on), { name: "Compare with the period before" });
    address.follow(() => this._show());
    this._show();
  }

  get on() {
    return this._address.get("compare") !== "0";
  }

  /** What is compared with, and whether there is anything: true, false, or null where that is not known yet. */
  about(called, found) {
    say(this._with, found === false && this.on ? `${called}: no data` : called);
  }

  _set(on) {
    this._address.set({ compare: on ? null : "0" });
  }

  _show() {
    this._box.checked = this.on;
  }
}
