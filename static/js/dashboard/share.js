// SPDX-License-Identifier: GPL-3.0-or-later
// "Share" leads to where share links are made, and takes along the period and the filters that are looked at.

/** What a share link can begin with: the periods that have a name, and filters. */
export function shareable(address) {
  const period = address.get("period");
  const given = new URLSearchParams(period === null || period === "custom" ? [] : [["period", period]]);
  for (const filter of address.all("filter")) given.append("filter", filter);
  return given.size ? `?${given}` : "";
}

/** Keep the page's link, which only managers have, up to date with the address. */
export function offerShare(address) {
  const link = document.getElementById("share");
  if (!link) return;
  const to = link.getAttribute("href");
  const follow = () => link.setAttribute("href", `${to}${shareable(address)}`);
  address.follow(follow);
  follow();
}
