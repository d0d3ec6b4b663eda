# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that tests need and Python has no package for: installed where that can be, else a skip that says so."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def program(name: str, package: str, folder: str | None = None) -> str:
    """The path of a program as `installed` finds it. Skips the test where there is none."""
    found = installed(name, package, folder)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package} runs these tests")
    return found


def installed(name: str, package: str, folder: str | None = None) -> str | None:
    """The path of a program, on the PATH or in a `folder` that is not, or None.

    Its Debian package is installed if it is missing, apt-get is there and this is root.
    """
    found = shutil.which(name, path=folder)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # A package that starts a server of its own must not: nobody would stop it.
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *arguments], env=environ, capture_output=True, check=False)
        found = shutil.which(name, path=folder)
    return found
