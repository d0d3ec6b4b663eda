# SPDX-License-Identifier: GPL-3.0-or-later
"""README.md says the truth: its commands are run in its order, against a server, and its links lead somewhere."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .server_process import HOST, ServerProcess

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
MADE_BY_HAND = ("make serve", "make test")


def test_the_readme_s_commands_send_and_read_events_in_their_order(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("the README's commands need bash and curl, and one of them is not installed")
    port = free_port()
    server = ServerProcess(tmp_path, TMON_PUBLIC_URL=f"http://{HOST}:{port}")
    server.port = port
    with server:
        server.command("user", "create", "admin")
        for name in ("shop", "docs", "api"):
            server.command("webservice", "create", name, "--owner", "admin")
        script = ["set -euo pipefail"]
        for language, text in BLOCKS:
            if text.startswith(MADE_BY_HAND):
                continue
            script.append(text if language == "sh" else f"{sys.executable} -W error <<'END'\n{text}END")
        text = "\n".join(script).replace("curl -H", "curl --silent --show-error --fail -H")
        text = re.sub(r"(?<![\w/])\.venv/bin/tmon", f"{sys.executable} -m tmon.cli", text)
        text = re.sub(r"(?<![\w/])\.venv/bin/python", sys.executable, text)
        text = text.replace(f"{HOST}:8000/", f"{HOST}:{port}/")
        said = server.run("bash", "-c", text)
    answers = [json.loads(line) for line in re.findall(r'\{"status_code".*?\}(?=\{"status_code"|\n|$)', said)]
    countries, german, summary, sources = answers
    assert [row["requests"] for row in countries["results"]] == [3]
    assert german["results"] == []
    assert summary["results"]["requests"] == 3
    assert (sources["totals"]["stored"], sources["totals"]["missing"]) == (3, 0)


def test_every_command_of_the_readme_is_run_or_made_by_hand() -> None:
    by_hand = [text.splitlines()[0] for _, text in BLOCKS if text.startswith(MADE_BY_HAND)]
    assert by_hand == ["make serve", "make test"]
    assert len(BLOCKS) == 7


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_the_readme_s_links_lead_somewhere(path: str) -> None:
    assert (CHECKOUT / path).is_file()
