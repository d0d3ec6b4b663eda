// SPDX-License-Identifier: GPL-3.0-or-later
// "Share" leads to where share links are made, and takes along the period and the filters that are looked at.

import { periodOf } from "./period.js";

/** What a share link can begin with: the period and the filters, as the page's own address has them. */
export function shareable(address, times) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(periodOf(address, times).address)) if (value !== null) given.append(name, value);
  for (const filter of address.all("filter")) given.append("filter", filter);
  return given.size ? `?${given}` : "";
}

/** Keep the page's link, which only managers have, up to date with the address. */
export function offerShare(address, times) {
  const link = document.getElementById("share");
  if (!link) return;
  const to = link.getAttribute("href");
  const follow = () => link.setAttribute("href", `${to}${shareable(address, times)}`);
  address.follow(follow);
  follow();
}
