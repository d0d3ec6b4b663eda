# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of modules: its settings page, its commands, and the names that sessions get by it."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.integration import ready_commands
from tests.integration.server_process import ServerProcess, until
from tests.integration.test_session_rules import have_rule, page, send, sessions

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("cataloguing")[0]


class Page:
    def __init__(self, owner: Any) -> None:
        from django.test import Client

        from tmon.server.tenants import accounts

        made = accounts.create_webservice(f"catalogued {next(NUMBERS)}", owner, "Europe/Vienna")
        self.shop = made.webservice
        self.path = f"/view/settings/{self.shop.wsid}/modules"
        self.client = Client(SERVER_NAME="127.0.0.1")
        self.client.force_login(owner, "django.contrib.auth.backends.ModelBackend")

    def send(self, **given: Any) -> str:
        return str(self.client.post(self.path, given, follow=True).content.decode())

    def text(self, query: str = "") -> str:
        return str(self.client.get(f"{self.path}{query}").content.decode())

    def data(self, query: str = "") -> Any:
        return self.client.get(f"/{self.shop.wsid}/data/modules{query}")

    def slugs(self) -> list[str]:
        return [row["slug"] for row in self.data().json()["results"]]

    def acts(self) -> list[tuple[str, Any]]:
        from tmon.server.tenants.models import AuditEntry

        found = AuditEntry.objects.filter(wsid=self.shop.wsid, act__startswith="module").order_by("id")
        return [(entry.act, entry.details.get("added")) for entry in found]

    def last_act(self) -> Any:
        from tmon.server.tenants.models import AuditEntry

        return AuditEntry.objects.filter(wsid=self.shop.wsid).order_by("id").last().details

    def upload(self, content: bytes) -> str:
        from django.core.files.uploadedfile import SimpleUploadedFile

        return self.send(do="import", file=SimpleUploadedFile("modules.csv", content))


@pytest.fixture
def catalogue(owner: Any) -> Page:
    return Page(owner)


def test_a_module_is_added_changed_and_taken_out(catalogue: Page) -> None:
    assert "Added." in catalogue.send(
        do="put", slug="math", name="Maths <b>", language="en", categories="a; b"
    )
    assert catalogue.data().json()["results"] == [
        {
            "slug": "math", "name": "Maths <b>", "description": "", "language": "en", "categories": ["a", "b"],
            "logo": "", "url": "",
        }
    ]  # fmt: skip
    assert "Maths &lt;b&gt;" in catalogue.text()
    assert 'value="a; b"' in catalogue.text("?edit=math")
    assert "There is a module “math” already" in catalogue.send(do="put", slug="math", name="Another")
    assert "Saved." in catalogue.send(do="put", former="math", slug="math", name="Mathematics")
    assert "Mathematics" in catalogue.text("?seek=MATHEM")
    assert "Nothing is called so." in catalogue.text("?seek=nothing")
    assert catalogue.text("?seek=%00&edit=%00&page=x")
    assert 'id="name" value="Mathematics"' in catalogue.text(
        "?seek=ma%00th&edit=ma%00th"
    )  # PostgreSQL takes none
    assert "is taken out" in catalogue.send(do="remove", slug="math")
    assert "There is no such module." in catalogue.send(do="remove", slug="math")
    assert catalogue.slugs() == []
    assert catalogue.acts() == [("modules-changed", 1), ("modules-changed", 0), ("module-removed", None)]


def test_a_module_that_gets_another_folder_is_the_same_module(catalogue: Page) -> None:
    catalogue.send(do="put", slug="math", name="Maths")
    catalogue.send(do="put", slug="art", name="Art")
    assert "Saved." in catalogue.send(do="put", former="math", slug="maths", name="Maths")
    assert catalogue.slugs() == ["art", "maths"]
    text = catalogue.send(do="put", former="maths", slug="art", name="Maths")
    assert "There is a module “art” already" in text
    assert 'name="former" value="maths"' in text
    text = catalogue.send(do="put", former="math", slug="physics", name="Physics")
    assert "There is no such module any more." in text
    assert 'name="former" value=""' in text
    assert catalogue.slugs() == ["art", "maths"]
    assert [row["name"] for row in catalogue.data().json()["results"]] == ["Art", "Maths"]
    assert catalogue.acts() == [("modules-changed", 1), ("modules-changed", 1), ("modules-changed", 0)]
    assert catalogue.last_act() == {
        "origin": "hand", "added": 0, "changed": 1, "slug": "maths", "former": "math",
    }  # fmt: skip


