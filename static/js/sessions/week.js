// SPDX-License-Identifier: GPL-3.0-or-later
// Today's sessions beside those of the same day a week ago, up to the same hour.

import { change, count } from "../numbers.js";

/** So many are asked for: a week and a day, one of which may have an hour more, and one before them. */
export const HOURS = 194;

const dateOf = (row) => row.t.slice(0, 10);
const hourOf = (row) => row.t.slice(11, 13);

function weekBefore(date) {
  const [year, month, day] = date.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, day - 7)).toISOString().slice(0, 10);
}

/** What is to be said, "" where nothing is known of then; `rows` are HOURS of sessions by local hour, the last of them now. */
export function comparison(rows) {
  const today = dateOf(rows.at(-1));
  const now = rows.filter((row) => dateOf(row) === today);
  const then = rows.filter((row) => dateOf(row) === weekBefore(today) && hourOf(row) <= hourOf(rows.at(-1)));
  if (!then.length || rows[0] === then[0] || then.some((row) => row.sessions === null)) return "";
  const sum = (some) => some.reduce((all, row) => all + (row.sessions ?? 0), 0);
  const before = sum(then);
  if (!before) return "";
  const moved = change(sum(now), before);
  return moved ? `${moved} from ${count(before)} a week ago` : `as many as a week ago`;
}
