# SPDX-License-Identifier: GPL-3.0-or-later
"""Share links: who gets in, how long, with which password, and what pages and answers say of what is behind them."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tmon.server.calendar import Calendar
from tmon.server.catalogue import parse_view, read_views
from tmon.server.events import Agent, Event, Place
from tmon.server.store.base import Envelope
from tmon.server.store.memory import MemoryStore
from tmon.settings.paths import shipped

NOW = 1_715_768_430.0
NUMBERS = itertools.count(1)
ADDRESSES = (f"198.51.100.{number}" for number in itertools.count(1))
PASSWORD = "an open secret of ours"


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("sharing-owner")[0]


@pytest.fixture
def store(prepared: Path) -> Iterator[MemoryStore]:
    from tmon.server.dashboard import services
    from tmon.server.tenants import Keyring

    store = MemoryStore()
    store.sync_views(read_views([shipped("views")]))
    services.wire(store, lambda timeout_s: store.settle(), Keyring(), lambda: NOW)
    yield store
    store.close()


@pytest.fixture
def shop(store: MemoryStore, owner: Any) -> Any:
    """A web service that has reported one request."""
    from tmon.server.tenants import accounts

    webservice = accounts.create_webservice(f"shared {next(NUMBERS)}", owner).webservice
    event = Event(
        ts_ms=int(NOW * 1000),
        hour=Calendar([(float("-inf"), "UTC")]).hour(NOW),
        agent=Agent(useragent="x"),
        place=Place(country="AT"),
        path="/private",
        username="anna",
    )
    identity = next(NUMBERS).to_bytes(16, "big")
    store.append([Envelope(wsid=webservice.wsid, id=identity, received_ms=int(NOW * 1000), events=[event])])
    store.settle()
    return webservice


@pytest.fixture
def guest(prepared: Path) -> Callable[..., Any]:
    """Makes browsers that nobody is logged in at, each from an address of its own."""
    from django.test import Client

    def make(**more: str) -> Any:
        given = {"SERVER_NAME": "127.0.0.1", "REMOTE_ADDR": next(ADDRESSES), **more}
        return Client(enforce_csrf_checks=True, **given)

    return make


def share(shop: Any, **given: Any) -> tuple[Any, str]:
    """A new link, and the path of its page."""
    from tmon.server.tenants import sharing

    link, slug = sharing.create(shop, **given)
    return link, f"/share/{slug}"


def answer_gate(client: Any, path: str, password: str) -> Any:
    """Fill in the form that asks for the password."""
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None, page
    return client.post(path, {"password": password, "csrfmiddlewaretoken": token[1]})


# -- getting in ------------------------------------------------------------------------------------------------


def test_a_link_shows_the_dashboard_to_whoever_has_it(shop: Any, guest: Any) -> None:
    _, path = share(shop)
    client = guest()
    response = client.get(path)
    assert response.status_code == 200
    page = response.content.decode()
    assert f'data-base="{path}" data-shared' in page
    assert f"<bdi>{shop.name}</bdi>" in page
    cookie = response.cookies["tmon_share"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    assert client.get(f"{path}/data/summary").json()["results"]["requests"] == 1
    assert "sessionid" not in response.cookies


def test_an_address_is_not_guessed(shop: Any) -> None:
    addresses = {share(shop)[1] for _ in range(20)}
    assert len(addresses) == 20
    assert all(re.fullmatch(r"/share/[A-Za-z0-9_-]{32}", one) for one in addresses)


def test_without_having_come_by_the_page_there_is_no_data(shop: Any, guest: Any) -> None:
    _, path = share(shop)
    response = guest().get(f"{path}/data/summary")
    assert (response.status_code, response.json()["status_code"]) == (404, 404)


@pytest.mark.parametrize("of", ["none", "revoked", "over", "deleted"])
def test_a_link_that_is_over_is_as_one_that_never_was(shop: Any, guest: Any, of: str) -> None:
    from django.utils import timezone

    from tmon.server.tenants import accounts, sharing

    link, path = share(shop)
    client, other = guest(), guest()
    client.get(path)
    if of == "none":
        client.cookies["tmon_other"] = client.cookies.pop("tmon_share").value
    elif of == "revoked":
        sharing.revoke(link.pk)
    elif of == "over":
        link.expires = timezone.now() - dt.timedelta(seconds=1)
        link.save()
    else:
        accounts.delete_webservice(shop.wsid)
    unknown = "/share/" + "A" * 32
    asked = unknown if of == "none" else path
    for asker in (client, other):
        page = asker.get(asked)
        assert (page.status_code, page.content) == (404, asker.get(unknown).content)
        data = asker.get(f"{asked}/data/summary")
        assert (data.status_code, data.content) == (404, asker.get(f"{unknown}/data/summary").content)
        assert asker.get(f"{asked}/data/live").status_code == 404


@pytest.mark.parametrize("slug", ["x", "A" * 31, "A" * 33, "A" * 31 + "é", "A" * 500])
def test_what_is_no_address_of_a_link_is_nothing(guest: Any, store: Any, slug: str) -> None:
    assert guest().get(f"/share/{slug}").status_code == 404
    assert guest().get(f"/share/{slug}/data/summary").json()["status_code"] == 404


def test_the_cookie_of_one_link_opens_no_other(shop: Any, guest: Any) -> None:
    _, path = share(shop)
    _, other = share(shop)
    client = guest()
    client.get(path)  # Django's test client sends a cookie whatever its path is
    assert client.get(f"{other}/data/summary").status_code == 404
    client.cookies["tmon_share"] = client.cookies["tmon_share"].value + "x"
    assert client.get(f"{path}/data/summary").status_code == 404


def test_a_cookie_is_renewed_while_the_page_is_looked_at_and_ends_when_it_is_not(
    shop: Any, guest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    _, path = share(shop)
    client, left = guest(), guest()
    client.get(path)
    left.get(path)
    day, now = 24 * 3600, time.time()
    assert "tmon_share" not in client.get(f"{path}/data/summary").cookies
    for days in (1.5, 14, 27):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * day)
        assert client.get(f"{path}/data/summary").status_code == 200
    assert left.get(f"{path}/data/summary").status_code == 404


# -- the password ------------------------------------------------------------------------------------------------


def test_a_password_is_asked_for_before_anything_is_shown(shop: Any, guest: Any) -> None:
    _, path = share(shop, label="for the board", password=PASSWORD)
    client = guest()
    page = client.get(f"{path}?period=7d&filter=country:DE")
    text = page.content.decode()
    assert page.status_code == 200
    assert 'type="password"' in text
    assert shop.name not in text
    assert "for the board" not in text
    assert client.get(f"{path}/data/summary").status_code == 404
    right = answer_gate(client, f"{path}?period=7d&filter=country:DE", PASSWORD)
    assert (right.status_code, right["Location"]) == (302, f"{path}?period=7d&filter=country:DE")
    assert shop.name in client.get(path).content.decode()
    assert client.get(f"{path}/data/summary").status_code == 200


def test_a_wrong_password_is_said_and_shows_nothing(shop: Any, guest: Any) -> None:
    _, path = share(shop, password=PASSWORD)
    client = guest()
    for wrong in ("wrong", "", PASSWORD.upper(), f"{PASSWORD} "):
        page = answer_gate(client, path, wrong)
        assert page.status_code == 200
        assert "This is not its password." in page.content.decode()
        assert "tmon_share" not in page.cookies
    assert client.get(f"{path}/data/summary").status_code == 404


def test_a_password_from_another_site_is_refused(shop: Any, guest: Any) -> None:
    _, path = share(shop, password=PASSWORD)
    assert guest().post(path, {"password": PASSWORD}).status_code == 403


def test_guessing_is_stopped_as_at_the_login(shop: Any, guest: Any) -> None:
    _, path = share(shop, password=PASSWORD)
    client = guest()
    assert [answer_gate(client, path, "wrong").status_code for _ in range(9)] == [200] * 9
    stopped = answer_gate(client, path, "wrong")
    assert (stopped.status_code, stopped["Retry-After"]) == (429, "900")
    assert answer_gate(client, path, PASSWORD).status_code == 429
    assert answer_gate(guest(), path, PASSWORD).status_code == 302


def test_knowing_one_password_does_not_help_guessing_at_others(shop: Any, guest: Any, owner: Any) -> None:
    _, known = share(shop, password=PASSWORD)
    _, path = share(shop, password="something else of ours")
    client = guest()
    for _ in range(9):
        answer_gate(client, path, "wrong")
    assert answer_gate(client, known, PASSWORD).status_code == 302
    del client.cookies["tmon_share"]
    assert answer_gate(client, path, "wrong").status_code == 429


def test_a_cookie_without_the_password_opens_nothing(shop: Any, guest: Any) -> None:
    from tmon.server.tenants import sharing

    link, path = share(shop)
    client = guest()
    client.get(path)
    link.password = "pbkdf2_sha256$1$x$y"
    link.save()
    assert sharing.admits(link, client.cookies["tmon_share"].value) is False
    assert client.get(f"{path}/data/summary").status_code == 404


def test_passwords_are_kept_hashed_and_weak_ones_are_refused(shop: Any) -> None:
    from tmon.server.tenants import Refused

    link, _ = share(shop, password=PASSWORD)
    assert link.password.startswith("pbkdf2_sha256$")
    with pytest.raises(Refused, match="at least 10 characters"):
        share(shop, password="short")


# -- what is said ------------------------------------------------------------------------------------------------


def test_neither_page_nor_answers_hold_what_is_not_public(shop: Any, guest: Any, store: Any) -> None:
    views = read_views([shipped("views")])
    views["plan"] = parse_view("plan", 'title = "Plans"\nfield = "plan"')
    views["team"] = parse_view("team", 'title = "Teams"\nfield = "team"\npublic = true')
    store.sync_views(views)
    _, path = share(shop, label="for the board")
    client = guest()
    page = client.get(path).content.decode()
    assert set(re.findall(r'data-view="(\w+)"', page)) == {
        *("country", "region", "city", "os", "browser", "device", "referrer", "url", "entry", "exit", "team")
    }
    for private in (
        "for the board",
        "anna",
        f"/{shop.wsid}/",
        f'/{shop.wsid}"',
        'id="tail"',
        "/login",
        "Plans",
        "sharing-owner",
    ):
        assert private not in page, private
    table = client.get(f"{path}/data/users/country", {"format": "csv"})
    assert table["Content-Disposition"] == 'attachment; filename="tmon-shared-country.csv"'


def test_a_guest_who_is_logged_in_is_a_guest_all_the_same(shop: Any, guest: Any, owner: Any) -> None:
    _, path = share(shop)
    client = guest()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(path).content.decode()
    assert owner.username not in page
    assert client.get(f"{path}/data/events").status_code == 404


def test_nobody_learns_of_the_address(shop: Any, guest: Any) -> None:
    _, path = share(shop)
    _, closed = share(shop, password=PASSWORD)
    client = guest()
    page = client.get(path)
    assert '<meta name="robots" content="noindex, nofollow">' in page.content.decode()
    for response in (page, client.get(f"{path}/data/summary"), client.get(f"{path}/data/users/nothing")):
        assert response["X-Robots-Tag"] == "noindex, nofollow"
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "private, no-store"
    gate = client.get(closed)
    assert gate["X-Robots-Tag"] == "noindex, nofollow"
    assert gate["Referrer-Policy"] == "same-origin"
    assert '<meta name="robots" content="noindex, nofollow">' in gate.content.decode()


def test_ticks_and_nothing_else_are_what_a_guest_may_watch(shop: Any, guest: Any, owner: Any) -> None:
    link, path = share(shop)
    client = guest()
    client.get(path)
    assert client.get(f"{path}/data/live")["TMon-Stream"] == f"{shop.wsid}; link {link.pk}; ticks"
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/{shop.wsid}/data/live")["TMon-Stream"] == f"{shop.wsid}; account {owner.pk}"


# -- keeping them ------------------------------------------------------------------------------------------------


def test_an_address_is_kept_sealed_and_holds_what_the_link_opens_with(shop: Any, guest: Any) -> None:
    from tmon.server.tenants import sharing
    from tmon.server.tenants.models import ShareLink

    _, path = share(shop, period="7d", filters=["country:DE", "!url:/a&b*"])
    link = ShareLink.objects.get(webservice=shop)
    whole = sharing.path_of(link)
    assert whole == f"{path}?period=7d&filter=country%3ADE&filter=%21url%3A%2Fa%26b%2A"
    assert path.removeprefix("/share/").encode() not in bytes(link.sealed)
    assert path.removeprefix("/share/") not in json.dumps([link.sha256, link.query, link.password])
    assert guest().get(whole).status_code == 200


@pytest.mark.parametrize(
    ("period", "query"),
    [
        ("2026-11-01..2026-11-17", "from=2026-11-01&to=2026-11-17"),
        ("2026-11-17..2026-11-17", "from=2026-11-17&to=2026-11-17"),
        ("2026-11-16T09:12Z..2026-11-16T10:00:30Z", "from=2026-11-16T09%3A12Z&to=2026-11-16T10%3A00%3A30Z"),
    ],
)
def test_a_link_can_open_with_a_period_that_has_no_name(shop: Any, period: str, query: str) -> None:
    from tmon.server.tenants import sharing

    link, path = share(shop, period=period)
    assert sharing.path_of(link) == f"{path}?{query}"


def test_a_revoked_link_can_not_be_shown_again(shop: Any) -> None:
    from tmon.server.tenants import NotFound, Refused, sharing

    link, _ = share(shop)
    revoked = sharing.revoke(link.pk)
    assert sharing.path_of(revoked) is None
    with pytest.raises(Refused, match="revoked already"):
        sharing.revoke(link.pk)
    with pytest.raises(NotFound):
        sharing.revoke(share(shop)[0].pk, wsid=shop.wsid + 1)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"period": "decade"}, "'decade' is none of the periods now, today, yesterday, 7d, 30d, month, year"),
        ({"period": "2026-11-17..2026-11-01"}, "the earlier one first"),
        ({"period": "2026-02-30..2026-03-01"}, "no two days"),
        ({"period": "2026-11-01..2026-11-01T10:00Z"}, "no two days"),
        ({"period": "2026-11-01T10:00Z..2026-11-01T10:00Z"}, "no two days"),
        ({"period": "2026-11-01..٢٠٢٦-11-02"}, "no two days"),
        ({"period": "2026-11-01.." + "9" * 5000}, "no two days"),
        ({"expires": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "a link expires in the future"),
        ({"label": "x" * 121}, "at most 120 characters"),
        ({"filters": ["url:" + "x" * 2000]}, "too long"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Any, given: dict[str, Any], why: str) -> None:
    from tmon.server.tenants import Refused
    from tmon.server.tenants.models import ShareLink

    with pytest.raises(Refused, match=re.escape(why)):
        share(shop, **given)
    assert not ShareLink.objects.filter(webservice=shop).exists()


def test_there_is_an_end_to_links(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.tenants import Refused, sharing

    monkeypatch.setattr(sharing, "MOST", 2)
    first, _ = share(shop)
    share(shop)
    with pytest.raises(Refused, match="there are 2 share links already"):
        share(shop)
    sharing.revoke(first.pk)
    share(shop)


def test_of_links_that_are_over_the_latest_are_kept(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tmon.server.tenants import sharing
    from tmon.server.tenants.models import ShareLink

    monkeypatch.setattr(sharing, "MOST_ENDED", 2)
    for _ in range(5):
        sharing.revoke(share(shop)[0].pk)
    share(shop)
    left = ShareLink.objects.filter(webservice=shop)
    assert [one.revoked is None for one in left] == [True, False, False]


def test_the_audit_log_has_links_and_no_secret_of_them(shop: Any) -> None:
    from tmon.server.tenants import audit, sharing

    link, path = share(shop, label="for the board", password=PASSWORD)
    sharing.revoke(link.pk)
    entries = list(audit.of_webservice(shop.wsid)[:2])
    assert [one.act for one in entries] == ["share-link-revoked", "share-link-created"]
    text = json.dumps([one.details for one in entries])
    assert "for the board" in text
    assert path.removeprefix("/share/") not in text
    assert PASSWORD not in text


def test_when_a_link_was_used_is_noted(shop: Any, guest: Any) -> None:
    from tmon.server.tenants.models import ShareLink

    link, path = share(shop)
    assert link.last_used is None
    guest().get(f"{path}/data/summary")
    assert ShareLink.objects.get(pk=link.pk).last_used is None
    guest().get(path)
    assert ShareLink.objects.get(pk=link.pk).last_used is not None


# -- the page of managers --------------------------------------------------------------------------------------------


def manage(client: Any, path: str, **values: Any) -> Any:
    """Send a form of the settings page."""
    page = client.get(path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None, page
    return client.post(path, {**values, "csrfmiddlewaretoken": token[1]})


@pytest.fixture
def manager(shop: Any, owner: Any, guest: Any) -> Any:
    client = guest()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_manager_makes_a_link_and_sees_its_address(shop: Any, manager: Any, guest: Any) -> None:
    path = f"/view/settings/{shop.wsid}/sharing"
    made = manage(manager, path, label="<b>board</b>", password="", days="7", period="7d")
    assert (made.status_code, made["Location"]) == (302, path)
    page = manager.get(path)
    text = page.content.decode()
    assert "The link is made. Its address is below." in text
    assert "&lt;b&gt;board&lt;/b&gt;" in text
    link = re.search(r"http://127\.0\.0\.1(/share/[A-Za-z0-9_-]{32})\?period=7d", text)
    assert link is not None
    assert page["Cache-Control"] == "no-store"
    assert guest().get(link[1]).status_code == 200


def test_a_link_opens_with_the_filters_of_the_page_that_was_left_for_it(shop: Any, manager: Any) -> None:
    path = f"/view/settings/{shop.wsid}/sharing"
    text = manager.get(path, {"period": "30d", "filter": ["country:<AT>", "username:anna"]}).content.decode()
    assert '<option value="30d" selected>' in text
    assert 'name="filter" value="country:&lt;AT&gt;" checked' in text
    assert "Guests can't filter by <code>username:anna</code>" in text
    manage(
        manager, path, label="", password="", days="", period="30d", filter=["country:<AT>", "username:anna"]
    )
    assert "?period=30d&amp;filter=country%3A%3CAT%3E<" in manager.get(path).content.decode()


def test_a_link_opens_with_the_days_of_the_page_that_was_left_for_it(shop: Any, manager: Any) -> None:
    path = f"/view/settings/{shop.wsid}/sharing"
    text = manager.get(path, {"from": "2026-11-01", "to": "2026-11-17"}).content.decode()
    assert '<option value="2026-11-01..2026-11-17" selected>1 Nov 2026 to 17 Nov 2026</option>' in text
    moments = manager.get(path, {"from": "2026-11-16T09:12Z", "to": "2026-11-16T10:00:30Z"}).content.decode()
    assert ">16 Nov 2026 09:12 UTC to 16 Nov 2026 10:00:30 UTC</option>" in moments
    manage(manager, path, label="", password="", days="", period="2026-11-01..2026-11-17")
    assert "?from=2026-11-01&amp;to=2026-11-17<" in manager.get(path).content.decode()


@pytest.mark.parametrize("end", ["", "x", "<b>", "2026-02-30", "2026-10-01", "\x00", "9" * 3000])
def test_days_that_are_none_are_not_offered_for_a_link(shop: Any, manager: Any, end: str) -> None:
    path = f"/view/settings/{shop.wsid}/sharing"
    text = manager.get(path, {"from": "2026-11-01", "to": end}).content.decode()
    assert "2026-11-01" not in text
    refused = manage(manager, path, label="", password="", days="", period=f"2026-11-01..{end}")
    assert (refused.status_code, "Select a valid choice" in refused.content.decode()) == (200, True)


def test_a_weak_password_of_a_link_is_refused(shop: Any, manager: Any) -> None:
    path = f"/view/settings/{shop.wsid}/sharing"
    refused = manage(manager, path, label="x", password="short", days="", period="")
    assert refused.status_code == 200
    assert "at least 10 characters" in refused.content.decode()
    assert 'value="short"' not in refused.content.decode()


def test_a_manager_revokes_a_link_of_this_web_service_only(
    shop: Any, manager: Any, guest: Any, owner: Any
) -> None:
    from tmon.server.tenants import accounts

    other = accounts.create_webservice(f"other {next(NUMBERS)}", owner).webservice
    here, there = share(shop, label="here"), share(other, label="there")
    path = f"/view/settings/{shop.wsid}/sharing"
    for link, _ in (here, there):
        assert manage(manager, path, do="revoke", link=str(link.pk)).status_code == 302
    assert guest().get(here[1]).status_code == 404
    assert guest().get(there[1]).status_code == 200
    text = manager.get(path).content.decode()
    assert "Revoked links" in text
    assert here[1] not in text


def test_a_token_reads_the_list_and_no_address(shop: Any, guest: Any, owner: Any) -> None:
    from tmon.server.tenants import accounts

    _, path = share(shop, label="for the board")
    headers = {"Authorization": f"Bearer {accounts.create_token(owner)[1]}"}
    text = guest().get(f"/view/settings/{shop.wsid}/sharing", headers=headers).content.decode()
    assert "for the board" in text
    assert path not in text
