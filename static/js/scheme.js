// SPDX-License-Identifier: GPL-3.0-or-later
// Dark, light, or as the system has it: chosen in the account's menu, kept in a cookie that the server reads, so that the
// next page comes in these colours at once (src/tmon/server/dashboard/looks.py). All open pages change together.

const COOKIE = "tmon_scheme";
const YEAR_S = 31_536_000;
const MEDIA = { system: "(prefers-color-scheme: light), print", light: "all", dark: "print" }; // paper is white

const sheet = document.getElementById("light");
const meta = document.querySelector('meta[name="color-scheme"]');
const buttons = [...document.querySelectorAll("[data-choose]")];
const others = new BroadcastChannel(COOKIE);

/** Show the page in these colours; what is drawn on canvases follows the event. */
function show(scheme) {
  sheet.media = MEDIA[scheme];
  meta.content = scheme === "system" ? "dark light" : scheme;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.choose === scheme));
  dispatchEvent(new Event("schemechange"));
}

function choose(scheme) {
  const age = scheme === "system" ? 0 : YEAR_S;
  document.cookie = `${COOKIE}=${scheme}; path=/; max-age=${age}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  show(scheme);
  others.postMessage(scheme);
}

for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.choose));
for (const place of document.querySelectorAll("[data-scheme]")) place.hidden = false; // without scripts there is no choice
others.addEventListener("message", ({ data }) => {
  if (Object.hasOwn(MEDIA, data)) show(data);
});
