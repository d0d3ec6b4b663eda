# SPDX-License-Identifier: GPL-3.0-or-later
"""When a session is over its limit, and that each violation is told once, whoever looks when and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon.server.limits.rule import Told, counter_ms, exceeded_ms, is_told
from tmon.server.sessions import Point, Rule, Session, sessions_of

MINUTE = 60_000
IDLE = 5 * MINUTE
START = 1_700_000_000_000


def session(start: int = 0, last: int = 0, **fields: object) -> Session:
    """One whose beginning and last sign of life are so many milliseconds after START."""
    whose = {"place": "198.51.100.7", "user": "anna", "object": "algebra", **fields}
    return Session(**whose, start_ms=START + start, ended_ms=START + last)  # type: ignore[arg-type]


def told(one: Session, number: int, minutes: int, source: str = "") -> Told:
    return Told(number, source, one.object, minutes, one.place, one.user, one.start_ms + minutes * MINUTE)


@pytest.mark.parametrize(
    ("last_ms", "now_ms", "counted_ms"),
    [
        (0, 30_000, 30_000),
        (0, 150_000, 150_000),
        (0, 151_000, 150_000),  # two and a half minutes after the last sign of life it stands still
        (60_000, 200_000, 200_000),
        (60_000, 900_000, 210_000),
        (0, -5_000, 0),  # a sender's clock is ahead
    ],
)
def test_the_counter_stands_still_half_the_idle_time_after_the_last_sign_of_life(
    last_ms: int, now_ms: int, counted_ms: int
) -> None:
    assert counter_ms(session(last=last_ms), START + now_ms, IDLE) == counted_ms


def test_a_session_that_something_has_ended_is_counted_to_its_end() -> None:
    assert counter_ms(session(last=60_000, over=True), START + 600_000, IDLE) == 60_000


@pytest.mark.parametrize(
    ("seconds", "exceeded"), [(59, False), (60, False), (60.001, True), (61, True), (3600, True)]
)
def test_a_limit_of_a_minute_is_exceeded_once_the_counter_is_beyond_sixty_seconds(
    seconds: float, exceeded: bool
) -> None:
    one = session(last=3_600_000)
    found = exceeded_ms(one, 1, START + round(seconds * 1000), IDLE)
    assert found == (START + 60_000 if exceeded else None)


def test_who_has_gone_before_the_limit_does_not_exceed_it() -> None:
    assert exceeded_ms(session(last=0), 3, START + 3_600_000, IDLE) is None
    assert exceeded_ms(session(last=40_000), 3, START + 3_600_000, IDLE) == START + 180_000


def test_late_events_that_move_the_beginning_make_no_new_violation() -> None:
    before = told(session(), 7, 5)
    assert is_told(7, "", session(start=-240_000), 5, [before])
    assert is_told(9, "", session(start=-240_000), 5, [before])


def test_an_erased_name_makes_no_new_violation() -> None:
    assert is_told(7, "", session(user=""), 5, [told(session(), 7, 5)])


def test_a_new_session_of_the_same_user_is_told_anew() -> None:
    before = told(session(), 7, 5)
    assert not is_told(8, "", session(start=300_001), 5, [before])


def test_a_number_that_a_new_store_gives_again_is_told_anew() -> None:
    assert not is_told(7, "", session(start=3_600_000, user="ben"), 5, [told(session(), 7, 5)])


@pytest.mark.parametrize("other", [{"object": "biology"}, {"user": "ben"}, {"place": "203.0.113.9"}])
def test_others_are_told_for_themselves(other: dict[str, str]) -> None:
    assert not is_told(8, "", session(**other), 5, [told(session(), 7, 5)])


def test_other_minutes_are_told_anew_and_the_former_ones_not_again() -> None:
    given_ = [told(session(), 7, 5)]
    assert not is_told(7, "", session(), 10, given_)
    given_.append(told(session(), 7, 10))
    assert is_told(7, "", session(), 5, given_)


def test_sessions_that_a_source_tells_of_are_told_apart_by_their_numbers() -> None:
    """A fleet of machines whose users are not known reports by one sender."""
    before = told(session(place="lab", user=""), 7, 5, "lab")
    assert is_told(7, "lab", session(place="lab", user="", start=-1_000), 5, [before])
    assert not is_told(8, "lab", session(place="lab", user="", start=1_000), 5, [before])
    assert is_told(8, "lab", session(place="lab", user=""), 5, [before])  # the store was made anew
    assert not is_told(8, "", session(place="lab", user=""), 5, [before])


POINTS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["algebra", "biology"]), st.sampled_from(["anna", "ben"])),
    min_size=1,
    max_size=40,
)


@given(points=POINTS, looks=st.sets(st.integers(0, 60)), minutes=st.sampled_from([1, 3, 10]))
def test_each_session_that_exceeds_has_one_warning_and_no_other_has_one(
    points: list[tuple[int, str, str]], looks: set[int], minutes: int
) -> None:
    """Somebody looks at these minutes, at what has come until then, and numbers the sessions anew each time."""
    rule = Rule(by="username")
    arrived = sorted(
        Point(START + at * MINUTE, user, what, True, "198.51.100.7") for at, what, user in points
    )
    given_: list[Told] = []
    number = 0
    for look in [*sorted(looks), 61]:
        now = START + look * MINUTE
        for one in sessions_of(rule, [point for point in arrived if point.at_ms <= now]):
            number += 1
            at = exceeded_ms(one, minutes, now, rule.idle_ms)
            if at is not None and not is_told(number, "", one, minutes, given_):
                given_.append(Told(number, "", one.object, minutes, one.place, one.user, at))
    expected = [
        (one.user, one.object, one.start_ms + minutes * MINUTE)
        for one in sessions_of(rule, arrived)
        if counter_ms(one, now, rule.idle_ms) > minutes * MINUTE
    ]
    assert sorted((told_.user, told_.object, told_.exceeded_ms) for told_ in given_) == sorted(expected)


@given(points=POINTS, order=st.randoms(use_true_random=False), minutes=st.sampled_from([1, 3, 10]))
def test_no_session_that_exceeds_goes_without_a_warning_in_whichever_order_its_events_come(
    points: list[tuple[int, str, str]], order: Any, minutes: int
) -> None:
    rule = Rule(by="username")
    arriving = list(points)
    order.shuffle(arriving)
    now = START + 61 * MINUTE
    given_: list[Told] = []
    for n in range(1, len(arriving) + 1):
        seen = sorted(
            Point(START + at * MINUTE, user, what, True, "198.51.100.7") for at, what, user in arriving[:n]
        )
        found = sessions_of(rule, seen)
        for number, one in enumerate(found):
            at = exceeded_ms(one, minutes, now, rule.idle_ms)
            if at is not None and not is_told(1000 * n + number, "", one, minutes, given_):
                given_.append(Told(1000 * n + number, "", one.object, minutes, one.place, one.user, at))
    for one in found:
        if exceeded_ms(one, minutes, now, rule.idle_ms) is not None:
            assert any(
                (told_.user, told_.object) == (one.user, one.object) and told_.exceeded_ms >= one.start_ms
                for told_ in given_
            )


@given(
    looks=st.lists(st.tuples(st.integers(0, 3_600), st.integers(0, 2)), min_size=1, max_size=60),
    minutes=st.integers(1, 30),
)
def test_however_often_and_by_whomever_it_is_looked_at_it_is_told_once(
    looks: list[tuple[int, int]], minutes: int
) -> None:
    """Seconds at which one of three looks, each seeing the session's beginning a little earlier or later."""
    given_: list[Told] = []
    for at_s, watcher in looks:
        one = session(start=-1_000 * watcher, last=3_600_000)
        at = exceeded_ms(one, minutes, START + at_s * 1000, IDLE)
        if at is not None and not is_told(watcher, "", one, minutes, given_):
            given_.append(Told(watcher, "", one.object, minutes, one.place, one.user, at))
    latest = max(at_s * 1000 + 1_000 * watcher for at_s, watcher in looks)
    assert len(given_) == (1 if latest > minutes * MINUTE else 0)
