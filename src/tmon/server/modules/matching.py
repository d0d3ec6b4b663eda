# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module of the catalogue an object of a session is. Pure.

It is the one whose slug is the object, whatever the case and whether words are joined by _, - or blanks; else the only
one whose address has the object for a folder; else the only one whose slug begins so.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from .entries import Entry

SHORTEST: Final = 3
"""Characters of an object from which the beginning of a slug is enough."""
JOINS = re.compile(r"[_\s]+")
OTHERS = re.compile(r"[^\w-]+|_")


def key_of(text: str) -> str:
    """What slugs are compared by: small letters, - for _ and blanks, without other signs.

    Accents are of their letters: some file systems name folders with the two apart.
    """
    return OTHERS.sub("", JOINS.sub("-", unicodedata.normalize("NFC", text.lower())))


class Catalogue:
    """Entries, and how objects find them. Of entries that are alike the first by slug is found."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = sorted(entries, key=lambda entry: entry.slug)
        self._by_key: dict[str, Entry] = {}
        by_folder: dict[str, Entry | None] = {}
        for entry in self.entries:
            self._by_key.setdefault(key_of(entry.slug), entry)
            folders = unquote(entry.url.partition("?")[0]).split("/")[:-1]
            for folder in dict.fromkeys(map(key_of, folders)):
                # In the addresses of several it is a folder around modules, such as "uploads", and names none.
                by_folder[folder] = None if folder in by_folder else entry
        self._by_key.pop("", None)
        self._by_folder = {folder: one for folder, one in by_folder.items() if folder and one is not None}
        self._keys = sorted(self._by_key)

    def find(self, object_: str) -> Entry | None:
        """The entry of an object, None if it is in no catalogue."""
        key = key_of(object_)
        if not key:
            return None
        found = self._by_key.get(key) or self._by_folder.get(key)
        if found is not None or len(key) < SHORTEST:
            return found
        at = bisect_left(self._keys, key)
        alike = [one for one in self._keys[at : at + 2] if one.startswith(key)]
        return self._by_key[alike[0]] if len(alike) == 1 else None
