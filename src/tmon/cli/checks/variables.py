# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every setting is right, and no variable looks like one that does not exist."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

OTHERS: Final = ("TMON_BUILD_", "TMON_TEST_")
"""How variables begin that whoever builds or tests T-Mon sets."""


def check(deployment: Deployment) -> Iterator[Finding]:
    """Each wrong setting, each unknown one, and how many are set."""
    from tmon.settings import present

    every = list(present())
    for name, why in deployment.wrong.items():
        what, _, advice = why.partition("; ")
        yield problem(
            f"{name}: {what}", advice or f"correct or unset {name}; tmon doctor --settings explains it"
        )
    known = {one.declaration.name for one in every}
    known |= {f"{one.declaration.name}_FILE" for one in every if one.declaration.secret}
    for name in sorted(os.environ):
        if name.startswith("TMON_") and name not in known and not name.startswith(OTHERS):
            near = difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {near[0]}?" if near else "tmon doctor --settings lists all settings"
            yield warning(f"{name} is set, and no setting has that name", meant)
    if not deployment.wrong:
        given = ", ".join(one.declaration.name for one in every if one.given)
        yield ok(f"stage {deployment.settings.stage}; given: {given or 'none, so that defaults hold'}")
