# SPDX-License-Identifier: GPL-3.0-or-later
"""Many documents of a database in one request: writing them, and reading them by their ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..base import StoreError, Unavailable
from .nodes import Nodes

_WILL_NOT_DO: Final = frozenset(
    {"forbidden", "unauthorized", "bad_request", "doc_validation", "illegal_docid"}
)
"""Why a document isn't written however often it is tried. Anything else is the cluster's trouble of the moment."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the documents of a request: `new` has the revision of each that it wrote, by id.

    `conflicted` are the ids that are there already, in another revision than was sent; some or all of them may have
    been written by this very request, at a node whose answer was lost.
    """

    new: dict[str, str]
    conflicted: list[str]


def write(nodes: Nodes, database: str, documents: Sequence[Mapping[str, Any]]) -> Written:
    """Write the documents, each of which has an `_id`; what makes an id again needs the `_rev` that is there.

    Each is written or not for itself. Raises StoreError when one is refused for what it is, Unavailable when one could
    not be written just now: others may have been, and the same call may be made again. Raises also what
    `Nodes.request` does; ValueError for a document without an id, which at a second try would be a second document.
    """
    for document in documents:
        if not isinstance(document.get("_id"), str):
            raise ValueError("a document needs an _id of its own")
    if not documents:
        return Written({}, [])
    answers = nodes.request("POST", database, "_bulk_docs", body={"docs": documents})
    new: dict[str, str] = {}
    conflicted = []
    for answer in answers:
        error = answer.get("error")
        if error is None:
            new[answer["id"]] = answer["rev"]
        elif error == "conflict":
            conflicted.append(answer["id"])
        else:
            said = f"{answer.get('id')!r} in {database}: {error}: {answer.get('reason')}"
            if error in _WILL_NOT_DO:
                raise StoreError(f"CouchDB refuses the document {said}")
            raise Unavailable(f"CouchDB could not write the document {said}")
    if len(new) + len(conflicted) < len({document["_id"] for document in documents}):
        raise Unavailable(f"CouchDB does not say what became of all documents for {database}")
    return Written(new, conflicted)


def read(nodes: Nodes, database: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The documents that are there of these ids, by id. Raises what `Nodes.request` does."""
    rows = _rows(nodes, database, ids, include_docs=True)
    return {row["id"]: row["doc"] for row in rows if row.get("doc") is not None}


def revisions(nodes: Nodes, database: str, ids: Sequence[str]) -> dict[str, str]:
    """The revisions of those documents that are there of these ids. Raises what `Nodes.request` does."""
    rows = _rows(nodes, database, ids, include_docs=False)
    return {row["id"]: row["value"]["rev"] for row in rows if "id" in row and not row["value"].get("deleted")}


def _rows(nodes: Nodes, database: str, ids: Sequence[str], *, include_docs: bool) -> list[dict[str, Any]]:
    if not ids:
        return []
    answer = nodes.request(
        "POST", database, "_all_docs", params={"include_docs": include_docs}, body={"keys": ids}
    )
    rows: list[dict[str, Any]] = answer["rows"]
    for row in rows:
        if row.get("error") not in {None, "not_found"}:
            raise Unavailable(f"CouchDB could not read {row.get('key')!r} in {database}: {row['error']}")
    return rows