def test_a_catalogue_that_is_full_can_still_be_changed(
    catalogue: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.modules import cataloguing

    catalogue.upload(b"slug\na\nb\n")
    monkeypatch.setattr(cataloguing, "MOST_ENTRIES", 2)
    assert "Saved." in catalogue.send(do="put", former="a", slug="c")
    assert "at most 2 modules" in catalogue.send(do="put", slug="d")
    assert catalogue.slugs() == ["b", "c"]


def test_what_a_file_says_no_scan_changes_even_if_it_says_what_the_scan_found(catalogue: Page) -> None:
    from tmon.server.modules import cataloguing
    from tmon.server.modules.entries import Entry
    from tmon.server.modules.models import Origin
    from tmon.server.tenants import audit

    def scanned(name: str) -> str:
        entry = Entry(slug="math", name=name)
        return cataloguing.put(catalogue.shop, audit.on_command_line(), [entry], Origin.SCAN).told()

    assert scanned("Maths").startswith("1 added")
    assert scanned("Maths") == "0 added, 0 changed, 1 unchanged"
    assert "0 added, 0 changed, 1 unchanged" in catalogue.upload(b"slug,name\nmath,Maths\n")
    assert "1 left as they are" in scanned("Another title")
    assert [row["name"] for row in catalogue.data().json()["results"]] == ["Maths"]


def test_a_catalogue_is_read_again_only_where_it_has_changed(
    catalogue: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.modules import cataloguing
    from tmon.server.modules.models import Module

    monkeypatch.setattr(cataloguing, "REMEMBERED_S", 0.0)
    catalogue.upload(b"slug,name\na,A\nb,B\n")

    def look() -> Any:
        return cataloguing.catalogue_of(catalogue.shop.wsid)

    def by_another_process(**given: str) -> None:
        kept = dict(cataloguing._remembered)
        catalogue.send(**given)
        cataloguing._remembered.clear()
        cataloguing._remembered.update(kept)

    first = look()
    assert look() is first
    by_another_process(do="put", former="a", slug="a", name="Another")
    changed = look()
    assert changed.find("a").name == "Another"
    assert look() is changed
    by_another_process(do="put", former="b", slug="c", name="B")
    moved = look()
    assert [moved.find("b"), moved.find("c").name] == [None, "B"]
    by_another_process(do="remove", slug="c")
    assert look().find("c") is None
    assert Module.objects.filter(webservice=catalogue.shop).count() == 1


def test_what_is_wrong_in_a_file_is_said_of_every_row(catalogue: Page) -> None:
    text = catalogue.upload(b"slug,name,url\n,A,\nb,B,javascript:x\nc,C,/c/\n")
    assert "Row 2: slug is missing" in text
    assert "row 3: url is an address" in text
    assert "Nothing was imported." in text
    assert catalogue.slugs() == []


def test_what_is_not_a_file_of_modules_is_no_error_of_the_server(catalogue: Page) -> None:
    assert "Choose a file first." in catalogue.send(do="import", file="no file")
    for content in (b"", b"\x00", b"PK\x03\x04" + bytes(100), b"slug\n\x07"):
        assert "Nothing was imported." in catalogue.upload(content), content
    for given in (
        {"do": "put"},
        {"do": "put", "slug": "\x00"},
        {"do": "remove", "slug": "\x00"},
        {"do": "?"},
    ):
        assert catalogue.client.post(catalogue.path, given, follow=True).status_code == 200
    assert catalogue.slugs() == []


def test_what_is_exported_as_json_is_imported_unchanged(catalogue: Page) -> None:
    catalogue.send(do="put", slug="a", name="=A", description="one\ntwo", categories="x; y", url="/a/")
    exported = catalogue.data("?format=json").content
    assert "0 added, 0 changed, 1 unchanged" in catalogue.upload(exported)
    text = catalogue.text()
    for shape in ("csv", "json"):
        assert f'href="/{catalogue.shop.wsid}/data/modules?format={shape}"' in text


def test_what_is_no_module_is_refused_in_words(catalogue: Page) -> None:
    assert "Slug is missing" in catalogue.send(do="put", name="x")
    text = catalogue.send(do="put", slug="a", url="javascript:alert(1)")
    assert "an address that begins with https://" in text
    assert catalogue.slugs() == []
    assert catalogue.acts() == []


def test_a_file_is_taken_as_a_whole_or_not_at_all(catalogue: Page) -> None:
    catalogue.send(do="put", slug="a", name="A")
    assert "Choose a file first." in catalogue.send(do="import")
    text = catalogue.upload(b"slug,name\nb,B\n,C\n")
    assert "Row 3: slug is missing" in text
    assert "Nothing was imported." in text
    assert catalogue.slugs() == ["a"]
    assert "Imported: 1 added, 1 changed, 0 unchanged." in catalogue.upload(b"slug,name\na,Other\nb,B\n")
    exported = catalogue.data("?format=csv").content
    assert "Imported: 0 added, 0 changed, 2 unchanged." in catalogue.upload(exported)


def test_paging_keeps_what_is_sought(catalogue: Page) -> None:
    rows = "".join(f"m{number},Maths & {number}\n" for number in range(51))
    catalogue.upload(f"slug,name\n{rows}other,Other\n".encode())
    first = catalogue.text("?seek=Maths+%26")
    assert 'href="?seek=Maths%20%26&amp;page=2"' in first
    second = catalogue.text("?seek=Maths%20%26&page=2")
    assert second.count('name="do" value="remove"') == 1
    assert 'href="?seek=Maths%20%26&amp;page=1"' in second


def test_a_catalogue_has_a_most(catalogue: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.modules import cataloguing

    monkeypatch.setattr(cataloguing, "MOST_ENTRIES", 2)
    assert "at most 2 modules" in catalogue.upload(b"slug\na\nb\nc\n")
    assert catalogue.slugs() == []


def test_the_endpoint_has_no_other_parameter(catalogue: Page) -> None:
    assert catalogue.data("?limit=3").status_code == 400
    assert catalogue.data("?format=xml").status_code == 400


def test_commands_scan_import_export_and_the_live_page_knows_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "modules" / "1800000000_b" / "math"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<html lang=en><title>Mathematics</title>")
    file = tmp_path / "modules.json"
    file.write_text(json.dumps([{"slug": "physics", "name": "Physics"}]))
    with ServerProcess(tmp_path / "data") as server:
        shop = server.webservice("academy")
        have_rule(server, shop)
        wsid = str(shop.wsid)
        assert "1 added" in server.command("modules", "scan", wsid, str(tmp_path / "modules"))
        assert "1 added" in server.command("modules", "import", wsid, str(file))
        listed = json.loads(server.command("modules", "list", wsid, "--json"))
        assert [(row["slug"], row["origin"]) for row in listed] == [("math", "scan"), ("physics", "import")]
        (folder / "index.html").write_text("<title>Another</title>")
        assert "0 added, 1 changed" in server.command("modules", "scan", wsid, str(tmp_path / "modules"))
        file.write_text(json.dumps([{"slug": "math", "name": "Maths"}]))
        server.command("modules", "import", wsid, str(file))
        assert "1 left as they are" in server.command("modules", "scan", wsid, str(tmp_path / "modules"))
        assert "math,Maths," in server.command("modules", "export", wsid)
        send(server, shop, page(30, module="MATH"), page(5, "ben", "history"))
        until(lambda: len(sessions(server, shop)) == 2, "the rule holds")
        live = {one["object"]: one.get("name") for one in sessions(server, shop, "sessions/live")}
        assert live == {"MATH": "Maths", "history": None}
        ranked = {one["key"]: one.get("name") for one in sessions(server, shop, "users/object")}
        assert ranked == live


def test_commands_that_can_not_do_it_say_why_and_do_nothing(tmp_path: Path) -> None:
    environ = {**os.environ, "TMON_DATA": str(tmp_path / "data")}
    file = tmp_path / "modules.csv"
    file.write_text("slug,url\na,/a/\n,/b/\nc,//c\n")

    def run(*arguments: str) -> tuple[int, str, str]:
        ran = ready_commands.run("modules", *arguments, environ=environ)
        return ran.returncode, ran.stdout, ran.stderr

    status, _, said = run("scan", "1", str(tmp_path))
    assert status == 1
    assert "no web service 1" in said
    ready_commands.run(
        "user", "create", "ada", "--password-stdin", environ=environ, stdin="a long password\n"
    )
    ready_commands.run("webservice", "create", "shop", "--owner", "ada", environ=environ)
    status, printed, said = run("import", "1", str(file))
    assert (status, printed, said.count("\n")) == (1, "", 1)
    assert "row 3: slug is missing" in said
    assert "row 4: url is an address" in said
    assert said.endswith("nothing was imported\n")
    assert run("import", "1", str(tmp_path / "none.csv"))[0] == 1
    assert run("scan", "1", str(tmp_path / "none"))[0] == 1
    assert run("scan", "1", str(file))[0] == 1
    assert run("export", "1", "--format", "json") == (0, "[]\n", "")
