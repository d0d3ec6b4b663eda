# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of sessions: set on the settings page, and what a real server makes of requests by them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.integration.server_process import OWNER, ServerProcess, WebService, until

NUMBERS = itertools.count(1)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SET = f"""
import sys
from tmon.settings import prepare
prepare()
from django.contrib.auth.models import User
from tmon.server.modules import ruling
from tmon.server.tenants import audit
from tmon.server.tenants.models import WebService
owner, shop = User.objects.get(username="{OWNER}"), WebService.objects.get(pk=int(sys.argv[1]))
ruling.put(shop, audit.on_page(owner), ruling.COURSE_MODULES)
"""
GOOD = {"by": "username", "objects": "/modules/{object}\n", "idle_s": "300", "exclusive": "on"}


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("ruling")[0]


@pytest.fixture
def shop(owner: Any) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_webservice(f"ruled {next(NUMBERS)}", owner, "Europe/Vienna").webservice


class Form:
    def __init__(self, shop: Any) -> None:
        from django.test import Client

        self.path = f"/view/settings/{shop.wsid}/sessions"
        self.client = Client(SERVER_NAME="127.0.0.1")
        self.client.force_login(shop.owner, "django.contrib.auth.backends.ModelBackend")

    def send(self, **given: str) -> Any:
        return self.client.post(self.path, given, follow=True)

    def text(self, query: str = "") -> str:
        return str(self.client.get(f"{self.path}{query}").content.decode())


def acts(shop: Any) -> list[str]:
    from tmon.server.tenants.models import AuditEntry

    found = AuditEntry.objects.filter(wsid=shop.wsid, act__startswith="session-rule").order_by("id")
    return [entry.act.removeprefix("session-rule-") for entry in found]


