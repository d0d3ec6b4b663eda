# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the envelope out of an HTTP request, opens it and reads it: bytes in, content or a problem out, no I/O."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from math import isinf
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import unquote_to_bytes

from tmon.client_api import envelope as wire

from .diagnosis import why_not_base64, why_not_open
from .limits import MAX_BODY_BYTES, MAX_EVENTS, MAX_PLAINTEXT_BYTES

COLLECT: Final = "/data/collect"
RAW: Final = "application/octet-stream"
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came: `at` in monotonic seconds, `wall` in Unix seconds, headers in their order."""

    at: float
    wall: float
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, "" if it is not there."""
        return next((value for known, value in self.headers if known.lower() == name), "")


@dataclass(frozen=True, slots=True)
class Door:
    """Where a client has to knock: the key, the web service, and the prefix of the DSN's path."""

    key: bytes
    wsid: int
    prefix: str = ""


class Received(NamedTuple):
    """An opened envelope. `remarks` are what is tolerated, by check."""

    envelope: bytes
    id: bytes
    nonce: bytes
    codec: wire.Codec
    form: bool
    gzipped: bool
    body_bytes: int
    plaintext_bytes: int
    head: dict[str, Any]
    events: list[Any]
    remarks: tuple[tuple[str, str], ...]


class Problem(Exception):
    """A request that a server would refuse: by which check, with which status, what was seen, what to do."""

    def __init__(self, check: str, status: int, seen: str, advice: str) -> None:
        super().__init__(seen)
        self.check, self.status, self.seen, self.advice = check, status, seen, advice


def read(request: Request, door: Door) -> Received:
    """The envelope that a request brings. Raises Problem."""
    remarks: list[tuple[str, str]] = []
    path_wsid = _path(request, door, remarks)
    body = _without_gzip(request)
    if path_wsid is None:
        data, wsid = _form(body, request, remarks)
        sealed = _decoded(data, remarks)
    else:
        wsid, sealed = path_wsid, body
    if wsid != str(door.wsid):
        raise Problem(
            "endpoint",
            403,
            f"it names the web service {wsid[:30]!a}",
            f"the last part of the DSN's path is the wsid, here {door.wsid}; keep it as text: it has up to 19 digits, "
            "more than a floating-point number holds",
        )
    return _opened(request, door, sealed, path_wsid is None, tuple(remarks))


def _path(request: Request, door: Door, remarks: list[tuple[str, str]]) -> str | None:
    """The wsid of the path, None where the form has it."""
    path = request.target.partition("?")[0]
    if request.method != "POST":
        raise Problem("endpoint", 405, f"it came by {request.method[:20]!a}", "send envelopes by POST")
    if path.startswith(door.prefix + "/"):
        path = path[len(door.prefix) :]
    elif path.startswith(COLLECT):
        remarks.append(("endpoint", f"the path {path[:60]!a} lacks the prefix of the DSN, {door.prefix}"))
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if path == COLLECT:
        return None
    name = path.removeprefix(f"{COLLECT}/")
    if name == path or "/" in name:
        raise Problem(
            "endpoint",
            404,
            f"it asked for {request.target[:80]!a}",
            f"post to {door.prefix}{COLLECT}/<wsid> (raw) or {door.prefix}{COLLECT} (form)",
        )
    if kind != RAW:
        remarks.append(("endpoint", f"a raw envelope came as {kind[:60]!a}, not as {RAW}"))
    return name


def _without_gzip(request: Request) -> bytes:
    body = request.body
    if len(body) > MAX_BODY_BYTES:
        raise _too_large(f"a body of {len(body):,} bytes")
    coding = request.header("content-encoding").strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise Problem(
            "http-gzip", 400, f"Content-Encoding is {coding[:40]!a}", "gzip is the only one that is accepted"
        )
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = inflater.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        content, inflater = b"", zlib.decompressobj()
    if len(content) > MAX_BODY_BYTES:
        raise _too_large(f"a body that inflates to more than {MAX_BODY_BYTES:,} bytes")
    if not inflater.eof or inflater.unused_data:
        raise Problem(
            "http-gzip",
            400,
            "Content-Encoding is gzip, and the body is not one gzip member",
            "compress the whole body (RFC 1952), or leave Content-Encoding out: codec 1 compresses inside the envelope",
        )
    return content


