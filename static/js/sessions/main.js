// SPDX-License-Identifier: GPL-3.0-or-later
// The page of who uses what now: asks once a second while it is seen, and lets the counters run in between.

import { asking, inTurn, NoAnswer, SomebodyElse } from "../ask.js";
import { Address } from "../dashboard/address.js";
import { timesIn } from "../dashboard/times.js";
import { el, say } from "../dom.js";
import { age, count } from "../numbers.js";
import { Active } from "./active.js";
import { Analyses } from "./analyses.js";
import { Limits } from "./limits.js";
import { Warnings } from "./warnings.js";
import { comparison, HOURS } from "./week.js";
import { keyOf } from "./words.js";

const EVERY_MS = 1000;
const UNSEEN_MS = 10_000;
const STALE_MS = 5000;
const CATALOGUE_MS = 60_000;
const WEEK_MS = 300_000;
const REFUSED = new Set([401, 403, 404]);
const MOST_RECORDS = 1000;

const page = document.getElementById("live-sessions");
const manages = "manages" in page.dataset;
const ask = inTurn(asking(page.dataset.base, page.dataset.account), 4);
let catalogue = new Map();
let objects = new Set();
let came = null;
let next = 0;
let nextWeek = 0;
let busy = false;
let failing = false;
let refused = false;
let today = "";
let limited = false;
let held = null;

const announce = (text) => {
  document.getElementById("announcement").textContent = text;
};
const analyses = new Analyses(ask, () => catalogue, new Address(), timesIn(page.dataset.zone));
const active = new Active((view, key) => analyses.filterBy(view, key));
const limits = new Limits(ask, manages, (rows) => {
  limited = rows.length > 0;
  const now = JSON.stringify(rows);
  if (held !== null && now !== held) at_once(); // which session has which limit, the server says
  held = now;
  cards(active.draw());
});
const warnings = new Warnings(ask, announce);

function cards(counts) {
  const card = document.getElementById("card-over");
  card.classList.toggle("over", counts.over > 0);
  say(card.querySelector("p.n"), String(counts.over));
  say(card.querySelector("p.meta"), limited ? `${counts.near} near it` : "nothing has a limit");
}

/** What the server calls an object, which may be known by more than its slug. */
function learn(object, { name, language }) {
  if (name && !catalogue.has(keyOf(object))) catalogue.set(keyOf(object), { slug: object, name, language });
}

async function live() {
  const sent = performance.now();
  const answer = await ask("sessions/live");
  came = performance.now();
  failing = false;
  const date = answer.as_of.slice(0, 10);
  if (today && date !== today) week();
  today = date;
  active.catalogue = catalogue;
  for (const one of answer.results) learn(one.object, one);
  active.take(answer.results, sent, came);
  show();
  const { subjects, objects: used, sessions_today } = answer.totals;
  say(document.getElementById("card-subjects"), count(subjects));
  say(document.getElementById("card-objects"), count(used));
  say(document.getElementById("card-today"), count(sessions_today));
  say(document.getElementById("records"), sessions_today > MOST_RECORDS ? `Latest ${count(MOST_RECORDS)} records of today` : "Records of today");
  for (const one of answer.results) objects.add(one.object);
  limits.offer(objects, catalogue);
  const none = document.getElementById("none");
  none.hidden = answer.results.length > 0;
  if (!none.hidden) say(none, page.dataset.idle ? "Nobody uses anything now." : "No rule makes sessions of requests yet, and no sender tells of any.");
}

/** What changes seldom: the names of modules; without a catalogue there are none. */
async function names() {
  try {
    const { results } = await ask("modules");
    catalogue = new Map(results.map((one) => [keyOf(one.slug), one]));
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
  }
  if (!refused) setTimeout(names, CATALOGUE_MS);
}

/** Today beside a week ago: now and then, and when another day has begun. */
async function week() {
  if (refused) return;
  clearTimeout(nextWeek);
  try {
    const { results } = await ask(`sessions/hour/${HOURS}`);
    if (!refused) say(document.getElementById("card-week"), comparison(results));
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
  }
  clearTimeout(nextWeek);
  nextWeek = setTimeout(week, WEEK_MS);
}

/** Show nothing any more of what whoever looks may not see, or what somebody else has looked at; and stop. */
function refuse(error) {
  refused = true;
  analyses.stop();
  const what = error instanceof SomebodyElse || error.status === 401 ? error.message : "You may not see this web service any more.";
  const way = error.status === 401 ? el("a", { href: `/login?next=${encodeURIComponent(location.pathname + location.search)}` }, "Log in") : el("a", { href: "/" }, "To your web services");
  const trouble = document.getElementById("trouble");
  trouble.querySelector("span").replaceChildren(what, " ", way);
  trouble.hidden = false;
  for (const part of [...page.children]) if (part !== trouble) part.remove(); // that one stays in its place: it is being read out
  const freshness = document.getElementById("freshness");
  freshness.dataset.state = "stale";
  say(freshness.querySelector("span"), "Stopped");
}

async function round() {
  if (busy || refused) return; // it asks again by itself, or never
  busy = true;
  const trouble = document.getElementById("trouble");
  const before = came;
  try {
    await live();
    await Promise.all([limits.load(), warnings.load(catalogue, today)]);
    trouble.hidden = true;
  } catch (error) {
    if (REFUSED.has(error.status)) return refuse(error);
    failing = came === before; // else the sessions have come, and something else has not
    trouble.hidden = false;
    say(trouble.querySelector("span"), `${error.message} Asked again every second.`);
    if (!(error instanceof NoAnswer)) console.error(error);
  }
  busy = false;
  show();
  next = setTimeout(round, document.hidden ? UNSEEN_MS : EVERY_MS);
}

/** Ask now and not only a second later, unless it is being asked. */
function at_once() {
  if (busy) return;
  clearTimeout(next);
  round();
}

/** Everything that goes on by itself, as it is now. */
function show() {
  if (came !== null && !refused) {
    const now = performance.now();
    const stale = failing || now - came > STALE_MS;
    page.classList.toggle("stale", stale);
    if (!stale) cards(active.draw(now));
    const freshness = document.getElementById("freshness");
    freshness.dataset.state = stale ? "stale" : "live";
    say(freshness.querySelector("span"), stale ? `Stale, ${age((now - came) / 1000)} old` : "Live");
  }
}

function tick() {
  show();
  setTimeout(tick, EVERY_MS - (performance.now() % EVERY_MS));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) at_once();
});
const idle = Number(page.dataset.idle);
if (idle) say(document.getElementById("idle"), `A session ends after ${idle < 120 ? `${idle} s` : `${Math.round(idle / 60)} min`} without a request`);
await names();
round().then(week);
analyses.load();
tick();
