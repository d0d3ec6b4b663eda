// SPDX-License-Identifier: GPL-3.0-or-later
// What people note about moments: asked for with the period, and written by managers in a dialog.

import { el, say } from "../dom.js";
import { onKey } from "./keys.js";
import { secondsOf } from "./times.js";

const EVERY_MS = 30_000;

export class Annotations {
  /**
   * `ask` asks the API and tells it, `times` knows the zone, `changed(list)` is called with what there is in the period,
   * {id, t (Unix seconds), text, by}. `moment()` is the time that somebody points at, in Unix seconds, or null.
   */
  constructor({ ask, times, changed, moment }) {
    this._ask = ask;
    this._times = times;
    this._changed = changed;
    this._moment = moment;
    this._list = [];
    this._asked = "";
    this._asked_at = -Infinity;
    this._editing = null;
    this._dialog = document.getElementById("annotation");
    this._form = this._dialog.querySelector("form");
    this._manages = this._form.dataset.manages !== undefined;
    this._form.addEventListener("submit", (event) => this._submit(event));
    this._dialog.addEventListener("click", (event) => {
      if (event.target === this._dialog) this._dialog.close();
    });
    for (const [name, run] of [["close", () => this._dialog.close()], ["delete", () => this._ask_whether(true)], ["keep", () => this._ask_whether(false)], ["gone", () => this._delete()]]) {
      for (const button of this._dialog.querySelectorAll(`[data-do="${name}"]`)) button.addEventListener("click", run);
    }
    const button = document.getElementById("annotate");
    if (!this._manages || !button) return;
    button.addEventListener("click", () => this.add());
    onKey("A", () => this.add(), { name: "Annotate" });
  }

  /** Ask for what was noted in the period of `parameters`, where that is another one or it is time again. */
  async update({ from, to }, signal) {
    const asked = JSON.stringify([from, to]);
    if (asked === this._asked && performance.now() - this._asked_at < EVERY_MS) return;
    this._asked_at = performance.now();
    try {
      const { results } = await this._ask("annotations", to ? { from, to } : { from }, signal);
      this._asked = asked;
      this._parameters = { from, to };
      this._list = results.map((one) => ({ ...one, t: secondsOf(one.t) }));
      this._changed(this._list);
    } catch (error) {
      this._asked_at = -Infinity;
      throw error;
    }
  }

  /** Have a manager note something: about the time that is pointed at, or now. */
  add() {
    this._edit({ id: null, t: this._moment() ?? Math.floor(Date.now() / 1000), text: "", by: null });
  }

  /** Show these: one as it is, of several a list to choose from. */
  open(annotations) {
    if (annotations.length === 1) {
      this._edit(annotations[0]);
      return;
    }
    this._head("Noted here");
    const rows = annotations.map((one) => {
      const row = el("button", { type: "button", class: "noted" }, el("time", {}, this._times.moment(one.t)), el("bdi", {}, one.text));
      row.addEventListener("click", () => this._edit(one));
      return el("li", {}, row);
    });
    this._several.replaceChildren(...rows);
    this._parts({ several: true });
    this._show();
  }

  get _several() {
    return this._dialog.querySelector(".noted-list");
  }

  _edit(one) {
    this._editing = one;
    const made = one.id === null;
    this._head(made ? "Annotate the graphs" : this._manages ? "Change this annotation" : "Annotation");
    const { t, text } = this._form.elements;
    t.value = this._times.clock(one.t);
    text.value = one.text;
    t.readOnly = text.readOnly = !this._manages;
    say(this._dialog.querySelector(".noted-by"), made ? "" : `Noted by ${one.by ?? "somebody whose account is gone"}. Everybody who sees these graphs sees it.`);
    this._parts({ form: true });
    this._show();
    text.focus();
  }

  _head(title) {
    say(this._dialog.querySelector("h2"), title);
    this._fail("");
  }

  /** Which parts of the dialog are there. */
  _parts({ form = false, several = false, sure = false }) {
    this._dialog.querySelector(".noted-fields").hidden = !form;
    this._several.hidden = !several;
    this._dialog.querySelector(".noted-sure").hidden = !sure;
    for (const [name, seen] of [["save", form && this._manages], ["delete", form && this._manages && this._editing?.id !== null], ["close", !sure], ["keep", sure], ["gone", sure]]) {
      for (const button of this._dialog.querySelectorAll(`[data-do="${name}"]`)) button.hidden = !seen;
    }
  }

  _show() {
    if (!this._dialog.open) this._dialog.showModal();
  }

  _fail(text) {
    const place = this._dialog.querySelector(".field-error");
    place.hidden = !text;
    say(place, text);
  }

  _ask_whether(sure) {
    this._fail("");
    this._parts(sure ? { sure } : { form: true });
    say(this._dialog.querySelector(".noted-sure bdi"), this._editing.text);
    this._dialog.querySelector(`[data-do="${sure ? "keep" : "delete"}"]`).focus();
  }

  async _submit(event) {
    event.preventDefault();
    if (!this._manages) return;
    const { t, text } = this._form.elements;
    if (!text.value.trim()) {
      this._fail("Say what happened.");
      text.focus();
      return;
    }
    if (!t.value) {
      this._fail("Say when it happened.");
      t.focus();
      return;
    }
    const content = { t: t.value, text: text.value };
    // Of a time that the clock there shows twice the browser's form can't say which; what is not changed stays.
    if (this._editing.id !== null && t.value === this._times.clock(this._editing.t)) delete content.t;
    await this._send(this._editing.id === null ? "annotations" : `annotations/${this._editing.id}`, "POST", content);
  }

  _delete() {
    return this._send(`annotations/${this._editing.id}`, "DELETE", null);
  }

  async _send(path, method, content) {
    const buttons = [...this._dialog.querySelectorAll(".dialog-buttons button")];
    for (const button of buttons) button.disabled = true;
    try {
      await this._ask.tell(path, method, content, this._form.elements.csrfmiddlewaretoken.value);
      this._dialog.close();
      this._asked = "";
      if (this._parameters) await this.update(this._parameters, null).catch(() => {}); // the next round asks again
    } catch (error) {
      this._fail(error.message);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }
}
