// SPDX-License-Identifier: GPL-3.0-or-later
// The small drawings in tiles: a line for a period, bars for the last minute.

import { fitted, theme } from "./theme.js";

/** A line of `values` (null where there is none) from 0 up, with a fade under it; `before` is dashed. */
export function line(canvas, values, before = []) {
  const { context, width, height } = fitted(canvas);
  const known = [...values, ...before].filter((value) => value !== null && value !== undefined);
  if (values.length < 2 || !known.length || !width) return;
  const most = Math.max(...known) || 1;
  const y = (value) => height - 2 - (value / most) * (height - 5);
  const trace = (list, length) => {
    const path = new Path2D();
    let pen = false;
    list.forEach((value, at) => {
      if (value === null || value === undefined) {
        pen = false;
        return;
      }
      const x = (at / (length - 1)) * width;
      if (pen) path.lineTo(x, y(value));
      else path.moveTo(x, y(value));
      pen = true;
    });
    return path;
  };
  if (before.length > 1) {
    context.strokeStyle = theme.ghost;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.stroke(trace(before, values.length));
    context.setLineDash([]);
  }
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.stroke(trace(values, values.length));
}

/** A bar for each of `values`, the latest on the right and brightest. */
export function bars(canvas, values) {
  const { context, width, height } = fitted(canvas);
  if (!values.length || !width) return;
  const most = Math.max(...values) || 1;
  const step = width / values.length;
  context.fillStyle = theme.accent;
  values.forEach((value, at) => {
    const tall = value ? Math.max(2, (value / most) * height) : 1;
    context.globalAlpha = 0.3 + 0.7 * (at / values.length);
    context.fillRect(at * step, height - tall, Math.max(1, step - 1.5), tall);
  });
}
