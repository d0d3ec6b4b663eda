// SPDX-License-Identifier: GPL-3.0-or-later
// What a wall can show, and how it is laid out: up to six areas in one or two rows. Figures that follow each other are
// one area. The names are those of the address: `show=now,map,visitors,errors,graph,country`.

export const MOST_AREAS = 6;
/** In one column. */
const MOST_FIGURES = 4;
export const USUAL = ["now", "map", "visitors", "errors", "p95", "graph", "country"];
const LARGE = new Set(["graph", "map", "tail"]);

/** All that this page could show: [{name, called, kind}] in the order of the page; kind is "now", "figure", "large" or "ranking". */
export function available() {
  const tiles = [...document.querySelectorAll("[data-tile]")].map((tile) => {
    const name = tile.dataset.tile;
    return { name, called: tile.querySelector(".tile-name").textContent, kind: name === "now" ? "now" : "figure" };
  });
  const large = [["graph", "Graph"], ["map", "Map"], ["tail", "Requests as they come"]].filter(([name]) => document.getElementById(name)).map(([name, called]) => ({ name, called, kind: "large" }));
  const rankings = [...document.querySelectorAll("[data-view]")].map(({ dataset }) => ({ name: dataset.view, called: dataset.title, kind: "ranking" }));
  const taken = new Set([...tiles, ...large].map(({ name }) => name));
  return [...tiles, ...large, ...rankings.filter(({ name }) => !taken.has(name))];
}

/** The areas for these names, those that there are: [{kind, names}]; kind as above, or "figures" for several. */
export function areasOf(names) {
  const kinds = new Map(available().map(({ name, kind }) => [name, kind]));
  const areas = [];
  for (const name of new Set(names)) {
    const kind = kinds.get(name);
    const last = areas.at(-1);
    if (!kind) continue;
    if (kind !== "figure") areas.push({ kind: LARGE.has(name) ? name : kind, names: [name] });
    else if (last?.kind === "figures" && last.names.length < MOST_FIGURES) last.names.push(name);
    else areas.push({ kind: "figures", names: [name] });
  }
  return areas.slice(0, MOST_AREAS);
}

/** The areas in rows: up to three in one, else the larger half above. */
export function rowsOf(areas) {
  if (areas.length <= 3) return areas.length ? [areas] : [];
  const above = Math.ceil(areas.length / 2);
  return [areas.slice(0, above), areas.slice(above)];
}
