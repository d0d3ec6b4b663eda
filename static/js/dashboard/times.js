// SPDX-License-Identifier: GPL-3.0-or-later
// How times are written: 24 hours, in the web service's zone, which is named once.

const FORMATS = {
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  second: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  day: { weekday: "short", day: "numeric" },
  date: { day: "numeric", month: "short" },
  year: { day: "numeric", month: "short", year: "numeric" },
  month: { month: "short" },
  monthAndYear: { month: "short", year: "numeric" },
  weekday: { weekday: "short" },
  digits: { day: "2-digit", month: "2-digit", year: "numeric" },
  minute: { minute: "2-digit" },
};

/** Writes Unix seconds in the IANA `zone`: `time` 16:42, `second` 16:42:07, `date` 16 Nov, `moment` 16 Nov 16:42, `iso` 2026-11-16, `clock` 2026-11-16T16:42:07, … */
export function timesIn(zone) {
  const made = {};
  for (const [name, options] of Object.entries(FORMATS)) {
    // Day before month, as the pictures have it, whatever the language of the machine.
    const format = new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone });
    made[name] = (seconds) => format.format(seconds * 1000);
  }
  const thisYear = () => made.year(Date.now() / 1000).slice(-4);
  made.dateOf = (seconds) => (made.year(seconds).endsWith(thisYear()) ? made.date(seconds) : made.year(seconds));
  made.monthOf = (seconds) => (made.monthAndYear(seconds).endsWith(thisYear()) ? made.month(seconds) : made.monthAndYear(seconds));
  made.moment = (seconds) => `${made.dateOf(seconds)} ${made.time(seconds)}`;
  made.iso = (seconds) => made.digits(seconds).split("/").reverse().join("-");
  made.hourStart = (seconds) => Math.floor(seconds / 60) * 60 - Number(made.minute(seconds)) * 60;
  made.isHour = (seconds) => made.hourStart(seconds) === seconds;
  made.clock = (seconds) => `${made.iso(seconds)}T${made.second(seconds)}`;
  made.isMidnight = (seconds) => made.time(seconds) === "00:00";
  const utc = new Intl.DateTimeFormat("en-GB", { ...FORMATS.year, timeZone: "UTC" });
  /** A date, YYYY-MM-DD, in words: it is one and the same everywhere. */
  made.day_of = (date) => {
    const words = utc.format(Date.parse(date));
    return words.endsWith(thisYear()) ? words.slice(0, -5) : words;
  };
  /** Of `points` in their order, where the first one is that starts on the date or later. */
  made.at = (points, date) => {
    let [low, high] = [0, points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (made.iso(points[middle].t) < date) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  made.zone = zone;
  return made;
}

/** Unix seconds of an ISO 8601 text. */
export function secondsOf(text) {
  return Date.parse(text) / 1000;
}