def test_a_rule_is_set_changed_and_removed_and_each_act_is_noted(shop: Any) -> None:
    from tmon.server.modules.ruling import rules
    from tmon.server.sessions import Rule

    form = Form(shop)
    assert "No sessions are made of requests yet" in form.text()
    assert "Saved." in form.send(**GOOD).content.decode()
    assert rules()[shop.wsid] == Rule(by="username", objects=("/modules/{object}",))
    form.send(**GOOD)
    form.send(**{**GOOD, "idle_s": "600"})
    assert rules()[shop.wsid].idle_ms == 600_000
    assert "The rule that holds" in form.text()
    assert "Those that there are stay." in form.send(do="remove").content.decode()
    assert shop.wsid not in rules()
    assert "no sessions are made already" in form.send(do="remove").content.decode().lower()
    assert acts(shop) == ["set", "changed", "removed"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"by": "ip"}, "The addresses of this web service are dropped"),
        ({"by": "somebody"}, "Select a valid choice"),
        ({"objects": "/modules/"}, "has to say {object} once"),
        ({"objects": "/{object}/{object}"}, "has to say {object} once"),
        ({"objects": "modules/{object}"}, "does not begin with a stroke"),
        ({"objects": "/a{object}"}, "stands for a whole folder"),
        ({"objects": "/<script>alert(1)</script>"}, "&lt;script&gt;"),
        ({"idle_s": "0"}, "greater than or equal to 1"),
        ({"idle_s": "86401"}, "less than or equal to 86400"),
        ({"idle_s": "soon"}, "Enter a whole number"),
        ({"entry": "a/b"}, "the name of a file"),
        ({"objects": "\n".join(f"/{n}/{{object}}" for n in range(21))}, "there can be 20 patterns"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_words(shop: Any, wrong: dict[str, str], said: str) -> None:
    response = Form(shop).send(**{**GOOD, **wrong})
    assert response.status_code == 200
    text = response.content.decode().replace("&#x27;", "'")
    assert said.lower() in text.lower()
    assert "<script>alert" not in text
    assert acts(shop) == []


def test_a_ready_made_rule_fills_the_form_and_is_not_saved_by_that(shop: Any) -> None:
    text = Form(shop).text("?begin=courses")
    assert "/uploads/modules/{object}" in text
    assert 'value="index.html"' in text
    assert acts(shop) == []


def test_a_ready_made_rule_can_be_taken_where_one_holds_already(shop: Any) -> None:
    form = Form(shop)
    form.send(**GOOD)
    text = form.text()
    assert "The rule that holds." in text
    assert 'href="?begin=courses"' in text
    begun = form.text("?begin=courses")
    assert "Nothing is saved yet" in begun
    assert "/uploads/modules/{object}" in begun
    assert form.text("?begin=nonsense").count("/modules/{object}") == text.count("/modules/{object}")


def test_a_rule_by_address_that_makes_nothing_any_more_says_so(shop: Any) -> None:
    from tmon.server.tenants import accounts, audit

    by = audit.on_command_line()
    accounts.change_webservice(shop.wsid, by, ip_policy="full")
    form = Form(shop)
    assert "Saved." in form.send(**{**GOOD, "by": "ip"}).content.decode()
    assert "so none are made" not in form.text()
    privacy = f"/view/settings/{shop.wsid}/privacy"
    given = {"ip_policy": "truncated", "retention_days": "14"}
    assert "so none are made" not in form.client.post(privacy, given, follow=True).content.decode()
    given["ip_policy"] = "none"
    assert "so none are made any more" in form.client.post(privacy, given, follow=True).content.decode()
    assert "so none are made. Choose another one" in form.text()
    form.send(**{**GOOD, "by": "visitor"})
    assert "so none are made" not in form.text()
    assert "so none are made" not in form.client.post(privacy, given, follow=True).content.decode()


# -- a real server ------------------------------------------------------------------------------------------------


def have_rule(server: ServerProcess, shop: WebService) -> None:
    subprocess.run(
        [sys.executable, "-c", SET, str(shop.wsid)],
        env={**os.environ, "TMON_DATA": str(server.data)},
        check=True,
        timeout=60,
    )


def send(server: ServerProcess, shop: WebService, *events: dict[str, Any]) -> None:
    given = [{"ip": "192.0.2.1", "useragent": AGENT, **event} for event in events]
    connection = server.connect()
    assert connection.collect(shop.wsid, shop.seal(given)).status == 200
    connection.close()


def sessions(
    server: ServerProcess, shop: WebService, path: str = "sessions?from=-2d"
) -> list[dict[str, Any]]:
    connection = server.connect()
    answer = connection.send("GET", f"/{shop.wsid}/data/{path}", Authorization=f"Bearer {server.token}")
    connection.close()
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = json.loads(answer.body)["results"]
    return found


def page(ago: float, user: str = "ada", module: str = "math") -> dict[str, Any]:
    return {"url": f"/modules/{module}/index.html", "username": user, "ts": round(time.time() - ago, 3)}


@pytest.mark.parametrize("arguments", [(), ("--processes", "2")], ids=["one process", "two collectors"])
def test_a_rule_makes_sessions_of_what_was_and_of_what_comes_also_after_a_kill(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with ServerProcess(tmp_path, *arguments) as server:
        shop = server.webservice("academy")
        began = time.time() - 100
        send(server, shop, page(100), page(40))
        assert sessions(server, shop) == []
        have_rule(server, shop)
        until(lambda: len(sessions(server, shop)) == 1, "the rule holds for what was sent before")
        send(server, shop, page(20), page(10, "ben", "physics"))
        (ada,) = [one for one in sessions(server, shop, "sessions/live") if one["subject"] == "ada"]
        assert ada["requests"] == 3
        server.kill()
        server.start()
        send(server, shop, page(0))
        found = {one["subject"]: one for one in sessions(server, shop)}
        assert found["ada"]["id"] == ada["id"]
        assert found["ada"]["requests"] == 4
        assert found["ada"]["seconds"] == pytest.approx(time.time() - began, abs=2)
        assert found["ben"]["object"] == "physics"
        assert server.metric('tmon_periodic_failing{job="bring the rules of sessions"}') == 0
