# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fields of log lines mean: a method per meaning puts a field's text into the event.

A format that is a table of fields (`layout`, `keyed`, W3C's) names these. A field that says nothing ("-" or nothing at
all) is not put, but for the request and the size, where that says something.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Final
from urllib.parse import unquote

from .addresses import Addresses, port_of
from .numbers import duration_ms, size, status
from .request import put_host, put_request, put_target
from .text import unescaped
from .times import Times, unix
from .unparsed import BAD_TIME, NO_REQUEST, NOT_HTTP, Unparsed

Event = dict[str, object]
Put = Callable[[Event, str], None]

_QUERY: Final = "?query"
_DATE: Final = "?date"
_TIME_OF_DAY: Final = "?time"
_PARTS: Final = (_QUERY, _DATE, _TIME_OF_DAY)
"""Parts of fields, in the event until it is finished."""

SAYS_SOMETHING: Final = frozenset({"request", "size"})
"""Meanings of which "-" is put as well."""


class Meanings:
    """Puts fields into events; remembers times and addresses, so it is of one file."""

    def __init__(self, zone: tzinfo) -> None:
        self._times = Times(zone)
        self._addresses = Addresses()

    def named(self, meaning: str) -> Put:
        """The method of that name, which puts text unless it says nothing."""
        put: Put = getattr(self, meaning)
        if meaning in SAYS_SOMETHING:
            return put

        def unless_nothing(event: Event, text: str) -> None:
            if text not in ("-", "", '""', '"-"'):
                put(event, text)

        return unless_nothing

    def finish(self, event: Event) -> Event:
        """Put parts together, and hold the event against what every one has. Raises Unparsed."""
        query, date, time = (event.pop(part, None) for part in _PARTS)
        url = event.get("url")
        if url is None:
            raise Unparsed(NO_REQUEST)
        if query is not None and "?" not in str(url):
            event["url"] = f"{url}?{query}"
        if "ts" not in event:
            if date is None or time is None:
                raise Unparsed(BAD_TIME)
            event["ts"] = self._times.iso(f"{date} {time}")
        event.setdefault("ip", None)
        event.setdefault("useragent", None)
        return event

    def client(self, event: Event, text: str) -> None:
        """Whose address it is, with a port or not; a host name is no address. Of several the last is the nearest."""
        if "," in text:
            event["forwarded_for"] = text
            text = text.rpartition(",")[2].strip()
        event["ip"] = self._addresses[text]
        port = port_of(text)
        if port is not None:
            event["src_port"] = port

    def client_port(self, event: Event, text: str) -> None:
        """The port of the client."""
        _put_port(event, "src_port", text)

    def forwarded(self, event: Event, text: str) -> None:
        """X-Forwarded-For, for the rule that knows the proxies."""
        event["forwarded_for"] = unescaped(text)

    def first_forwarded(self, event: Event, text: str) -> None:
        """X-Forwarded-For of a server that names no other client than the last one there."""
        event["forwarded_for"] = unescaped(text)
        event.setdefault("ip", self._addresses[text.rpartition(",")[2].strip()])

    def user(self, event: Event, text: str) -> None:
        """Who was logged in."""
        event["username"] = unescaped(text)

    def plain_user(self, event: Event, text: str) -> None:
        """Who was logged in, in a text that nobody has escaped."""
        event["username"] = text

    def time(self, event: Event, text: str) -> None:
        """A moment: Unix seconds or finer, ISO 8601, or as the common format has it, told by its looks."""
        text = text.strip("[]")
        if text[4:5] == "-" or text[4:5] == "/":
            event["ts"] = self._times.iso(text.replace("/", "-"))
        elif "/" in text:
            event["ts"] = self._times.clf(text)
        else:
            event["ts"] = unix(text)

    def sooner_time(self, event: Event, text: str) -> None:
        """A moment that another field says more exactly; kept if none has."""
        if "ts" not in event:
            self.time(event, text)

    def date(self, event: Event, text: str) -> None:
        """The day, of a log that has the time of day in another field."""
        event[_DATE] = text

    def time_of_day(self, event: Event, text: str) -> None:
        """The time of day."""
        event[_TIME_OF_DAY] = text

    def request(self, event: Event, text: str) -> None:
        """The request line."""
        put_request(event, text)

    def method(self, event: Event, text: str) -> None:
        """The request's method."""
        if not text.isascii() or len(text) > 32 or not text.replace("-", "").replace("_", "").isalnum():
            raise Unparsed(NOT_HTTP)
        event["method"] = text

    def target(self, event: Event, text: str) -> None:
        """What was asked for, with its query or without."""
        put_target(event, unescaped(text))

    def sooner_target(self, event: Event, text: str) -> None:
        """A target that the request says as it was written; kept if there is none."""
        if "url" not in event:
            self.target(event, text)

    def site_and_target(self, event: Event, text: str) -> None:
        """What was asked for, behind the name of the host and no scheme."""
        put_target(
            event, "http://" + unescaped(text) if text[:1] != "/" and "://" not in text else unescaped(text)
        )

    def readable_target(self, event: Event, text: str) -> None:
        """What was asked for, or `error:` and why it could not be read (Squid)."""
        if text.startswith("error:"):
            raise Unparsed(NO_REQUEST)
        put_target(event, text)

    def query(self, event: Event, text: str) -> None:
        """The query of what was asked for, with its question mark or without."""
        event[_QUERY] = unescaped(text).removeprefix("?")

    def status(self, event: Event, text: str) -> None:
        """The answer's status."""
        number = status(text)
        if number is not None:
            event["status"] = number

    def sooner_status(self, event: Event, text: str) -> None:
        """A status that another field says better; kept if none has."""
        if "status" not in event:
            self.status(event, text)

    def size(self, event: Event, text: str) -> None:
        """The answer's size in bytes; "-" is none."""
        number = 0 if text == "-" else size(text)
        if number is not None:
            event["bytes"] = number

    def sooner_size(self, event: Event, text: str) -> None:
        """A size that another field says better; kept if none has."""
        if "bytes" not in event:
            self.size(event, text)

    def seconds(self, event: Event, text: str) -> None:
        """How long the answer took."""
        _put_duration(event, text, 0.001)

    def milliseconds(self, event: Event, text: str) -> None:
        """How long the answer took."""
        _put_duration(event, text, 1)

    def microseconds(self, event: Event, text: str) -> None:
        """How long the answer took."""
        _put_duration(event, text, 1_000)

    def nanoseconds(self, event: Event, text: str) -> None:
        """How long the answer took."""
        _put_duration(event, text, 1_000_000)

    def seconds_in_parts(self, event: Event, text: str) -> None:
        """How long the answer took by several, one after the other: nginx's `0.010, 0.200 : 0.1`."""
        parts = [duration_ms(part, 0.001) for part in text.replace(":", ",").replace(",", " ").split()[:16]]
        event["upstream_ms"] = round(sum(part for part in parts if part is not None), 3)

    def sum_of_seconds(self, event: Event, text: str) -> None:
        """How long the answer took: the sum of what its parts took, those below zero not being known."""
        parts = [duration_ms(part, 0.001) for part in text.split()]
        known = [part for part in parts if part is not None]
        if known:
            event["duration_ms"] = round(sum(known), 3)

    def time_taken(self, event: Event, text: str) -> None:
        """How long the answer took: seconds by W3C, which have a point, and whole milliseconds by IIS."""
        _put_duration(event, text, 0.001 if "." in text else 1)

    def last_of_timers(self, event: Event, text: str) -> None:
        """How long the answer took: HAProxy's last timer, milliseconds, with + where it was logged early."""
        self.milliseconds(event, text.rpartition("/")[2].removeprefix("+"))

    def captured(self, event: Event, text: str) -> None:
        """Headers that HAProxy captured, for its parser."""
        event["?captured"] = text

    def referrer(self, event: Event, text: str) -> None:
        """The page that it came from."""
        event["referrer"] = unescaped(text)

    def useragent(self, event: Event, text: str) -> None:
        """The program that asked."""
        event["useragent"] = unescaped(text)

    def encoded_useragent(self, event: Event, text: str) -> None:
        """The program that asked, with %20 for a space; CloudFront encodes the sign of percent once more."""
        event["useragent"] = _decoded(text.replace("%25", "%"))

    def encoded_referrer(self, event: Event, text: str) -> None:
        """The page that it came from, as a log wrote it that encodes spaces."""
        event["referrer"] = text

    def useragent_with_plus(self, event: Event, text: str) -> None:
        """The program that asked, with + for a space (IIS)."""
        event["useragent"] = _decoded(text.replace("+", " ")) if "%20" in text else text.replace("+", " ")

    def host(self, event: Event, text: str) -> None:
        """The name under which the service was asked."""
        put_host(event, unescaped(text))

    def sooner_host(self, event: Event, text: str) -> None:
        """A name of the service that another field says better; kept if none has."""
        if "host" not in event:
            self.host(event, text)

    def server(self, event: Event, text: str) -> None:
        """Which machine answered."""
        event["server"] = unescaped(text)

    def server_ip(self, event: Event, text: str) -> None:
        """The address that was asked."""
        address = self._addresses[text]
        if address is not None:
            event["dst_ip"] = address

    def server_port(self, event: Event, text: str) -> None:
        """The port that was asked."""
        _put_port(event, "dst_port", text)

    def nothing(self, event: Event, text: str) -> None:
        """What no event has a place for."""


NAMES: Final = frozenset(
    name for name in vars(Meanings) if not name.startswith("_") and name not in ("named", "finish")
)
"""The meanings there are."""


def _put_port(event: Event, name: str, text: str) -> None:
    if len(text) <= 5 and text.isascii() and text.isdigit() and int(text) < 65_536:
        event[name] = int(text)


def _put_duration(event: Event, text: str, per_ms: float) -> None:
    number = duration_ms(text, per_ms)
    if number is not None:
        event["duration_ms"] = number


def _decoded(text: str) -> str:
    return unquote(text, errors="replace").replace("\0", "\ufffd")
