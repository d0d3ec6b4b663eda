# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/serving.md and docs/sending.md name what there is."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, cast

from tests.collecting import Server

from tmon.cli import core, serving
from tmon.server.core import Job, Periodic
from tmon.server.writer import Collectors, DiskShares, RemoteWriter, Share, StoreFigures

DOCS = Path(__file__).resolve().parents[2] / "docs"
SERVING = (DOCS / "serving.md").read_text("utf-8")
SENDING = (DOCS / "sending.md").read_text("utf-8")


def test_every_metric_is_described_and_none_that_does_not_exist(tmp_path: Path, prepared: Path) -> None:
    from tmon.server.limits.deliverer import Deliverer
    from tmon.server.limits.rounds import Figures
    from tmon.server.limits.watch import Watch

    with Server() as server:
        Collectors(tmp_path, server.writer.take, server.registry)
        RemoteWriter(tmp_path, "collector-1", str, registry=server.registry)
        StoreFigures(server.store, server.registry)
        DiskShares(server.writer, server.store, lambda wsid: Share(1, 14), registry=server.registry)
        Periodic([Job("expire", lambda stopping: None)], registry=server.registry)
        limits = Figures(server.registry)
        Watch(cast("Any", server.store), limits, registry=server.registry)
        Deliverer(limits, private=False, base_url="", registry=server.registry)
        text = server.request("GET", "/metrics").content.decode()
    families = re.findall(r"^# TYPE (tmon_\w+) (?:counter|gauge|histogram)$", text, re.MULTILINE)
    exposed = {name for name in families if not name.endswith("_created")}
    assert set(re.findall(r"`(tmon_[a-z_]+)", SERVING)) == exposed


def test_every_option_of_serve_is_described() -> None:
    root = argparse.ArgumentParser()
    subparsers = root.add_subparsers()
    serving.register(subparsers)
    options = {option for action in subparsers.choices["serve"]._actions for option in action.option_strings}
    assert set(re.findall(r"^\| `(--\w+)`", SERVING, re.MULTILINE)) == options - {"-h", "--help"}


def test_every_option_of_core_is_described() -> None:
    root = argparse.ArgumentParser()
    subparsers = root.add_subparsers()
    core.register(subparsers)
    actions = subparsers.choices["core"]._actions
    shown = {action.option_strings[0] for action in actions if action.help is not argparse.SUPPRESS}
    assert shown == {"-h", "--data"}
    assert "`tmon core [--data DIR]`" in SERVING


def test_every_status_of_the_collector_is_described() -> None:
    assert re.findall(r"^\| (\d{3}) \|", SENDING, re.MULTILINE) == [
        "200",
        "400",
        "403",
        "405",
        "413",
        "429",
        "503",
    ]
