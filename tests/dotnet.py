# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles and runs one C# file: with a .NET SDK where one is installed, else with what the package registries have.

No registry that tests may use has an SDK. PyPI has the runtime of .NET Core 3.1 and Debian the compiler of Mono, which
together do: the compiler is given the runtime's own assemblies. That runtime wants OpenSSL 1.1, which wheels of that
time brought along. It is old, and good for nothing but finding out whether a program does what it should.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from .system_packages import program

KEPT: Final = Path(__file__).resolve().parent.parent / "build" / "dotnet"
RUNTIME: Final = "dotnetcore2==3.1.23"
OPENSSL: Final = "psycopg2-binary==2.9.5"
PROJECT: Final = """<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType>
<TargetFramework>net{version}.0</TargetFramework></PropertyGroup></Project>
"""
CONFIGURATION: Final = """{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
"configProperties": {"System.Globalization.Invariant": true}}}
"""


class Program(NamedTuple):
    """How a compiled program is started, and what its environment needs beside the usual."""

    command: list[str]
    environment: dict[str, str]


def compiled(source: Path, folder: Path) -> Program:
    """Compile `source` into `folder`. Skips the test where there is no way to."""
    if dotnet := shutil.which("dotnet"):
        sdks = subprocess.run([dotnet, "--list-sdks"], capture_output=True, text=True, check=False).stdout
        if sdks.strip():
            version = sdks.split()[-2].partition(".")[0]
            (folder / "program.csproj").write_text(PROJECT.format(version=version))
            shutil.copy(source, folder / "Program.cs")
            _run([dotnet, "build", "--output", str(folder / "out"), str(folder)])
            return Program([dotnet, str(folder / "out" / "program.dll")], {})
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("there is no .NET SDK, and the registries have a runtime for Linux on x86-64 only")
    compiler = program("mcs", "mono-mcs")
    runtime, libraries = _runtime()
    assemblies = next(runtime.glob("shared/Microsoft.NETCore.App/*"))
    references = [
        f"-r:{one}"
        for pattern in ("System*.dll", "mscorlib.dll", "netstandard.dll")
        for one in sorted(assemblies.glob(pattern))
        if "WindowsRuntime" not in one.name
    ]
    target = folder / "program.dll"
    _run(
        [
            compiler,
            "-nostdlib",
            "-noconfig",
            "-langversion:latest",
            *references,
            f"-out:{target}",
            str(source),
        ]
    )
    target.with_suffix(".runtimeconfig.json").write_text(CONFIGURATION)
    return Program([str(runtime / "dotnet"), str(target)], {"LD_LIBRARY_PATH": str(libraries)})


def _runtime() -> tuple[Path, Path]:
    """The folder of the runtime, and that of the libraries that it loads; fetched once for a checkout."""
    runtime, libraries = KEPT / "runtime", KEPT / "libraries"
    if not libraries.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        for requirement, name in ((RUNTIME, "wheel-runtime"), (OPENSSL, "wheel-openssl")):
            folder = KEPT / name
            pip = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
            ]
            which = ["--only-binary", ":all:", "--python-version", "3.11", "--dest", str(folder), requirement]
            fetched = subprocess.run([*pip, *which], capture_output=True, text=True, check=False)
            if fetched.returncode != 0:
                pytest.skip(f"there is no .NET SDK, and {requirement} cannot be had from the registry")
            with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
                wheel.extractall(folder)
        shutil.copytree(KEPT / "wheel-runtime" / "dotnetcore2" / "bin", runtime, dirs_exist_ok=True)
        (runtime / "dotnet").chmod(0o755)
        ready = KEPT / f"libraries-{os.getpid()}"
        shutil.copytree(next((KEPT / "wheel-openssl").glob("*.libs")), ready)
        for name in ("ssl", "crypto"):
            (ready / f"lib{name}.so.1.1").symlink_to(next(ready.glob(f"lib{name}-*.so.1.1")).name)
        ready.rename(libraries)
    return runtime, libraries


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
