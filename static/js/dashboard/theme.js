// SPDX-License-Identifier: GPL-3.0-or-later
// The colours of the style sheet, and the scale of the wall, for what is drawn on a canvas; read again when they change.

const NAMES = [
  "bg", "surface", "raised", "sunken", "line", "line-strong", "text", "text-2", "text-3", "accent", "on-accent",
  "bad", "warn", "ghost", "m0", "m1", "m2", "m3", "m4", "m5", "dot", "sans", "mono",
];
const listeners = new Set();

function read() {
  const style = getComputedStyle(document.body);
  const colours = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  return { ...colours, scale: parseFloat(style.getPropertyValue("--scale")) || 1 };
}

export let theme = read();

/** Call `listener()` when the colours change: another scheme, or a page that turns stale. */
export function onTheme(listener) {
  listeners.add(listener);
}

function changed() {
  theme = read();
  for (const listener of listeners) listener();
}

for (const query of ["(prefers-color-scheme: light)", "(forced-colors: active)", "print"]) {
  matchMedia(query).addEventListener("change", changed);
}
addEventListener("schemechange", changed);
new MutationObserver(changed).observe(document.body, { attributes: true, attributeFilter: ["class"] });

/** The sizes of canvases in CSS pixels: asking for them while drawing would have the page laid out each time. */
const sizes = new WeakMap();
const measured = new ResizeObserver((entries) => {
  let other = false;
  for (const { target } of entries) {
    const { width, height } = sizes.get(target);
    if (target.clientWidth === width && target.clientHeight === height) continue;
    sizes.set(target, { width: target.clientWidth, height: target.clientHeight });
    other = true;
  }
  if (other) changed(); // it may have been drawn in the size that it had
});

function sizeOf(canvas) {
  if (!sizes.has(canvas)) {
    sizes.set(canvas, { width: canvas.clientWidth, height: canvas.clientHeight });
    measured.observe(canvas);
  }
  return sizes.get(canvas);
}

/** Make a canvas as large as its place on the screen, in device pixels; returns {context, width, height} in CSS pixels. */
export function fitted(canvas) {
  const ratio = (devicePixelRatio || 1) * (canvas.currentCSSZoom ?? 1);
  const { width, height } = sizeOf(canvas);
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (matchMedia("print").matches) {
    // On paper Chromium clears what lies under the canvas, too, but not where nothing is painted over everything.
    context.globalCompositeOperation = "copy";
    context.fillStyle = "transparent";
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  } else {
    context.clearRect(0, 0, width, height);
  }
  return { context, width, height, ratio };
}
