# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/sending.md is all that a client's author has: its vectors, examples and numbers are the code's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tmon.client_api import Dsn, delivery, envelope
from tmon.conformance import CHECKS, VECTORS, limits
from tmon.server.collector import answers, failures, form, front, intake
from tmon.server.pipeline import fields, plaintext, times, validate
from tmon.server.store import base

DOCS = Path(__file__).resolve().parents[2] / "docs"
SENDING = (DOCS / "sending.md").read_text("utf-8")
KEY = bytes(range(32))


def section(title: str) -> str:
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", SENDING, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def rows(text: str) -> dict[str, str]:
    """The first two columns of the tables in a text, without their heads."""
    found = re.findall(r"^\| (.*?) \| (.*?) \|", text, re.MULTILINE)
    return {left: right for left, right in found if not left.startswith("---")}


def test_the_vectors_are_what_the_code_makes() -> None:
    text = section("The envelope")
    datas = re.findall(r"^    data      (\S+)$", text, re.MULTILINE)
    ids = re.findall(r"^    id        ([0-9a-f]{32})$", text, re.MULTILINE)
    (sealed,) = re.findall(r"^    envelope  ([0-9a-f]+)$", text, re.MULTILINE)
    assert f"`{KEY.hex()}`" in text
    assert bytes.fromhex(sealed) == envelope.from_data(datas[0])
    for data, id_ in zip(datas, ids, strict=True):
        opened = envelope.open_(envelope.from_data(data), KEY, 7)
        assert f"`{opened.decode()}` ({len(opened)} bytes" in text.replace("\n", " ")
        assert envelope.envelope_id(envelope.from_data(data), 7).hex() == id_
    assert [vector.data for vector in VECTORS[:2]] == datas
    assert [vector.id for vector in VECTORS[:2]] == ids


def test_the_dsns_are_dsns() -> None:
    plain, secure = re.findall(r"^    (tmon\+\S+.*)$", section("The DSN"), re.MULTILINE)
    assert Dsn.parse(plain).collect_url == "http://127.0.0.1:8000/data/collect/7"
    assert Dsn.parse(plain).key == KEY
    shown = secure.replace("<64 hex digits>", KEY.hex())
    assert Dsn.parse(shown).collect_url == "https://stats.example.org/some/prefix/data/collect/7"


def test_the_example_of_a_content_is_taken() -> None:
    (content,) = re.findall(r"```json\n(.*?)\n```", section("The content"), re.DOTALL)
    message = plaintext.decode(content.encode(), 1_795_341_600_000)
    assert (message.source, message.seq, message.sent, len(message.events)) == ("web-1", 1, 2, 2)
    for block in re.findall(r"```json\n(.*?)\n```", SENDING, re.DOTALL):
        assert isinstance(json.loads(block), dict)


def test_the_bounds_are_the_code_s() -> None:
    assert rows(section("Bounds")) == {
        "what": "most",
        "a body, before and after HTTP's gzip, and so an envelope": f"8 MiB ({intake.MAX_BODY:,} bytes)",
        "the content, inflated": f"16 MiB ({envelope.MAX_PLAINTEXT:,} bytes)",
        "events in an envelope": f"{plaintext.MAX_EVENTS:,}",
        "JSON values in an envelope, roughly": f"{plaintext.MAX_VALUES:,}",
        "characters of a text; longer ones are cut and marked": f"{fields.MAX_TEXT:,}",
        "fields of its own that an event may have, and the characters of their names": (
            f"{validate.MAX_EXTRAS}, {validate.MAX_NAME}"
        ),
        "characters of `source`, `run`, `stream`": f"{plaintext.Name.__metadata__[0].max_length}",
        "reasons in `lost`, and characters of each": f"32, {plaintext.Reason.__metadata__[0].max_length}",
        "`seq`, `sent` and each number in `lost`": "2^53",
        "`sent_at` ahead of the server's clock, and behind it": (
            f"{plaintext.SENT_AHEAD_MS // 3_600_000} hours, {plaintext.SENT_BEHIND_MS // 86_400_000} days"
        ),
        "`ts` ahead of the server's clock": f"{times.AHEAD_MS // 60_000} minutes; the earliest is 1990",
        "how long the outcome of an envelope is kept": f"{base.OUTCOMES_KEPT_MS // base.DAY_MS} days",
        "envelopes from one address that do not open": f"{failures.PER_MINUTE} a minute",
        "fields of a form": f"{form.MAX_FIELDS}",
        "rejected events that an answer names": "100",
        "a kept connection without a request": f"{front.IDLE_S:.0f} seconds",
    }
    assert plaintext.Count.__metadata__[0].le == 2**53
    assert intake.MAX_BODY == 8 * 2**20
    assert envelope.MAX_PLAINTEXT == 16 * 2**20


def test_the_kit_has_the_server_s_bounds() -> None:
    assert limits.MAX_BODY_BYTES == intake.MAX_BODY
    assert limits.MAX_PLAINTEXT_BYTES == envelope.MAX_PLAINTEXT
    assert limits.MAX_EVENTS == plaintext.MAX_EVENTS
    assert plaintext.Name.__metadata__[0].max_length == limits.MAX_NAME
    assert plaintext.Reason.__metadata__[0].max_length == limits.MAX_REASON
    assert limits.MAX_EXTRAS == validate.MAX_EXTRAS


def test_waiting_and_gzip_are_described_as_they_are() -> None:
    wait = section("Trying again")
    assert f"min({delivery.FIRST_WAIT_S} s * 2^(failures - 1), {delivery.LONGEST_WAIT_S:.0f} s)" in wait
    assert delivery.LONGEST_RETRY_AFTER_S == 3600
    assert answers.GZIP_FROM_BYTES == 1024
    assert "longer than a kibibyte" in " ".join(section("Answers").split())


def test_every_check_of_the_kit_is_described() -> None:
    described = rows(section("The conformance kit"))
    assert described.pop("check") == "asks"
    assert described == {
        f"`{name}`": check.asks + ("" if check.required else " (need not be used)")
        for name, check in CHECKS.items()
    }


def test_every_example_is_listed() -> None:
    listed = re.findall(r"\]\(examples/([\w.]+)\)", section("Examples"))
    assert sorted(listed) == sorted(one.name for one in (DOCS / "examples").iterdir())


def test_links_within_the_documentation_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for target, anchor in re.findall(r"\]\(([\w-]+\.md)?#([\w-]+)\)", page.read_text("utf-8")):
            heads = re.findall(r"^#+ (.*)$", (DOCS / (target or page.name)).read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, f"{page.name}: {target}#{anchor}"
