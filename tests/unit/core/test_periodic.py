# SPDX-License-Identifier: GPL-3.0-or-later
"""Periodic work: rounds, failures, the end."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import CollectorRegistry

from tmon.server.core import Job, Periodic
from tmon.server.store.base import Unavailable


def test_every_job_runs_in_every_round() -> None:
    ran: list[str] = []
    enough = threading.Event()

    def note(name: str) -> Job:
        def run(stopping: threading.Event) -> None:
            ran.append(name)
            if len(ran) >= 6:
                enough.set()

        return Job(name, run)

    periodic = Periodic([note("a"), note("b")], interval_s=0.01, first_after_s=0.0)
    periodic.start()
    assert enough.wait(30)
    periodic.stop()
    assert ran[:6] == ["a", "b", "a", "b", "a", "b"]


def test_a_job_that_fails_is_reported_and_the_others_go_on() -> None:
    registry = CollectorRegistry()
    errors = iter([Unavailable("the disk is full"), ZeroDivisionError("a bug")])

    def fails(stopping: threading.Event) -> None:
        error = next(errors, None)
        if error is not None:
            raise error

    job = Job("expire", fails)
    periodic = Periodic([job, Job("other", lambda stopping: None)], registry=registry)
    periodic.round(job)
    assert periodic.failing == {"expire": "the disk is full"}
    assert registry.get_sample_value("tmon_periodic_failing", {"job": "expire"}) == 1
    periodic.round(job)
    assert periodic.failing == {"expire": "a bug"}
    periodic.round(job)
    assert periodic.failing == {}
    assert registry.get_sample_value("tmon_periodic_failing", {"job": "expire"}) == 0
    last = registry.get_sample_value("tmon_periodic_last_success_seconds", {"job": "expire"})
    assert last is not None
    assert last > 1_700_000_000


def test_stopping_lets_the_job_know_and_runs_no_other() -> None:
    begun, ended = threading.Event(), threading.Event()
    ran: list[str] = []

    def long(stopping: threading.Event) -> None:
        begun.set()
        assert stopping.wait(30)
        ran.append("long")

    periodic = Periodic(
        [Job("long", long), Job("next", lambda stopping: ran.append("next"))],
        first_after_s=0.0,
        ended=ended.set,
    )
    periodic.start()
    assert begun.wait(30)
    periodic.stop()
    assert ran == ["long"]
    assert ended.is_set()


@pytest.mark.parametrize("started", [True, False])
def test_it_can_be_stopped_before_anything_ran(started: bool) -> None:
    periodic = Periodic([Job("never", lambda stopping: pytest.fail("it ran"))], first_after_s=3600)
    if started:
        periodic.start()
    periodic.stop()


def test_two_threads_of_jobs_share_the_figures() -> None:
    registry = CollectorRegistry()
    first = Periodic([Job("slow", lambda stopping: None)], registry=registry)

    def fails(stopping: threading.Event) -> None:
        raise Unavailable("the disk is full")

    job = Job("quick", fails)
    second = Periodic([job], interval_s=2, figures=first.figures)
    second.round(job)
    assert registry.get_sample_value("tmon_periodic_failing", {"job": "quick"}) == 1
    assert registry.get_sample_value("tmon_periodic_failing", {"job": "slow"}) == 0
