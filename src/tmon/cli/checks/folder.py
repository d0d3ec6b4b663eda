# SPDX-License-Identifier: GPL-3.0-or-later
"""The data folder: whether it is there, ours, private and writable, and the files in it are private."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .deployment import Deployment
from .findings import Finding, ok, problem, warning

BESIDE: Final = ("", "-wal", "-shm")


def check(deployment: Deployment) -> Iterator[Finding]:
    """The folder itself, and the databases in it."""
    data = deployment.data
    try:
        status = data.stat()
    except FileNotFoundError:
        yield from _not_there(data)
        return
    except OSError as error:
        yield problem(
            f"{data} cannot be reached: {error.strerror}", "choose a folder that this user can reach"
        )
        return
    if not data.is_dir():
        yield problem(f"{data} is not a folder", "set TMON_DATA to a folder, which is made if it is missing")
        return
    fine = True
    if status.st_uid != os.geteuid():
        fine = False
        yield _not_ours(data, status.st_uid)
    elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        fine = False
        yield problem(f"{data} cannot be written to", f"chmod 700 {data}; or mount its disk for writing")
    if status.st_mode & 0o077:
        fine = False
        say = problem if status.st_mode & 0o022 else warning
        can = "change" if status.st_mode & 0o022 else "look into"
        yield say(f"others can {can} {data} (mode {status.st_mode & 0o777:03o})", f"chmod 700 {data}")
    for finding in _files(data, deployment.accounts_file):
        fine = False
        yield finding
    if fine:
        yield ok(f"{data}, private to its user")


def _not_there(data: Path) -> Iterator[Finding]:
    above = next(folder for folder in data.parents if folder.is_dir())
    if os.access(above, os.W_OK | os.X_OK):
        yield ok(
            f"{data} is not there yet; the first start makes it, private to its user, with all that belongs in it"
        )
    else:
        yield problem(
            f"{data} is not there, and this user cannot make it in {above}",
            "make it and give it to the user who runs tmon serve, or set TMON_DATA to another folder",
        )


def _not_ours(data: Path, owner: int) -> Finding:
    whose, ours = _name(owner), _name(os.geteuid())
    advice = f"run tmon, and this check, as {whose}; or: chown -R {ours} {data}"
    message = f"{data} belongs to {whose}, and this is run as {ours}"
    return warning(message, advice) if os.access(data, os.W_OK) else problem(message, advice)


def _files(data: Path, accounts: Path | None) -> Iterator[Finding]:
    databases = [data / "log.db", data / "views.db", *([accounts] if accounts else [])]
    for file in (one.with_name(f"{one.name}{end}") for one in databases for end in BESIDE):
        try:
            mode = file.stat().st_mode & 0o777
        except OSError:
            continue
        if mode & 0o077:
            can = "change" if mode & 0o022 else "read"
            yield problem(f"others can {can} {file} (mode {mode:03o})", f"chmod 600 {file}")
        if not os.access(file, os.R_OK | os.W_OK):
            yield problem(f"this user cannot read and write {file}", f"see who owns it: ls -l {file}")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
