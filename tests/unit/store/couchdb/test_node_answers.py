# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer means: something for the caller, or a node that has failed."""

from __future__ import annotations

import pytest

from tmon.server.store import StoreError
from tmon.server.store.couchdb.answers import NodeFailed, meaning
from tmon.server.store.couchdb.errors import Answered, Conflict, Exists, Missing, Refused

NOT_FOUND = b'{"error":"not_found","reason":"missing"}'


@pytest.mark.parametrize("status", [200, 201, 202])
def test_what_was_done_is_its_json(status: int) -> None:
    assert meaning(status, b'{"ok":true}\n', "PUT /db") == {"ok": True}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Answered),
        (401, Refused),
        (403, Refused),
        (404, Missing),
        (409, Conflict),
        (412, Exists),
        (413, Answered),
    ],
)
def test_what_was_not_done_is_told_in_the_words_of_the_server(status: int, kind: type[Answered]) -> None:
    with pytest.raises(StoreError, match=rf"PUT /db with {status} \(not_found: missing\)") as caught:
        meaning(status, NOT_FOUND, "PUT /db")

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason) == (status, "missing")


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503, 504])
def test_a_node_that_can_not_has_failed(status: int) -> None:
    with pytest.raises(NodeFailed, match=rf"answered {status} \(not_found: missing\)"):
        meaning(status, NOT_FOUND, "PUT /db")


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"ok":tr', b'{"ok":"\xff"}', b"[" * 100_000])
@pytest.mark.parametrize("status", [200, 404, 409, 412, 500])
def test_what_is_no_json_is_a_failure(status: int, content: bytes) -> None:
    with pytest.raises(NodeFailed, match=f"answered {status} without JSON"):
        meaning(status, content, "GET /db")


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b'{"error":7}'])
def test_a_404_that_is_not_couchdbs_own_does_not_pass_for_a_missing_document(content: bytes) -> None:
    with pytest.raises(NodeFailed):
        meaning(404, content, "GET /db/x")


@pytest.mark.parametrize(("status", "kind"), [(401, Refused), (403, Refused), (413, Answered)])
def test_a_proxys_refusal_counts_without_json(status: int, kind: type[Answered]) -> None:
    with pytest.raises(kind):
        meaning(status, b"<html>no</html>", "GET /db")


def test_a_reason_that_repeats_a_document_is_cut() -> None:
    with pytest.raises(Answered) as caught:
        meaning(400, b'{"error":"bad_request","reason":"' + b"x" * 100_000 + b'"}', "PUT /db")

    assert len(str(caught.value)) < 500
