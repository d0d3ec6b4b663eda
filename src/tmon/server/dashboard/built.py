# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the scripts and style sheets of a page are: bundled in static/built, or as they were written.

setup.py bundles them, and notes in static/built/manifest.json which file it made of which, and a digest of what it
made them from. In a checkout somebody may have changed a source since; then the sources are served, which are the same
but more and larger, and the log says so. So nobody looks at a page that is not what he wrote.
"""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache
from pathlib import Path

from tmon.settings.paths import shipped

log = logging.getLogger(__name__)


@cache
def built() -> dict[str, str]:
    """What was made of which source, both as paths in `static`; empty where that is missing or older than a source."""
    static = shipped("static")
    try:
        manifest = json.loads((static / "built" / "manifest.json").read_text("utf-8"))
    except FileNotFoundError:
        log.warning("the scripts are served as they are, since nothing was built (make web)")
        return {}
    if manifest["sources"] != digest(static):
        log.warning("the scripts are served as they are, since they were changed after the build (make web)")
        return {}
    return dict(manifest["files"])


def digest(static: Path) -> str:
    """SHA-256 of the names and the contents of the scripts and style sheets, in hexadecimal; setup.py has the same."""
    found = hashlib.sha256()
    for path in sorted(path for kind in ("css", "js") for path in (static / kind).rglob(f"*.{kind}")):
        found.update(path.relative_to(static).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
