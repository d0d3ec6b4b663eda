// SPDX-License-Identifier: GPL-3.0-or-later
// The donut of a panel: at most four slices, the rest merged.

import { fitted, theme } from "./theme.js";

export const SLICES = 4;
export const OPACITIES = [1, 0.55, 0.3, 0.16];
const GAP = 0.03;

/** Draw `values`, the largest slice from the top clockwise; `middle` is [large text, small text]. */
export function donut(canvas, values, middle) {
  const { context, width, height } = fitted(canvas);
  const all = values.reduce((sum, value) => sum + value, 0);
  if (!all || !width) return;
  const [x, y] = [width / 2, height / 2];
  const outer = Math.min(width, height) / 2 - 1;
  const inner = outer * 0.64;
  let from = -Math.PI / 2;
  context.fillStyle = theme.accent;
  values.forEach((value, at) => {
    const to = from + (value / all) * 2 * Math.PI;
    const gap = value === all ? 0 : Math.min(GAP, (to - from) / 3);
    context.globalAlpha = OPACITIES[at];
    context.beginPath();
    context.arc(x, y, outer, from + gap / 2, to - gap / 2);
    context.arc(x, y, inner, to - gap / 2, from + gap / 2, true);
    context.closePath();
    context.fill();
    from = to;
  });
  context.globalAlpha = 1;
  context.textAlign = "center";
  context.fillStyle = theme.text;
  context.font = `600 20px ${theme.sans}`;
  context.fillText(middle[0], x, y + 3);
  context.fillStyle = theme["text-2"];
  context.font = `400 12px ${theme.sans}`;
  const room = inner * 1.7;
  let small = middle[1];
  while (small.length > 1 && context.measureText(small).width > room) small = `${small.slice(0, -2)}…`;
  context.fillText(small, x, y + 20);
}
