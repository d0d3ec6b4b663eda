# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.query.answers import Answer, Figures, Row
from tmon.server.query.tables import EVENT, Kind, as_csv, harmless
from tmon.server.store.fields import OPTIONAL, fields_of

from .conftest import World

HEADER = "key,other,requests,visitors,bots,errors,duration_ms,bytes\r\n"
COMPARED = (
    "key,other,requests,visitors,bots,errors,duration_ms,bytes,previous_requests,previous_visitors,previous_bots,"
    "previous_errors,previous_duration_ms,previous_bytes\r\n"
)


def ranked(key: str | None, **more: Any) -> Row:
    return Row(key=key, requests=3, visitors=2, bots=0, errors=1, duration_ms=1.5, bytes=70, **more)


def table(results: Any, kind: Kind = "ranking", **more: Any) -> str:
    answer = Answer(results=results, since=None, until=None, complete_from=None, as_of="", **more)
    return as_csv(answer, kind).decode()


def test_a_table_has_names_first_and_lines_that_end_as_the_rfc_says() -> None:
    assert table([ranked("DE"), ranked(None, other=True)]) == (
        f"{HEADER}DE,,3,2,0,1,1.5,70\r\n,true,3,2,0,1,1.5,70\r\n"
    )
    assert table([]) == HEADER


def test_commas_quotes_and_line_ends_are_quoted() -> None:
    assert table([ranked('a,"b"\r\nc')]) == HEADER + '"a,""b""\r\nc",,3,2,0,1,1.5,70\r\n'
    assert table([ranked("ü 北京")]) == HEADER + "ü 北京,,3,2,0,1,1.5,70\r\n"


def test_what_was_before_stands_beside_it() -> None:
    before = Figures(requests=1, visitors=0, bots=0, errors=0, duration_ms=None, bytes=9)
    period = {"previous_from": "2024-05-13", "previous_to": "2024-05-14"}
    assert table([ranked("DE", previous=before), ranked("AT", previous=None)], **period) == (
        f"{COMPARED}DE,,3,2,0,1,1.5,70,1,0,0,0,,9\r\nAT,,3,2,0,1,1.5,70,,,,,,\r\n"
    )
    assert table([], **period) == COMPARED


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("'=1", "''=1"),
        ("''@", "'''@"),
        ("'quoted'", "'quoted'"),
        ("'", "'"),
        ("", ""),
        ("a=1", "a=1"),
        ("/-", "/-"),
        (" =1", " =1"),
    ],
)
def test_a_text_that_a_spreadsheet_takes_for_a_formula_gets_an_apostrophe(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_numbers_stay_numbers() -> None:
    events = [
        {"lat": -36.875, "lon": -0.0, "score": -5, "big": 2**63, "ok": True, "no": False, "huge": -1e300}
    ]
    [names, values] = csv.reader(io.StringIO(table(events, "events"), newline=""))
    found = dict(zip(names, values, strict=True))
    assert [found[name] for name in ("lat", "lon", "score", "big", "ok", "no", "huge")] == [
        *("-36.875", "-0.0", "-5", "9223372036854775808", "true", "false", "-1e+300"),
    ]


def test_events_have_the_known_columns_and_then_their_own_by_name() -> None:
    events = [
        {"seq": 1, "url": "/", "team": "red"},
        {"seq": 2, "=evil()": "x", "truncated": ["url", "referrer"]},
    ]
    [names, first, second] = csv.reader(io.StringIO(table(events, "events"), newline=""))
    assert names == [*EVENT, "'=evil()", "team"]
    assert (first[0], first[-2:]) == ("1", ["", "red"])
    assert (second[0], second[names.index("truncated")], second[-2:]) == ("2", "url referrer", ["x", ""])
    assert table([], "events") == ",".join(EVENT) + "\r\n"


def test_every_field_that_an_event_may_have_is_a_column(world: World) -> None:
    fields = {"seq", "received", "truncated", *fields_of(world.event("2024-05-15 10:00"), ""), *OPTIONAL}
    assert fields == set(EVENT)


TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.text("'=-\t\r\n,\"a", max_size=6)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_any_texts_come_back_from_a_table(texts: list[tuple[str, str]]) -> None:
    events = [{"url": url, "team": team} for url, team in texts]
    names, *rows = csv.reader(io.StringIO(table(events, "events"), newline=""))
    found = []
    for values in rows:
        row = dict(zip(names, values, strict=True))
        assert not any(re.match(r"[=+\-@\t\r\n]", value) for value in values)
        found.append((back(row["url"]), back(row["team"])))
    assert found == texts


def back(shown: str) -> str:
    """A text as it was: of the apostrophes before a sign of a formula one is taken away."""
    return shown[1:] if re.match(r"'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", shown) else shown
