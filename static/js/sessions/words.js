// SPDX-License-Identifier: GPL-3.0-or-later
// How sessions are told to people: who, what, when and how long.

import { clock } from "../numbers.js";

export const WHOLE = "Whole service";
export const GUEST = "Guest";

/** Keys under which an object and a module of the catalogue are compared: small letters, "-" for "_" and spaces. */
export const keyOf = (text) => text.toLowerCase().replace(/[_\s]+/g, "-").replace(/[^\p{L}\p{N}-]/gu, "");

/** What is used, as the catalogue (a Map by key) names it. `known` is false where there is a catalogue without it. */
export function named(object, catalogue) {
  if (!object) return { name: WHOLE, known: true, language: "" };
  const found = catalogue.get(keyOf(object));
  if (found) return { name: found.name || object, known: true, language: found.language ?? "" };
  return { name: object, known: catalogue.size === 0, language: "" };
}

/** Who uses it. */
export const who = (session) => session.subject || session.address || GUEST;

/** Hours, minutes and seconds, always as a clock has them. */
export const counter = (seconds) => (seconds < 60 ? `0:${String(Math.floor(seconds)).padStart(2, "0")}` : clock(seconds));

/** A length in words: "31:12 h", "12 min", "40 s". */
export function length(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)}:${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} h`;
}

/** The time of day of an ISO 8601 time, as it is in the web service's zone. */
export const timeOfDay = (iso) => iso.slice(11, 19);
