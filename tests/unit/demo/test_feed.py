# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a feed of the demo's traffic begins, and what is remembered of how far it came."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tmon.demo import Plan, Traffic, progress
from tmon.demo.feed import Feed
from tmon.demo.sites import SHOP

DSN = f"tmon+http://{'ab' * 32}@127.0.0.1:9/1"


def feed(plan: Plan, hour: int) -> Feed:
    return Feed(Traffic(SHOP, plan), DSN, hour, threading.Event())


def test_a_feed_goes_on_where_the_last_one_was() -> None:
    now = int(time.time()) // 3600
    plan = Plan(seed=1, start=now * 3600, days=5)
    assert feed(plan, now - 7).hour == now - 7


def test_after_a_stop_of_more_than_the_plan_s_days_only_these_are_made_up() -> None:
    now = int(time.time()) // 3600
    plan = Plan(seed=1, start=(now - 24 * 400) * 3600, days=5)
    assert now - 120 <= feed(plan, plan.first_hour).hour <= now - 119


def test_progress_is_what_was_saved(tmp_path: Path) -> None:
    progress.save(tmp_path / "progress.json", {"shop": 498_791, "api": 498_790})
    assert progress.load(tmp_path / "progress.json") == {"shop": 498_791, "api": 498_790}


def test_without_a_file_there_is_no_progress(tmp_path: Path) -> None:
    progress.save(None, {"shop": 498_791})
    assert progress.load(None) == {}
    assert progress.load(tmp_path / "progress.json") == {}


def test_progress_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    for content in ("", "[]", '{"shop": "x"}', "\0"):
        file.write_text(content)
        assert progress.load(file) == {}
