// SPDX-License-Identifier: GPL-3.0-or-later
// The views that there are, as the page names them: those with a panel and those without.

export class Views {
  constructor() {
    this._all = new Map();
    for (const { value, textContent, dataset } of document.querySelectorAll("#filter-view option")) {
      this._all.set(value, { name: value, title: textContent, classes: dataset.classes !== undefined });
    }
  }

  /** {name, title, classes} of the view with this name; undefined if there is none. */
  get(name) {
    return this._all.get(name);
  }
}
