# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading one end of a period: a text such as `-24h`, `month` or `2024-05-17T10:00` becomes a stretch of time.

Every text names a stretch in the web service's calendar: a time the local hour around it (nothing, where it is the
very start of an hour), a day the local day, a month the local month. `from` is the start of its stretch and `to` the
end of its own; that is all there is to rounding.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal, NamedTuple

from tmon.server.calendar import Calendar

from .errors import BadQuestion, shown

ACCEPTED = (
    "a date (2024-05-17), a month (2024-05), a time (2024-05-17T10:00, with or without an offset such as Z or"
    " +02:00), -24h, -7d, -4w, -12mo, -1y, now, today, yesterday, week, month or year"
)
NAMED = frozenset({"now", "today", "yesterday", "week", "month", "year"})
FIRST_YEAR, LAST_YEAR = 1990, 2199
"""Events are of 1990 or later; the other bound only keeps arithmetic within what calendars can do."""

_ONE_DAY = dt.timedelta(days=1)
_AGO = re.compile(r"-(\d{1,6})(h|d|w|mo|y)", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d))?", re.ASCII)
# A "+" that was not percent-encoded arrives as a space.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)([.,]\d{1,9})?(?:([Zz])|([ +-])(\d\d):?([0-5]\d))?", re.ASCII
)


class Stretch(NamedTuple):
    """[start, end) in Unix seconds, made of whole local hours or days."""

    start: int
    end: int
    unit: Literal["hour", "day"]


def stretch(text: str, calendar: Calendar, now: float) -> Stretch:
    """The stretch that `text` names, seen from the Unix time `now`. Raises BadQuestion."""
    try:
        if text in NAMED:
            return _named(text, calendar, now)
        if match := _AGO.fullmatch(text):
            return _ago(int(match[1]), match[2], calendar, now)
        if match := _DATE.fullmatch(text):
            return _date(int(match[1]), int(match[2]), match[3], calendar)
        if match := _TIME.fullmatch(text):
            return _time(match, calendar)
    except (ValueError, OverflowError):
        raise BadQuestion(f"{shown(text)} is no day or time that exists") from None
    raise BadQuestion(f"{shown(text)} is no time; write {ACCEPTED}")


def around(calendar: Calendar, now: float) -> Stretch:
    """The running hour, also in its first instant."""
    hour = calendar.hour(now)
    return Stretch(hour.start, hour.end, "hour")


def days(calendar: Calendar, first: dt.date, last: dt.date) -> Stretch:
    """The local days from `first` to `last`, both included."""
    _bounded(first.year, last.year)
    start, end = calendar.day_of_date(first).start, calendar.day_of_date(last).end
    return Stretch(start, max(start, end), "day")


def _named(name: str, calendar: Calendar, now: float) -> Stretch:
    today = calendar.day(now).date
    match name:
        case "now":
            return around(calendar, now)
        case "today":
            return days(calendar, today, today)
        case "yesterday":
            return days(calendar, today - _ONE_DAY, today - _ONE_DAY)
        case "week":
            monday = today - today.weekday() * _ONE_DAY
            return days(calendar, monday, monday + 6 * _ONE_DAY)
        case "month":
            return _month(calendar, today)
        case _:
            return days(calendar, today.replace(month=1, day=1), today.replace(month=12, day=31))


def _ago(count: int, unit: str, calendar: Calendar, now: float) -> Stretch:
    if unit == "h":
        return _hour(calendar, now - count * 3600, now - count * 3600)
    today = calendar.day(now).date
    if unit in ("d", "w"):
        date = today - count * (7 if unit == "w" else 1) * _ONE_DAY
    else:
        months = today.year * 12 + today.month - 1 - count * (12 if unit == "y" else 1)
        first = dt.date(months // 12, months % 12 + 1, 1)
        date = min(first + (today.day - 1) * _ONE_DAY, _last_of_month(first))
    return days(calendar, date, date)


def _date(year: int, month: int, day: str | None, calendar: Calendar) -> Stretch:
    if day is None:
        return _month(calendar, dt.date(year, month, 1))
    date = dt.date(year, month, int(day))
    return days(calendar, date, date)


def moment(text: str, calendar: Calendar) -> float:
    """The Unix time that `text` names exactly: 2024-05-17T10:00:30, with an offset, or on the web service's clock.

    Of a time that this clock shows twice it is the first. Raises BadQuestion.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise BadQuestion(
            f"{shown(text)} is no time; write 2024-05-17T10:00, with or without an offset such as Z"
        )
    try:
        first, _ = _readings(match, calendar)
        _bounded(*[dt.datetime.fromtimestamp(first, dt.UTC).year] * 2)
    except (ValueError, OverflowError):
        raise BadQuestion(f"{shown(text)} is no time that exists") from None
    return first


def _time(match: re.Match[str], calendar: Calendar) -> Stretch:
    return _hour(calendar, *_readings(match, calendar))


def _readings(match: re.Match[str], calendar: Calendar) -> tuple[float, float]:
    """The first and the last Unix time that a written time can mean."""
    date, clock, fraction, zulu, sign, hours, minutes = match.groups()
    wall = dt.datetime.fromisoformat(f"{date}T{clock}")
    if zulu or sign:
        offset = dt.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = dt.timezone(-offset if sign == "-" else offset)
        first = last = wall.replace(tzinfo=zone).timestamp()
    else:
        # The wall clock shows some times twice and skips others; the stretch covers both readings.
        _bounded(wall.year, wall.year)
        local = calendar.local(calendar.day_of_date(wall.date()).start).tzinfo
        both = [wall.replace(tzinfo=local, fold=fold).timestamp() for fold in (0, 1)]
        first, last = min(both), max(both)
    beyond = float(f"0.{fraction[1:]}") if fraction else 0.0
    return first + beyond, last + beyond


def _hour(calendar: Calendar, first: float, last: float) -> Stretch:
    # A day of tolerance: a time zone may be in another year than UTC.
    _bounded(*(dt.datetime.fromtimestamp(ts, dt.UTC).year for ts in (first + 86_400, last - 86_400)))
    end = calendar.hour(last)
    return Stretch(calendar.hour(first).start, end.start if last == end.start else end.end, "hour")


def _month(calendar: Calendar, date: dt.date) -> Stretch:
    first = date.replace(day=1)
    return days(calendar, first, _last_of_month(first))


def _last_of_month(first: dt.date) -> dt.date:
    return (first + 31 * _ONE_DAY).replace(day=1) - _ONE_DAY


def _bounded(first_year: int, last_year: int) -> None:
    if first_year < FIRST_YEAR:
        raise BadQuestion(f"nothing is older than {FIRST_YEAR}; ask for a later period")
    if last_year > LAST_YEAR:
        raise BadQuestion(f"the year {last_year} is too far ahead")
