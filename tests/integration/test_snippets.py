# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the first page offers for copying, run as they are shown against a server.

Python and Node are always there; the others run where their language is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.server_process import ServerProcess
from tests.integration.test_envelope_interoperates import node  # noqa: F401 (a fixture)

from tmon.server.dashboard.snippets import FILES, Snippet, snippets

EVENT = {"url": "/cart", "path": "/cart", "useragent": "curl/8.5.0", "status": 200}
PROJECT = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType>
<TargetFramework>net{version}.0</TargetFramework></PropertyGroup></Project>
"""
Command = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("snippets") / "data") as running:
        yield running
        assert running.troubles == []


def installed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed, so the snippet in its language is not run")
    return found


def command_for(language: str, request: pytest.FixtureRequest) -> Command:
    """How a program in this language is run."""
    if language == "Python":
        return lambda file: [sys.executable, "-W", "error", str(file)]
    if language == "Node":
        program = request.getfixturevalue("node")
        return lambda file: [program, str(file)]
    if language == "Shell":
        return lambda file: ["sh", str(file)]
    if language == "PHP":
        php = installed("php")
        return lambda file: [php, str(file)]
    if language == "Go":
        go = installed("go")
        return lambda file: [go, "run", str(file)]
    if language == "Java":
        java = installed("java")
        return lambda file: [java, str(file)]
    assert language == "C#"
    dotnet = installed("dotnet")
    version = subprocess.run(
        [dotnet, "--version"], capture_output=True, text=True, check=True
    ).stdout.partition(".")[0]

    def build(file: Path) -> list[str]:
        (file.parent / "send.csproj").write_text(PROJECT.format(version=version))
        return [dotnet, "run", "--project", str(file.parent)]

    return build


@pytest.mark.parametrize("language", FILES)
def test_a_snippet_reports_its_event_and_keeps_the_secret(
    server: ServerProcess, tmp_path: Path, request: pytest.FixtureRequest, language: str
) -> None:
    snippet = of(language)
    file = tmp_path / snippet.file
    file.write_text(snippet.text)
    command = command_for(language, request)(file)
    service = server.webservice(f"in {language}")
    dsn = server.dsn(service)
    (tmp_path / "tmon").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tmon.cli "$@"\n')
    (tmp_path / "tmon").chmod(0o700)
    environ = {
        **os.environ,
        "TMON_DSN": dsn,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "GOCACHE": str(tmp_path / "go"),
        "GOFLAGS": "-mod=mod",
    }
    done = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    assert service.secret.hex() not in " ".join(command) + done.stdout + done.stderr
    (event,) = server.events(service)
    assert {name: event[name] for name in EVENT} == EVENT


@pytest.mark.parametrize("language", ["Node", "PHP", "Go", "Java", "C#"])
def test_a_snippet_that_is_refused_fails_and_says_why_without_the_secret(
    server: ServerProcess, tmp_path: Path, request: pytest.FixtureRequest, language: str
) -> None:
    snippet = of(language)
    file = tmp_path / snippet.file
    file.write_text(snippet.text)
    command = command_for(language, request)(file)
    secret = "0123456789abcdef" * 4
    environ = {
        **os.environ,
        "TMON_DSN": f"tmon+http://{secret}@127.0.0.1:{server.port}/999",
        "HOME": str(tmp_path),
        "GOCACHE": str(tmp_path / "go"),
    }
    done = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode != 0
    assert "403" in done.stdout + done.stderr
    assert secret not in done.stdout + done.stderr


def test_every_file_of_the_folder_is_offered_without_the_line_about_its_licence() -> None:
    from tmon.settings.paths import shipped

    assert sorted(FILES.values()) == sorted(one.name for one in (shipped("templates") / "snippets").iterdir())
    for snippet in snippets():
        assert "SPDX" not in snippet.text
        assert snippet.text.endswith("\n")
    assert of("PHP").text.startswith("<?php\n// PHP 8")


def of(language: str) -> Snippet:
    return next(one for one in snippets() if one.language == language)