def _form(body: bytes, request: Request, remarks: list[tuple[str, str]]) -> tuple[bytes, str]:
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if kind != FORM:
        raise Problem(
            "endpoint",
            400,
            f"the body for {COLLECT} came as {kind[:60]!a}",
            f"send the fields data and wsid as {FORM}; a raw envelope goes to {COLLECT}/<wsid>",
        )
    fields: dict[bytes, bytes] = {}
    for part in body.split(b"&", 16):
        name, _, value = part.partition(b"=")
        fields[name] = unquote_to_bytes(value.replace(b"+", b" "))
    missing = [name.decode() for name in (b"data", b"wsid") if not fields.get(name)]
    if missing:
        raise Problem(
            "endpoint",
            400,
            f"the form has no field {' and no field '.join(missing)}",
            "a form has the two fields data and wsid",
        )
    return fields[b"data"], fields[b"wsid"].decode("latin-1")


def _decoded(data: bytes, remarks: list[tuple[str, str]]) -> bytes:
    if b" " in data:
        remarks.append(("base64", "its + came as spaces, which servers tolerate: write %2B"))
        data = data.replace(b" ", b"+")
    try:
        return wire.from_data(data)
    except wire.EnvelopeError:
        seen, advice = why_not_base64(data)
    raise Problem("base64", 400, seen, advice)


def _opened(
    request: Request, door: Door, sealed: bytes, form: bool, remarks: tuple[tuple[str, str], ...]
) -> Received:
    try:
        parsed = wire.parse(sealed)
        _, payload = wire.decrypt(parsed, [door.key], door.wsid)
    except wire.EnvelopeError as error:
        seen, advice = why_not_open(sealed, door.key, door.wsid, str(error))
        status = 403 if isinstance(error, wire.NotAuthentic) else 400
        raise Problem("envelope", status, seen, advice) from None
    try:
        plaintext = wire.decode(parsed.codec, payload)
    except wire.TooLarge:
        raise _too_large(f"content that inflates to more than {MAX_PLAINTEXT_BYTES:,} bytes") from None
    except wire.Malformed as error:
        raise Problem(
            "zlib",
            400,
            str(error),
            "codec 1 is one whole zlib stream (RFC 1950, begins with 78), neither raw deflate nor gzip",
        ) from None
    head, events = _content(plaintext)
    return Received(
        envelope=sealed,
        id=wire.envelope_id(sealed, door.wsid),
        nonce=parsed.nonce,
        codec=parsed.codec,
        form=form,
        gzipped=bool(request.header("content-encoding").strip().lower() not in {"", "identity"}),
        body_bytes=len(request.body),
        plaintext_bytes=len(plaintext),
        head=head,
        events=events,
        remarks=remarks,
    )


def _content(plaintext: bytes) -> tuple[dict[str, Any], list[Any]]:
    """Bookkeeping and events. Raises Problem where the server would refuse the whole envelope."""
    top = _json(plaintext)
    head: dict[str, Any] = {}
    if isinstance(top, list):
        events = top
    elif not isinstance(top, dict):
        raise Problem(
            "json", 400, f"the content is a {type(top).__name__}", "send an event, a list, or bookkeeping"
        )
    elif isinstance(top.get("events"), list):
        head = {name: value for name, value in top.items() if name != "events"}
        events = top["events"]
    elif isinstance(top.get("events"), dict):
        raise Problem("json", 400, "events is an object", "events is a list")
    else:
        events = [top]
    if not events and not head:
        raise Problem("json", 400, "an empty list of events", "send nothing where there is nothing to send")
    if len(events) > MAX_EVENTS:
        raise _too_large(f"{len(events):,} events in one envelope")
    return head, events


def _json(plaintext: bytes) -> Any:
    try:
        text = plaintext.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            "json",
            400,
            f"the content is not UTF-8 at byte {error.start}",
            "encode the JSON as UTF-8, also where the platform's default is another",
        ) from None
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        text_again = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError) as error:
        raise Problem(
            "json",
            400,
            f"the content is not JSON: {str(error)[:80]}",
            "one JSON text, nothing before or after it; NaN and infinities are no JSON",
        ) from None
    try:
        text_again.encode()
    except UnicodeEncodeError:
        raise Problem(
            "unicode",
            400,
            "a lone surrogate, for which the server refuses the whole envelope",
            "replace halves of a pair by U+FFFD before sealing",
        ) from None
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"{text[:20]} is beyond what a 64-bit floating-point number holds")
    return number


def _too_large(what: str) -> Problem:
    return Problem(
        "limits",
        413,
        what,
        f"bound a batch by count and by bytes: {MAX_EVENTS:,} events, {MAX_BODY_BYTES:,} bytes of body, "
        f"{MAX_PLAINTEXT_BYTES:,} bytes of content",
    )
