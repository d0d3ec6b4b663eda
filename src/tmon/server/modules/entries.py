# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of the catalogue, and the files that entries are read from and written to: CSV and JSON. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from .patterns import has_controls, shown

MOST_ENTRIES: Final = 10_000
MOST_BYTES: Final = 2 * 1024 * 1024
LENGTHS: Final = {"slug": 200, "name": 200, "description": 2_000, "language": 35, "logo": 500, "url": 500}
MOST_CATEGORIES: Final = 20
MOST_TOLD: Final = 10
"""So many rows that are wrong are told of at once."""
CATEGORY_LENGTH: Final = 60
COLUMNS: Final = ("slug", "name", "description", "language", "categories", "logo", "url")
BETWEEN: Final = "; "
"""Stands between categories in a table."""
FORMULAS: Final = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""With these a formula begins, as query's tables have it too; the last four are the wide forms of the first."""


class WrongEntry(ValueError):
    """What was given is no entry, or no file of them; the message says where and why."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is used. `slug` is what sessions call it; `url` that of its first page, and `logo` a picture's."""

    slug: str
    name: str = ""
    description: str = ""
    language: str = ""
    categories: tuple[str, ...] = ()
    logo: str = ""
    url: str = ""


def entry_of(given: Mapping[str, Any]) -> Entry:
    """The entry that values by name make. Raises WrongEntry."""
    unknown = sorted(set(given) - set(COLUMNS))
    if unknown:
        raise WrongEntry(f"there is no {shown(str(unknown[0]))}; there are {', '.join(COLUMNS)}")
    texts = {name: _text(name, given.get(name)) for name in LENGTHS}
    if not texts["slug"]:
        raise WrongEntry("slug is missing: the name of its folder, as requests have it")
    for name in ("logo", "url"):
        _check_address(name, texts[name])
    return Entry(**texts, categories=_categories(given.get("categories")))


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongEntry(f"{name} is a text")
    text = value.strip()
    if name == "description":
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    if len(text) > LENGTHS[name]:
        raise WrongEntry(f"{name} has at most {LENGTHS[name]:,} characters, not {len(text):,}")
    if has_controls(text.replace("\n", " ") if name == "description" else text):
        raise WrongEntry(f"{name} has characters that can't be seen")
    return text


def _check_address(name: str, text: str) -> None:
    """An address is a path, or one of http or https: nothing that does something when it is followed."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise WrongEntry(f"{name}: {shown(text)} is no address") from None
    if (
        text
        and not (parts.scheme in ("http", "https") and parts.netloc)
        and (not text.startswith("/") or text.startswith("//"))
    ):
        raise WrongEntry(f"{name} is an address that begins with https://, http:// or /, not {shown(text)}")


def _categories(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = value.split(";") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(one, str) for one in parts):
        raise WrongEntry("categories are texts in a list, or with ; between them")
    found = tuple(dict.fromkeys(one.strip() for one in parts if one.strip()))
    if len(found) > MOST_CATEGORIES:
        raise WrongEntry(f"there are at most {MOST_CATEGORIES} categories, not {len(found)}")
    for one in found:
        if len(one) > CATEGORY_LENGTH or has_controls(one) or ";" in one:
            raise WrongEntry(f"category {shown(one)} is no word of at most {CATEGORY_LENGTH} characters")
    return found


def read(content: bytes) -> list[Entry]:
    """The entries of a CSV or JSON file, told apart by how it begins. Raises WrongEntry, naming the rows."""
    if len(content) > MOST_BYTES:
        raise WrongEntry(f"the file has more than {MOST_BYTES // 1024**2} MB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise WrongEntry(f"the file is not UTF-8 (at byte {error.start:,})") from None
    rows = _json_rows(text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(text)
    if len(rows) > MOST_ENTRIES:
        raise WrongEntry(f"there are {len(rows):,} modules in it; at most {MOST_ENTRIES:,}")
    found: dict[str, Entry] = {}
    wrong: list[str] = []
    for number, row in rows:
        try:
            entry = entry_of(row)
        except WrongEntry as error:
            wrong.append(f"row {number}: {error}")
            continue
        if entry.slug in found:
            wrong.append(f"row {number}: slug {shown(entry.slug)} is there twice")
        found[entry.slug] = entry
    if wrong:
        more = len(wrong) - MOST_TOLD
        told = [*wrong[:MOST_TOLD], f"and {more:,} more"] if more > 0 else wrong
        raise WrongEntry("; ".join(told))
    return list(found.values())


def _json_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongEntry(f"this is not JSON: {str(error)[:200]}") from None
    rows = given.get("results") if isinstance(given, dict) else given
    if not isinstance(rows, list):
        raise WrongEntry("JSON is a list of modules, each an object")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise WrongEntry(f"row {number} is no object")
    return [
        (number, {name: value for name, value in row.items() if name != "origin"})
        for number, row in enumerate(rows, start=1)
    ]


def _csv_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        heads = next(reader, None)
        if not heads or "slug" not in heads:
            raise WrongEntry(f"the first row names the columns: {', '.join(COLUMNS)}")
        if len(set(heads)) < len(heads):
            raise WrongEntry("the first row names a column twice")
        found: list[tuple[int, Mapping[str, Any]]] = []
        for number, row in enumerate(reader, start=2):
            if not any(row):
                continue
            if len(row) > len(heads):
                raise WrongEntry(f"row {number} has more columns than the first one")
            found.append((number, {n: _plain(v) for n, v in zip(heads, row, strict=False) if n != "origin"}))
    except csv.Error as error:
        raise WrongEntry(f"this is not CSV: {error}") from None
    return found


def _plain(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'")[:1] in tuple(FORMULAS) else cell


def as_csv(entries: Iterable[Entry]) -> str:
    """Entries as CSV that `read` takes back, and that does nothing in a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        cells: Sequence[str] = [
            BETWEEN.join(entry.categories) if name == "categories" else getattr(entry, name)
            for name in COLUMNS
        ]
        writer.writerow(f"'{cell}" if cell.lstrip("'")[:1] in tuple(FORMULAS) else cell for cell in cells)
    return text.getvalue()


def as_json(entries: Iterable[Entry]) -> str:
    """Entries as JSON that `read` takes back."""
    return json.dumps([msgspec.to_builtins(entry) for entry in entries], ensure_ascii=False, indent=1)
