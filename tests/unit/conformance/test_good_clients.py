# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that do what they should pass, however they do it."""

from __future__ import annotations

import pytest

from tmon.client_api.envelope import Codec
from tmon.conformance import CHECKS, Verdict, conforms

from .simulated import Client, FormClient, Got, GzipClient, judged


class Compressing(Client):
    def codec(self) -> Codec:
        return Codec.ZLIB


class Unhurried(Client):
    def pause_s(self, got: Got, attempt: int) -> float:
        return 4.0


@pytest.mark.parametrize("client", [Client, FormClient, GzipClient, Compressing, Unhurried])
def test_a_client_that_does_what_it_should_passes(client: type[Client]) -> None:
    findings = judged(client)
    assert {name: one.seen for name, one in findings.items() if one.verdict is Verdict.FAIL} == {}
    assert list(findings) == list(CHECKS)


def test_a_client_conforms_if_it_passes_what_is_required() -> None:
    findings = judged(Client, large=True)
    not_seen = {name for name, one in findings.items() if one.verdict is Verdict.NOT_SEEN}
    assert not_seen == {"base64", "zlib", "http-gzip", "stream"}
    assert conforms(list(findings.values()))


def test_what_was_not_seen_is_not_shown() -> None:
    findings = judged(Client)
    assert findings["large"].verdict is Verdict.NOT_SEEN
    assert not conforms(list(findings.values()))


def test_what_a_client_need_not_do_is_looked_at_where_it_does_it() -> None:
    assert judged(FormClient)["base64"].verdict is Verdict.PASS
    assert judged(GzipClient)["http-gzip"].verdict is Verdict.PASS
    assert judged(GzipClient)["gzip-answer"].verdict is Verdict.NOT_SEEN
    assert judged(Compressing)["zlib"].verdict is Verdict.PASS
