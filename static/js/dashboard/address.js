// SPDX-License-Identifier: GPL-3.0-or-later
// What is looked at, kept in the page's address and nowhere else: so it can be shared, reloaded and gone back to.

export class Address {
  constructor() {
    this._told = new Set();
    addEventListener("popstate", () => this._tell());
  }

  /** The value of `name`, null where the address doesn't say. */
  get(name) {
    return this._given.get(name);
  }

  /** Every value of `name`, in their order. */
  all(name) {
    return this._given.getAll(name);
  }

  /**
   * Set what `changes` names: a text, a list of texts, or null for what is usual and need not be said. A step that the
   * browser's Back undoes, unless `replace`. Everything that follows the address is told, also when nothing differs.
   */
  set(changes, { replace = false } = {}) {
    const given = this._given;
    for (const [name, value] of Object.entries(changes)) {
      given.delete(name);
      for (const one of Array.isArray(value) ? value : [value]) if (one !== null) given.append(name, one);
    }
    const search = given.size ? `?${given}` : "";
    if (search !== location.search) history[replace ? "replaceState" : "pushState"](null, "", search || location.pathname);
    this._tell();
  }

  /** Have `run()` called whenever the address has changed, by `set` or by the browser's Back and Forward. */
  follow(run) {
    this._told.add(run);
  }

  get _given() {
    return new URLSearchParams(location.search);
  }

  _tell() {
    for (const run of this._told) run();
  }
}
