# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaching whoever owns the event store of a data folder, from a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Failure

if TYPE_CHECKING:
    from tmon.server.catalogue import View
    from tmon.settings import Settings


def view_folders(settings: Settings) -> list[Path]:
    """Where views are read from: the ones that T-Mon ships, and the operator's own."""
    from tmon.settings import shipped

    return [shipped("views"), settings.views or settings.data / "views"]


def views(settings: Settings) -> dict[str, View]:
    """The views of those folders by name. Raises Failure where a file is wrong."""
    from tmon.server.catalogue import ViewError, read_views

    try:
        return read_views(view_folders(settings))
    except ViewError as error:
        raise Failure(str(error)) from error


def ask_owner(settings: Settings, command: dict[str, Any]) -> dict[str, Any]:
    """Have the running server carry out `command`, or do it here where none runs. Raises Failure."""
    from tmon.server.store import open_store
    from tmon.server.writer import WriterError, control

    try:
        return control.ask(
            settings.data,
            command,
            open_store=lambda: open_store(settings.store, settings.data),
            read_views=lambda: views(settings),
        )
    except WriterError as error:
        raise Failure(str(error)) from error
