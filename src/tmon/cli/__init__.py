# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon`: the composition root, the only room that wires everything.

Each module of this room has one group of commands and a `register(subparsers)`; a command is a subparser whose
default `run` takes the parsed arguments and returns an exit status. Modules import what is heavy inside `run`, so
that `tmon send` needs neither Django nor Tornado.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence

from .errors import Failure, WrongUsage

__all__ = ["Failure", "WrongUsage", "main", "parser"]

GROUPS = (
    "serving",
    "core",
    "sending",
    "importing",
    "agents",
    "loading",
    "conforming",
    "accounts",
    "webservices",
    "shares",
    "modules",
    "views",
    "doctor",
)
"""Modules of this room that have commands, in the order of `tmon --help`."""

DONE, NOT_DONE, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    root = argparse.ArgumentParser(
        prog="tmon",
        description="Collects what happened, sealed, and shows it on a map, in graphs and in rankings.",
    )
    root.add_argument("--version", action="store_true", help="print the version and exit")
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for group in GROUPS:
        importlib.import_module(f".{group}", __name__).register(subparsers)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 it could not be done, 2 wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be text in the terminal's encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    root = parser()
    try:
        arguments = root.parse_args(argv)
    except SystemExit as exit_:  # argparse has said what is wrong, or shown its help
        return exit_.code if isinstance(exit_.code, int) else WRONG_USAGE
    if arguments.version:
        from importlib.metadata import version

        print(f"tmon {version('tmon')}")
        return DONE
    run: Callable[[argparse.Namespace], int] | None = getattr(arguments, "run", None)
    if run is None:
        root.print_help(sys.stderr)
        return WRONG_USAGE
    return finished(run, arguments)


def finished(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command to its end and return its exit status; what goes wrong is one line on stderr."""
    status = DONE
    try:
        status = run(arguments)
        if sys.stdout is not None:  # it was closed before we began
            sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        pass
    except Exception as error:  # noqa: BLE001 (whatever it is, people get one line)
        message, status = _explain(error)
        print(f"tmon: {message}", file=sys.stderr)
    _drop_unwritten()
    return status


def _drop_unwritten() -> None:
    """Have Python not try once more, at its end, to write what could not be written: its exit status would be 120."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(error: Exception) -> tuple[str, int]:
    """One line for people, and the exit status."""
    from tmon.settings.errors import SettingError
    from tmon.settings.redaction import redact

    if isinstance(error, Failure):
        status, text = error.status, str(error)
    elif isinstance(error, SettingError):
        status, text = NOT_DONE, str(error)
    elif isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("tmon"):
        status, text = (
            NOT_DONE,
            f"this command needs {error.name}; install the server: pip install 'tmon[server]'",
        )
    elif isinstance(error, OSError) and error.filename is not None:
        status, text = NOT_DONE, f"{error.filename}: {error.strerror}"
    else:
        status, text = NOT_DONE, _unexpected(error)
    return redact(" ".join(text.split())), status


def _unexpected(error: Exception) -> str:
    """Errors of rooms that a command did not translate; with TMON_LOG_LEVEL=debug the traceback comes before."""
    if os.environ.get("TMON_LOG_LEVEL") == "debug":
        import traceback

        from tmon.settings.redaction import redact

        sys.stderr.write(redact("".join(traceback.format_exception(error))))
    known = type(error).__module__.startswith("tmon.")
    return str(error) if known and str(error) else f"{type(error).__name__}: {error}"
