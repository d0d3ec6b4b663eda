# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings page of alerts: destinations are added, tried out, switched off and removed, and each act is noted."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.integration.webhook_server import WebhookServer

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("alerting")[0]


@pytest.fixture
def shop(owner: Any) -> Any:
    from tmon.server.limits.models import Delivery
    from tmon.server.tenants import accounts

    Delivery.objects.all().delete()
    return accounts.create_webservice(f"alerted {next(NUMBERS)}", owner, "Europe/Vienna").webservice


@pytest.fixture
def receiver() -> Iterator[WebhookServer]:
    with WebhookServer() as running:
        yield running


@pytest.fixture
def delivering(prepared: Path) -> Iterator[Any]:
    from tmon.server.limits.deliverer import Deliverer
    from tmon.server.limits.rounds import Figures

    one = Deliverer(
        Figures(CollectorRegistry()), private=True, base_url="https://tmon.example", interval_s=0.05
    )
    one.start()
    yield one
    one.stop()


class Browser:
    """Sends the page's forms with their token."""

    def __init__(self, shop: Any) -> None:
        from django.test import Client

        self.path = f"/view/settings/{shop.wsid}/alerts"
        self.client = Client(enforce_csrf_checks=True, SERVER_NAME="127.0.0.1")
        self.client.force_login(shop.owner, backend="django.contrib.auth.backends.ModelBackend")

    @property
    def page(self) -> str:
        response = self.client.get(self.path)
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        return str(response.content.decode())

    def send(self, **fields: Any) -> str:
        """The page that one sees after that."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert found is not None
        response = self.client.post(self.path, {"csrfmiddlewaretoken": found[1], **fields}, follow=True)
        assert response.status_code == 200
        return str(response.content.decode())


def acts(shop: Any) -> list[str]:
    from tmon.server.tenants import audit

    return [one.act for one in reversed(audit.of_webservice(shop.wsid)) if one.act.startswith("destination")]


def number(shop: Any) -> int:
    from tmon.server.limits.models import Destination

    return int(Destination.objects.get(webservice=shop).pk)


def test_a_webhook_is_added_tested_shown_switched_and_removed(
    shop: Any, receiver: WebhookServer, delivering: Any
) -> None:
    browser = Browser(shop)
    assert "No destination" in browser.page
    assert "Added." in browser.send(do="webhook", address=receiver.url("/secret-path"))
    which = number(shop)
    assert "The test has arrived." in browser.send(do="test", destination=which)
    assert receiver.posts[0].json["type"] == "test"
    assert "whsec_" not in browser.page
    shown = browser.send(do="secret", destination=which)
    secret = re.search(r"whsec_[A-Za-z0-9+/=]{44}", shown)
    assert secret is not None
    assert receiver.posts[0].is_signed_with(secret[0])
    assert "whsec_" not in browser.page
    assert "Switched off." in browser.send(do="off", destination=which)
    assert "It is switched off." in browser.send(do="test", destination=which)
    assert "Switched on." in browser.send(do="on", destination=which)
    assert "Removed." in browser.send(do="remove", destination=which)
    assert "No destination" in browser.page
    assert acts(shop) == [
        "destination-added",
        "destination-tested",
        "destination-secret-shown",
        "destination-disabled",
        "destination-enabled",
        "destination-removed",
    ]


def test_the_audit_log_holds_neither_the_secret_nor_the_path(shop: Any) -> None:
    from tmon.server.tenants import audit

    browser = Browser(shop)
    browser.send(do="webhook", address="https://hooks.example.org/services/T0/very-secret")
    browser.send(do="secret", destination=number(shop))
    kept = [entry.details for entry in audit.of_webservice(shop.wsid)]
    assert {"destination": number(shop), "kind": "webhook", "address": "https://hooks.example.org"} in kept
    assert not any(word in str(kept) for word in ("very-secret", "whsec"))


def test_a_test_that_fails_is_said_and_stays_to_be_seen(
    shop: Any, receiver: WebhookServer, delivering: Any
) -> None:
    receiver.does["*"] = 301
    browser = Browser(shop)
    browser.send(do="webhook", address=receiver.url())
    said = browser.send(do="test", destination=number(shop))
    why = "it answered with status 301, and redirects are not followed"
    assert f"The test did not arrive: {why}." in said
    assert f"{why[0].upper()}{why[1:]}." in browser.page


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "This field is required."),
        ("ftp://example.org", "Only http:// and https:// are understood"),
        ("https://user:password@example.org/", "no user and no password"),
        ("https://example.org/" + "a" * 2_000, "2000 characters"),
        ("https://example.org/\x00", "Null characters are not allowed"),
        ("https://exa mple.org/", "no blanks"),
    ],
)
def test_an_address_that_is_none_is_refused_beside_its_field(shop: Any, address: str, why: str) -> None:
    page = Browser(shop).send(do="webhook", address=address)
    assert why in page
    assert acts(shop) == []


def test_an_address_is_added_once_and_there_is_an_end_to_them(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.limits import destinations

    monkeypatch.setattr(destinations, "MOST", 2)
    browser = Browser(shop)
    browser.send(do="webhook", address="https://example.org/1")
    assert "already" in browser.send(do="webhook", address="https://example.org/1")
    browser.send(do="webhook", address="https://example.org/2")
    assert "There are as many destinations as there may be." in browser.page
    browser.send(do="webhook", address="https://example.org/3")
    assert acts(shop) == ["destination-added"] * 2


def test_without_a_mail_server_the_page_says_who_sets_it_up(shop: Any) -> None:
    browser = Browser(shop)
    assert "TMON_EMAIL_URL" in browser.page
    browser.send(do="email", address="pier@example.org")
    assert acts(shop) == []


@pytest.mark.parametrize("do", ["test", "secret", "off", "on", "remove"])
@pytest.mark.parametrize("which", ["", "0", "-1", "x", "9" * 30, "\u0663"])
def test_what_is_not_there_is_said(shop: Any, do: str, which: str) -> None:
    assert "There is no such destination any more." in Browser(shop).send(do=do, destination=which)


@pytest.mark.parametrize("do", ["test", "secret", "off", "remove"])
def test_a_destination_of_another_web_service_is_not_there(shop: Any, owner: Any, do: str) -> None:
    from tmon.server.limits.models import Destination
    from tmon.server.tenants import accounts

    other = accounts.create_webservice(f"alerted beside {next(NUMBERS)}", owner).webservice
    Browser(other).send(do="webhook", address="https://example.org/")
    page = Browser(shop).send(do=do, destination=number(other))
    assert "There is no such destination any more." in page
    assert "whsec_" not in page
    assert Destination.objects.get(webservice=other).disabled is None


def test_addresses_that_are_not_public_are_refused_where_the_stage_says_so(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    from django.conf import settings
    from django.test import override_settings

    browser = Browser(shop)
    with override_settings(TMON=dataclasses.replace(settings.TMON, webhooks_private=False)):
        for host in ("127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"):
            page = browser.send(do="webhook", address=f"http://{host}/")
            assert "this server sends to public ones only" in page, host
        assert "Added." in browser.send(do="webhook", address="http://example.org/")


def test_strangers_texts_are_shown_as_they_are(shop: Any) -> None:
    from tmon.server.limits import limiting, warned
    from tmon.server.limits.matching import Holds
    from tmon.server.sessions import Session

    hostile = "<img src=x onerror=alert(1)>"
    browser = Browser(shop)
    browser.send(do="webhook", address="https://example.org/?a=<b>&quot;")
    limiting.put(shop, shop.owner, hostile, 1)
    found = warned.Found(
        1, "", Session("198.51.100.7", hostile, hostile, 0, 90_000), Holds(hostile, 1), 60_000
    )
    assert warned.give(shop.wsid, [found], 90.0).deliveries == 1
    page = browser.page
    assert hostile not in page
    assert "?a=<b>" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
