# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/client.md names what there is, and what it shows runs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import tmon
from tmon.client_api import Client, default

ROOT = Path(__file__).parents[3]
DOCS = (ROOT / "docs" / "client.md").read_text("utf-8")


def section(title: str) -> str:
    return DOCS.partition(f"## {title}\n")[2].partition("\n## ")[0]


def named_in_tables(text: str) -> set[str]:
    """The words in code type in the first column."""
    return {
        name
        for row in re.findall(r"^\|([^|]*)\|", text, re.MULTILINE)
        for name in re.findall("`([^`]*)`", row)
    }


def test_every_setting_is_described_with_its_default() -> None:
    parameters = inspect.signature(Client).parameters
    assert named_in_tables(section("Settings")) == set(parameters) - {"dsn"}
    rows = section("Settings")
    for shown, names in (
        ("500, 1 MiB, 1", {"batch_events": 500, "batch_bytes": 2**20, "batch_age_s": 1.0}),
        ("10,000, 32 MiB", {"queue_events": 10_000, "queue_bytes": 32 * 2**20}),
        ("64 MiB, 7 days", {"spool_bytes": 64 * 2**20, "spool_age_s": 7 * 86_400.0}),
    ):
        assert f"| {shown} |" in rows
        assert {name: parameters[name].default for name in names} == names


def test_every_reason_for_a_loss_is_described() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src/tmon/client_api").glob("*.py"))
    used = set(
        re.findall(r'drop\(\s*"(\w+)"|settle\([^"\n]*"(\w+)"|outcome: Answer \| str = "(\w+)"', source)
    )
    reasons = {word for found in used for word in found if word}
    described = named_in_tables(section("What is lost"))
    assert reasons >= {"before_send", "not_encodable", "undelivered", "failed", "expired", "spool_full"}
    assert described == reasons | {
        "queue_full",
        "closed",
        "too_large",
        "middleware",
        "other",
        "refused_<status>",
    }


def test_what_it_shows_for_tests_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "_default", default.Default())
    (code,) = re.findall(r"```python\n(.*?)```", section("In your tests"), re.DOTALL)
    exec(compile(code, "docs/client.md", "exec"), {})  # noqa: S102 (the documentation is ours)


def test_every_example_is_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMON_DSN", f"tmon+http://{'ab' * 32}@127.0.0.1:9/7")
    monkeypatch.setattr(default, "_default", default.Default())
    for code in re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL):
        exec(compile(code.replace("/var/spool", str(tmp_path)), "docs/client.md", "exec"), {})  # noqa: S102
    client = default._default.client
    assert client is not None
    client.close(0)
    assert set(tmon.__all__) >= {"init", "track", "flush", "Client"}
