// SPDX-License-Identifier: GPL-3.0-or-later
// Dots for the latest requests: one for what would touch, with a number from ten on, and a diamond where some failed.

import { theme } from "../theme.js";
import { radius } from "./places.js";

/** Draw dots ({x, y, requests, errors}), the largest last. `chosen` is one of them, or null. */
export function drawDots(context, dots, chosen = null) {
  for (const dot of [...dots].reverse()) draw(context, dot);
  if (!chosen) return;
  context.strokeStyle = theme.accent;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(chosen.x, chosen.y, radius(chosen.requests) + 4, 0, 2 * Math.PI);
  context.stroke();
}

/** The dot at a point, or a little beside it; null where there is none. */
export function dotAt(dots, x, y, slack = 4) {
  const away = (dot) => Math.hypot(dot.x - x, dot.y - y) - radius(dot.requests);
  const near = dots.filter((dot) => away(dot) <= slack);
  return near.length ? near.reduce((one, two) => (away(two) < away(one) ? two : one)) : null;
}

function draw(context, { x, y, requests, errors }) {
  const size = radius(requests);
  const failed = errors === requests && requests < 10;
  context.beginPath();
  if (failed) diamond(context, x, y, size + 2);
  else context.arc(x, y, size, 0, 2 * Math.PI);
  context.lineWidth = 4; // half of it is under the dot
  context.strokeStyle = theme.sunken;
  context.stroke();
  context.fillStyle = failed ? theme.bad : theme.dot;
  context.fill();
  if (requests >= 10) {
    context.fillStyle = theme.sunken;
    context.font = `600 ${requests >= 100 ? 10 : 9.5}px ${theme.sans}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(String(requests), x, y + 0.5);
  }
  if (!errors || failed) return;
  context.beginPath();
  diamond(context, x + size * 0.75, y - size * 0.75, 4);
  context.lineWidth = 3;
  context.strokeStyle = theme.sunken;
  context.stroke();
  context.fillStyle = theme.bad;
  context.fill();
}

function diamond(context, x, y, size) {
  context.moveTo(x, y - size);
  context.lineTo(x + size, y);
  context.lineTo(x, y + size);
  context.lineTo(x - size, y);
  context.closePath();
}
