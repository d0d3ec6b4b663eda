# SPDX-License-Identifier: GPL-3.0-or-later
"""`tmon views`: which views there are, what one says, and bringing the store up to their files."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import Any

from .errors import Failure


def register(subparsers: Any) -> None:
    """Add `tmon views` to the root parser."""
    group = subparsers.add_parser(
        "views",
        help="what events are grouped by",
        description="Views: what events are grouped by, one file each.",
    )
    group.set_defaults(run=lambda _: group.print_help(sys.stderr) or 2)
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, run, help in (
        ("list", _list, "the views, in the order of their panels"),
        ("show", _show, "what one view's file says"),
        ("sync", _sync, "read the files again: new views fill from the log, views without a file go"),
    ):
        parser = commands.add_parser(name, help=help, description=help)
        parser.add_argument("--data", metavar="DIR", help="the data folder (default: TMON_DATA, else ./var)")
        if name == "show":
            parser.add_argument("name", metavar="NAME")
        parser.add_argument("--json", action="store_true", help="print JSON")
        parser.set_defaults(run=run)


def _list(arguments: argparse.Namespace) -> int:
    from tmon.settings import prepare

    from .owner import views

    known = views(prepare(arguments.data))
    if arguments.json:
        print(json.dumps([_as_json(view) for view in known.values()]))
        return 0
    width = max(map(len, known), default=0)
    for name, view in known.items():
        print(f"{name:{width}}  {view.field:{width}}  {view.visitors:8}  {view.title}")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from tmon.settings import prepare

    from .owner import views

    known = views(prepare(arguments.data))
    if arguments.name not in known:
        raise Failure(f"there is no view {arguments.name!r}; `tmon views list` names them")
    described = _as_json(known[arguments.name])
    if arguments.json:
        print(json.dumps(described))
        return 0
    for key, value in described.items():
        print(f"{key:8} = {json.dumps(value)}")
    return 0


def _sync(arguments: argparse.Namespace) -> int:
    from tmon.settings import prepare

    from .owner import ask_owner, views

    settings = prepare(arguments.data)
    views(settings)  # a wrong file is told here, where whoever wrote it looks
    changed = ask_owner(settings, {"do": "views-sync"})["views"]
    if arguments.json:
        print(json.dumps({"changed": changed}))
    else:
        print("changed: " + ", ".join(changed) if changed else "nothing has changed")
    return 0


def _as_json(view: Any) -> dict[str, Any]:
    described = dataclasses.asdict(view)
    classes = described.pop("classes")
    if classes is not None:
        described["classes"] = {"from": classes["start"], "to": classes["end"], "ratio": classes["ratio"]}
    return described
