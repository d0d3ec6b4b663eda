# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of a web service's months, and documents in bulk, on a real CouchDB-speaking server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from tests.couchdb_server import Couch

from tmon.server.store import StoreError, Unavailable
from tmon.server.store.couchdb import documents
from tmon.server.store.couchdb.address import parse
from tmon.server.store.couchdb.databases import Databases, Month
from tmon.server.store.couchdb.errors import Missing, TooLarge
from tmon.server.store.couchdb.nodes import Nodes

NOVEMBER, DECEMBER, JANUARY = Month(2026, 11), Month(2026, 12), Month(2027, 1)
STRANGER = ("tmon-test-stranger", "let me in")


@pytest.fixture
def nodes(couchdb: Couch) -> Iterator[Nodes]:
    nodes = Nodes(parse(couchdb.url()))
    yield nodes
    nodes.close()


@pytest.fixture
def databases(nodes: Nodes) -> Databases:
    return Databases(nodes)


@pytest.fixture
def database(databases: Databases) -> str:
    name = databases.name(7, NOVEMBER)
    databases.make(name)
    return name


@pytest.fixture
def stranger(couchdb: Couch) -> Iterator[tuple[str, str]]:
    """A user of the server who is no administrator."""
    name, password = STRANGER
    path = f"/_users/org.couchdb.user:{name}"
    user = {"name": name, "password": password, "roles": [], "type": "user"}
    _, there = couchdb.ask("GET", path)
    couchdb.ask("PUT", path, {**user, "_rev": there["_rev"]} if "_rev" in there else user)
    yield STRANGER
    _, there = couchdb.ask("GET", path)
    couchdb.ask("DELETE", f"{path}?rev={quote(there['_rev'])}")


# -- databases --------------------------------------------------------------------------------------------------------


def test_a_database_is_named_by_prefix_web_service_and_month(couchdb: Couch, databases: Databases) -> None:
    assert databases.name(7, NOVEMBER) == f"{couchdb.prefix}-w7-2026-11"


def test_nobody_but_the_administrator_reads_or_writes_a_database(
    couchdb: Couch, database: str, stranger: tuple[str, str]
) -> None:
    assert couchdb.ask("GET", f"/{database}")[0] == 200
    for login in (("", ""), stranger):
        assert couchdb.ask("GET", f"/{database}", login=login)[0] in {401, 403}
        assert couchdb.ask("GET", f"/{database}/_all_docs", login=login)[0] in {401, 403}
        assert couchdb.ask("PUT", f"/{database}/x", {}, login=login)[0] in {401, 403}
    assert couchdb.ask("GET", "/_session", login=stranger)[1]["userCtx"]["name"] == stranger[0]


def test_several_collectors_make_a_database_at_once(couchdb: Couch, nodes: Nodes) -> None:
    names = [Databases(nodes).name(7, Month(2026, month)) for month in range(1, 6)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(Databases(nodes).make, names * 8))

    assert couchdb.names() == names
    for name in names:
        assert couchdb.ask("GET", f"/{name}/_security")[1]["members"]["names"] == [couchdb.user]


def test_a_database_whose_maker_was_killed_before_it_was_closed_to_others_is_closed_by_the_next(
    couchdb: Couch, databases: Databases
) -> None:
    name = databases.name(7, NOVEMBER)
    couchdb.ask("PUT", f"/{name}")
    couchdb.ask("PUT", f"/{name}/_security", {"admins": {}, "members": {}})

    databases.make(name)

    assert couchdb.ask("GET", f"/{name}", login=("", ""))[0] == 401


def test_shards_and_copies_are_asked_for_only_where_they_are_set(couchdb: Couch, nodes: Nodes) -> None:
    shared = Databases(nodes, shards=2, copies=1)
    shared.make(shared.name(7, NOVEMBER))
    Databases(nodes).make(shared.name(7, DECEMBER))

    _, told = couchdb.ask("GET", f"/{shared.name(7, NOVEMBER)}")
    if "cluster" in told:  # which pouchdb-server has not
        assert (told["cluster"]["q"], told["cluster"]["n"]) == (2, 1)
    assert len(shared.of(7)) == 2


def test_the_databases_of_a_web_service_are_listed_by_month(couchdb: Couch, databases: Databases) -> None:
    for wsid, month in ((7, JANUARY), (7, NOVEMBER), (77, NOVEMBER), (8, DECEMBER)):
        databases.make(databases.name(wsid, month))
    for other in ("w7-2026-13", "w07-2026-11", "w7-2026-11-old", "claims-1", "x-w7-2026-11"):
        couchdb.ask("PUT", f"/{couchdb.prefix}-{other}")

    assert databases.of(7) == {
        NOVEMBER: f"{couchdb.prefix}-w7-2026-11",
        JANUARY: f"{couchdb.prefix}-w7-2027-01",
    }
    assert list(databases.of(7)) == [NOVEMBER, JANUARY]
    assert databases.of(9) == {}
    assert {wsid: list(months) for wsid, months in databases.all().items()} == {
        7: [NOVEMBER, JANUARY],
        8: [DECEMBER],
        77: [NOVEMBER],
    }


