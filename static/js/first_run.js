// SPDX-License-Identifier: GPL-3.0-or-later
// The page of a web service that has reported nothing yet: waits for the first event, then becomes the dashboard.

import { asking } from "./ask.js";
import { clock, duration } from "./numbers.js";

const EVERY_MS = 1000;
const SAID_MS = 1500;
const waiting = document.getElementById("waiting");
const ask = asking(waiting.dataset.base);
const began = performance.now();

const uncover = document.getElementById("uncover");
uncover?.addEventListener("click", () => {
  const shown = document.getElementById("dsn").classList.toggle("uncovered");
  uncover.setAttribute("aria-pressed", String(shown));
  uncover.textContent = shown ? "Hide" : "Show";
});

function trouble(text) {
  const notice = document.getElementById("waiting-trouble");
  notice.hidden = !text;
  const words = notice.querySelector("span");
  if (words.textContent !== text) words.textContent = text;
}

/** Say that it is there for as long as it takes to read that, then become the dashboard. */
function arrived() {
  waiting.classList.add("arrived");
  document.getElementById("waiting-title").textContent = "The first event is here";
  document.getElementById("waiting-more").textContent = "The dashboard opens now.";
  document.getElementById("listening").textContent = `arrived after ${clock((performance.now() - began) / 1000)}`;
  document.title = `✓ ${document.title}`;
  setTimeout(() => location.reload(), SAID_MS);
}

/** Whoever may see the quarantine learns of an event that was rejected, which otherwise looks as if none had come. */
async function lookForRejected() {
  if (!waiting.dataset.quarantine) return;
  const { results } = await ask("quarantine", { limit: 1 });
  const notice = document.getElementById("waiting-rejected");
  notice.hidden = !results.length;
  if (results.length) notice.querySelector("bdi").textContent = results[0].reason;
}

async function look() {
  const asked = performance.now();
  try {
    const answer = await ask("events", { limit: 1 });
    if (answer.results.length || answer.complete_from) {
      arrived();
      return;
    }
    await lookForRejected();
    document.getElementById("answers").textContent = `${location.host}, ${duration(performance.now() - asked)}`;
    trouble("");
  } catch (error) {
    document.getElementById("answers").textContent = "not now";
    trouble(error.status === 401 ? "You are logged out. Reload this page to log in again." : error.message);
  }
  document.getElementById("listening").textContent = `listening for ${clock((performance.now() - began) / 1000)}`;
  setTimeout(next, EVERY_MS);
}

function next() {
  if (document.visibilityState === "visible") look();
  else document.addEventListener("visibilitychange", next, { once: true });
}

next();
