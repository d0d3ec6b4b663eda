# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of modules: its settings page, its commands, and the names that sessions get by it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
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
    assert "Saved." in catalogue.send(do="put", slug="math", name="Mathematics")
    assert "Mathematics" in catalogue.text("?seek=MATHEM")
    assert "Nothing is called so." in catalogue.text("?seek=nothing")
    assert catalogue.text("?seek=%00&edit=%00&page=x")
    assert "is taken out" in catalogue.send(do="remove", slug="math")
    assert "There is no such module." in catalogue.send(do="remove", slug="math")
    assert catalogue.slugs() == []
    assert catalogue.acts() == [("modules-changed", 1), ("modules-changed", 0), ("module-removed", None)]


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