def test_a_dropped_database_is_gone_and_may_be_dropped_again(
    couchdb: Couch, nodes: Nodes, databases: Databases, database: str
) -> None:
    databases.drop(database)
    databases.drop(database)

    assert couchdb.names() == []
    with pytest.raises(Missing):
        documents.write(nodes, database, [{"_id": "a"}])


# -- documents --------------------------------------------------------------------------------------------------------


def test_documents_are_written_and_read_by_their_ids(nodes: Nodes, database: str) -> None:
    written = documents.write(nodes, database, [{"_id": "a/1", "n": 1}, {"_id": "b", "n": [2, None]}])

    found = documents.read(nodes, database, ["b", "never", "a/1"])
    assert list(found) == ["b", "a/1"]
    assert found["b"] == {"_id": "b", "_rev": written.new["b"], "n": [2, None]}
    assert documents.revisions(nodes, database, ["a/1", "never"]) == {"a/1": written.new["a/1"]}


def test_what_is_there_already_is_told_and_stays(nodes: Nodes, database: str) -> None:
    documents.write(nodes, database, [{"_id": "a", "by": "anna"}])

    written = documents.write(nodes, database, [{"_id": "a", "by": "bert"}, {"_id": "b", "by": "bert"}])

    assert (list(written.new), written.conflicted) == (["b"], ["a"])
    assert documents.read(nodes, database, ["a"])["a"]["by"] == "anna"


def test_of_one_id_twice_in_a_request_one_is_written(nodes: Nodes, database: str) -> None:
    written = documents.write(nodes, database, [{"_id": "a", "n": 1}, {"_id": "a", "n": 2}])

    assert (list(written.new), written.conflicted) == (["a"], ["a"])


def test_a_document_is_replaced_by_who_knows_its_revision(nodes: Nodes, database: str) -> None:
    first = documents.write(nodes, database, [{"_id": "a", "n": 1}]).new["a"]
    second = documents.write(nodes, database, [{"_id": "a", "_rev": first, "n": 2}]).new["a"]

    stale = documents.write(nodes, database, [{"_id": "a", "_rev": first, "n": 3}])

    assert (stale.new, stale.conflicted) == ({}, ["a"])
    assert documents.read(nodes, database, ["a"]) == {"a": {"_id": "a", "_rev": second, "n": 2}}


def test_a_deleted_document_is_not_there(nodes: Nodes, database: str) -> None:
    revision = documents.write(nodes, database, [{"_id": "a"}]).new["a"]
    documents.write(nodes, database, [{"_id": "a", "_rev": revision, "_deleted": True}])

    assert documents.read(nodes, database, ["a"]) == {}
    assert documents.revisions(nodes, database, ["a"]) == {}


def test_a_document_that_the_server_refuses_is_told_by_id_and_reason(nodes: Nodes, database: str) -> None:
    rule = "function (doc) { if (doc.n < 0) throw {forbidden: 'n is negative'}; }"
    documents.write(nodes, database, [{"_id": "_design/rule", "validate_doc_update": rule}])

    with pytest.raises(
        StoreError, match=r"refuses the document 'b' in .*: forbidden: n is negative"
    ) as caught:
        documents.write(nodes, database, [{"_id": "a", "n": 1}, {"_id": "b", "n": -1}])
    assert not isinstance(caught.value, Unavailable)


def test_a_document_without_an_id_is_never_sent(nodes: Nodes, database: str) -> None:
    with pytest.raises(ValueError, match="_id"):
        documents.write(nodes, database, [{"_id": "a"}, {"n": 1}])

    assert documents.read(nodes, database, ["a"]) == {}


def test_nothing_asks_for_nothing() -> None:
    nodes = Nodes(parse("couchdb://tmon:secret@127.0.0.1:1/tmon"))

    assert documents.write(nodes, "never", []) == documents.Written({}, [])
    assert documents.read(nodes, "never", []) == {}
    nodes.close()


def test_many_documents_in_one_answer_are_bounded(couchdb: Couch, database: str) -> None:
    nodes = Nodes(parse(couchdb.url()), largest_bytes=50_000)
    ids = [str(number) for number in range(100)]
    documents.write(nodes, database, [{"_id": name, "text": "x" * 1000} for name in ids])

    with pytest.raises(TooLarge):
        documents.read(nodes, database, ids)
    assert len(documents.read(nodes, database, ids[:30])) == 30
    nodes.close()
