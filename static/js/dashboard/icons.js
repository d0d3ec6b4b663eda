// SPDX-License-Identifier: GPL-3.0-or-later
// Signs on buttons. Each is a path on 16 × 16, drawn as a line; the button says in words what it does.

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  add: "M8 3.5v9M3.5 8h9",
  back: "M10 3.5 5.5 8l4.5 4.5",
  close: "m4 4 8 8m0-8-8 8",
  enlarge: "M9.5 2.5h4v4m0-4L9 7M6.5 13.5h-4v-4m0 4L7 9",
  exclude: "M13.5 8a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0ZM4.2 4.2l7.6 7.6",
  forward: "M6 3.5 10.5 8 6 12.5",
  screen: "M2.5 6V2.5H6m4 0h3.5V6m0 4v3.5H10m-4 0H2.5V10",
  search: "M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0Zm-1.3 3.2L14 14",
  shrink: "M13.5 2.5 9 7m0-4v4h4M2.5 13.5 7 9m0 4V9H3",
  table: "M2.5 3.5h11v9h-11zm0 3h11m-11 3h11m-7-3v6",
};

/** The sign with this name, hidden from those who are read to. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of Object.entries({ class: "sign", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" })) svg.setAttribute(key, value);
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
