// SPDX-License-Identifier: GPL-3.0-or-later
// The small drawings in tiles: a line for a period, bars for the last minute.

import { fitted, theme } from "./theme.js";

/** The places in `list` whose value has none beside it, so that no line goes through them. */
export function lone(list) {
  const known = (at) => list[at] !== null && list[at] !== undefined;
  return [...list.keys()].filter((at) => known(at) && !known(at - 1) && !known(at + 1));
}

/**
 * A line of `values` (null where there is none) from 0 up; `before` is dashed. Only the first `over` of them are of time
 * that is over: the time of the next one is hatched, and the line towards it dotted. `marks` are places from 0 to 1.
 */
export function line(canvas, values, before = [], over = values.length, marks = []) {
  const { context, width, height } = fitted(canvas);
  const known = [...values, ...before].filter((value) => value !== null && value !== undefined);
  if (values.length < 2 || !known.length || !width) return;
  const most = Math.max(...known) || 1;
  const y = (value) => height - 2 - (value / most) * (height - 5);
  const x = (at) => (at / (values.length - 1)) * width;
  const trace = (list) => {
    const path = new Path2D();
    let pen = false;
    list.forEach((value, at) => {
      if (value === null || value === undefined) {
        pen = false;
        return;
      }
      if (pen) path.lineTo(x(at), y(value));
      else path.moveTo(x(at), y(value));
      pen = true;
    });
    return path;
  };
  context.fillStyle = theme["line-strong"];
  for (const mark of marks) context.fillRect(Math.min(width - 1, mark * width), 0, 1, height);
  if (before.length > 1) {
    context.strokeStyle = theme.ghost;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.stroke(trace(before));
    context.setLineDash([]);
  }
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  const whole = values.slice(0, over);
  context.stroke(trace(whole));
  context.fillStyle = theme.accent;
  for (const at of lone(whole)) context.fillRect(x(at) - 1, y(values[at]) - 1, 2, 2);
  if (over === values.length) return;
  hatch(context, Math.min(x(over - 1), width - 6), 0, width, height, theme["line-strong"], 4);
  context.setLineDash([1, 2]);
  context.stroke(trace(values.map((value, at) => (at === over - 1 || at === over ? value : null))));
  context.setLineDash([]);
}

/** Oblique lines, `apart` units from each other, over a rectangle from `left` to `right`. */
export function hatch(context, left, top, right, height, colour, apart, width = 1) {
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  for (let x = left - height; x < right; x += apart) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
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
