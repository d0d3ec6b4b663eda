# SPDX-License-Identifier: GPL-3.0-or-later
"""What every setting is at present, for people: of secrets only whether they are set. Works where some are wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .declared import Declaration, declarations, read
from .errors import SettingError
from .redaction import redact


@dataclass(frozen=True, slots=True)
class Present:
    """One setting as it is in an environment."""

    declaration: Declaration
    shown: str
    """Its text, or of a secret: set; set, from a file; unset."""
    given: bool
    """Whether the environment has it; else the default holds."""
    wrong: str | None
    """What is wrong with it and what to do, without its name."""


def present(environ: Mapping[str, str] | None = None) -> Iterator[Present]:
    """Each setting, in the order of their declaration. `environ` is this process's environment unless given."""
    environ = os.environ if environ is None else environ
    for _, declaration in declarations():
        text = environ.get(declaration.name) or None
        from_file = declaration.secret and bool(environ.get(f"{declaration.name}_FILE"))
        if declaration.secret:
            shown = "set" if text else "set, from a file" if from_file else "unset"
        else:
            shown = redact(" ".join((text or declaration.default or "unset").split()))
        wrong = None
        try:
            read(declaration.name, environ)
        except SettingError as error:
            wrong = redact(str(error).removeprefix(f"{declaration.name}: "))
        yield Present(declaration, shown, bool(text) or from_file, wrong)
