# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever clients send, in whatever order, the referee answers and the judge has a finding for each check."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tmon.client_api import envelope
from tmon.conformance import CHECKS, Referee, judge
from tmon.conformance.received import Request

from .simulated import DOOR, KEY, WALL

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
_values = st.recursive(
    _scalars, lambda some: st.lists(some, max_size=2) | st.dictionaries(st.text(max_size=3), some)
)
_events = st.dictionaries(
    st.sampled_from(
        [
            "url",
            "ip",
            "useragent",
            "ts",
            "kind",
            "conformance",
            "offset",
            "state",
            "session",
            "duration_s",
            "x",
        ]
    ),
    _values | st.integers(0, 30) | st.sampled_from(["request", "session", "0001-01-01T00:00:00+23:59"]),
)
_books = st.dictionaries(
    st.sampled_from(["source", "run", "seq", "sent", "lost", "close", "stream", "sent_at", "y"]),
    _values
    | st.integers(0, 9)
    | st.sampled_from(["a", "b"])
    | st.dictionaries(st.text(max_size=2), st.integers(0, 5)),
)
_documents = st.tuples(_books, st.lists(_events, max_size=4)).map(lambda both: {**both[0], "events": both[1]})
_acts = st.lists(
    st.tuples(
        st.sampled_from(["new", "again", "wait", "end", "start", "refuse"]), _documents, st.floats(0, 30)
    ),
    max_size=25,
)


@given(_acts, st.booleans())
def test_any_session_is_judged(acts: list[tuple[str, Any, float]], fed: bool) -> None:
    referee = Referee(DOOR, fed=fed, patience_s=5)
    now = 0.0
    sealed: list[bytes] = []
    for act, document, seconds in acts:
        now += seconds
        if act == "new":
            sealed.append(envelope.seal(json.dumps(document).encode(), KEY, DOOR.wsid))
        if act in {"new", "again"} and sealed:
            headers = (("Content-Type", "application/octet-stream"), ("Accept-Encoding", "gzip"))
            path = f"{DOOR.prefix}/data/collect/{DOOR.wsid}"
            reply, content, arrival = referee.request(Request(now, WALL, "POST", path, headers, sealed[-1]))
            assert content["status_code"] in {200, 400, 403, 408, 413, 429, 500, 503}
            assert reply.cut is None or arrival is not None
            if arrival is not None and seconds > 1:
                referee.answered(arrival, now)
        elif act == "end":
            referee.ended()
            referee.record.ended_in_order.add(referee.record.starts)
        elif act == "start":
            referee.started()
        elif act == "refuse":
            referee.refuse()
        referee.tick(now)
    assert [finding.check for finding in judge(referee.record)] == list(CHECKS)
