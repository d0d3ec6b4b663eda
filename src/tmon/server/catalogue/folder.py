# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading folders of views."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .view import View, ViewError, parse_view


def read_views(folders: Iterable[Path]) -> dict[str, View]:
    """Every view of the folders by name, in the order in which panels show them. Folders that are absent have none.

    Raises ViewError where a file is wrong or two folders have a view of the same name.
    """
    views: dict[str, View] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ViewError(f"{path}: cannot be read: {error}") from None
            if path.stem in views:
                raise ViewError(f"{path}: there is a view {path.stem!r} already; rename this one")
            views[path.stem] = parse_view(path.stem, text)
    return dict(sorted(views.items(), key=lambda item: (item[1].order, item[0])))
