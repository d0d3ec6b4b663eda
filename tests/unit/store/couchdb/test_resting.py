# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node is asked first, and how long one that has failed is left alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from tmon.server.store.couchdb.resting import Rests


@dataclass
class Bench:
    """Rests of `count` nodes by a clock of the test's own. `chance` is 1 - as long a rest as may be - or 0, half."""

    count: int
    chance: float = 1.0
    now: float = 100.0
    rests: Rests = field(init=False)

    def __post_init__(self) -> None:
        self.rests = Rests(
            self.count, first_s=1.0, longest_s=8.0, clock=lambda: self.now, chance=lambda: self.chance
        )

    def order(self) -> list[int]:
        return self.rests.order(trying_s=30.0)

    def fails(self, node: int) -> None:
        """Fail at what began now, a moment later."""
        begun = self.now
        self.now += 0.001
        self.rests.failed(node, begun)


def test_nodes_take_turns() -> None:
    bench = Bench(3, chance=0.0)

    assert [bench.order() for _ in range(4)] == [[1, 2, 0], [2, 0, 1], [0, 1, 2], [1, 2, 0]]


def test_a_node_that_has_failed_comes_last_until_its_rest_is_over() -> None:
    bench = Bench(2)
    bench.fails(0)

    assert [bench.order() for _ in range(3)] == [[1, 0]] * 3
    bench.now += 0.99
    assert bench.order() == [1, 0]


def test_after_its_rest_one_request_tries_it_first_and_others_pass_it_by() -> None:
    bench = Bench(2)
    bench.fails(0)
    bench.now += 1.0

    assert bench.order() == [0, 1]
    assert [bench.order() for _ in range(3)] == [[1, 0]] * 3


def test_who_tried_and_told_nothing_does_not_end_the_trying() -> None:
    bench = Bench(2)
    bench.fails(0)
    bench.now += 1.0
    assert bench.order() == [0, 1]
    bench.now += 30.0

    assert bench.order() == [0, 1]


def test_a_node_that_works_again_takes_its_turns() -> None:
    bench = Bench(2)
    bench.fails(0)
    bench.now += 1.0
    bench.order()
    bench.rests.worked(0, bench.now)

    assert sorted(bench.order()[0] for _ in range(4)) == [0, 0, 1, 1]


def test_rests_double_up_to_a_bound() -> None:
    bench = Bench(1)
    pauses = []
    for _ in range(6):
        bench.fails(0)
        pauses.append(round(bench.rests.pause_s(), 6))
        bench.now += 100.0

    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_rest_is_at_least_half_as_long() -> None:
    bench = Bench(1, chance=0.0)
    bench.fails(0)

    assert round(bench.rests.pause_s(), 6) == 0.5


def test_thousands_of_failures_are_no_trouble() -> None:
    bench = Bench(1)
    for _ in range(5_000):
        bench.fails(0)

    assert round(bench.rests.pause_s(), 6) == 8.0


def test_failures_of_requests_side_by_side_are_one() -> None:
    bench = Bench(1)
    begun = bench.now
    bench.now += 0.001
    for _ in range(10):
        bench.rests.failed(0, begun)

    assert round(bench.rests.pause_s(), 6) == 1.0


def test_what_worked_before_the_failure_says_nothing() -> None:
    bench = Bench(2)
    begun = bench.now
    bench.now += 1.0
    bench.fails(0)
    bench.rests.worked(0, begun)

    assert bench.order() == [1, 0]


def test_where_all_rest_all_are_asked_the_one_that_wakes_first_before() -> None:
    bench = Bench(3)
    bench.fails(2)
    bench.fails(0)
    bench.fails(1)

    assert bench.order() == [2, 0, 1]
    assert 0.9 < bench.rests.pause_s() < 1.0


def test_there_is_no_pause_while_a_node_is_awake() -> None:
    bench = Bench(2)
    bench.fails(0)

    assert bench.rests.pause_s() == 0.0


def test_the_first_turn_is_by_chance_so_that_collectors_spread() -> None:
    assert {Rests(3, chance=lambda part=part: part).order(1.0)[0] for part in (0.0, 0.4, 0.9)} == {0, 1, 2}
