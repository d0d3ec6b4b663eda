# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings reach real receivers: webhooks that fail, hang, send elsewhere and come back, and a mail server."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from prometheus_client import CollectorRegistry
from tests.integration.mail_server import MailServer
from tests.integration.webhook_server import WebhookServer

from tmon.server.limits import webhook
from tmon.server.limits.webhook import NotTaken

NUMBERS = itertools.count(1)
BASE = "https://tmon.example"
DOCS = (Path(__file__).parents[2] / "docs" / "limits.md").read_text("utf-8")


class Clock:
    """A clock that is put on."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def owner(prepared: Path) -> Any:
    from tmon.server.tenants import accounts

    return accounts.create_user("warned")[0]


@pytest.fixture
def shop(owner: Any) -> Any:
    from tmon.server.limits.models import Delivery
    from tmon.server.tenants import accounts

    Delivery.objects.all().delete()
    return accounts.create_webservice(f"delivered {next(NUMBERS)}", owner, "Europe/Vienna").webservice


@pytest.fixture
def receiver() -> Iterator[WebhookServer]:
    with WebhookServer() as running:
        yield running


def by(shop: Any) -> Any:
    from tmon.server.tenants import audit

    return audit.on_page(shop.owner)


def add(shop: Any, url: str, kind: str = "webhook") -> Any:
    from tmon.server.limits import destinations

    return destinations.add(shop, by(shop), kind, url)


def violate(shop: Any, clock: Clock, *names: str) -> None:
    """Have somebody of each of these names use algebra for too long."""
    from tmon.server.limits import limiting, warned
    from tmon.server.limits.matching import Holds
    from tmon.server.sessions import Session

    limiting.put(shop, shop.owner, "algebra", 10)
    start = int(clock.now * 1000) - 660_000
    found = [
        warned.Found(
            next(NUMBERS),
            "",
            Session("198.51.100.7", name, "algebra", start, start + 660_000),
            Holds("algebra", 10),
            start + 600_000,
        )
        for name in names
    ]
    assert warned.give(shop.wsid, found, clock.now).warnings == len(names)


def deliverer(clock: Clock, **more: Any) -> Any:
    from tmon.server.limits.deliverer import Deliverer
    from tmon.server.limits.rounds import Figures

    return Deliverer(
        Figures(CollectorRegistry()), **{"private": True, "base_url": BASE, "clock": clock, **more}
    )


def deliveries(shop: Any) -> list[Any]:
    from tmon.server.limits.models import Delivery

    return list(
        Delivery.objects.filter(destination__webservice=shop)
        .select_related("destination", "violation")
        .order_by("id")
    )


def states(shop: Any) -> list[tuple[str, int, str]]:
    return [(one.state, one.attempts, one.error) for one in deliveries(shop)]


def run(one: Any, until: Callable[[], Any] = lambda: True, seconds: float = 20.0) -> None:
    """Rounds until nothing is under way and that holds."""
    give_up = time.monotonic() + seconds
    one.round()
    while one._flying or not until():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.01)
        one.round()


# -- one POST ---------------------------------------------------------------------------------------------------------


def post(url: str, **more: Any) -> str:
    """Why it was not taken, "" where it was."""
    try:
        webhook.post(url, b"{}", {"webhook-id": "1"}, **{"private": True, **more})
    except NotTaken as error:
        return str(error)
    return ""


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_post_is_taken_with_any_good_status(receiver: WebhookServer, status: int) -> None:
    receiver.does["*"] = status
    assert post(receiver.url("/a?b=c")) == ""
    [one] = receiver.posts
    assert (one.path, one.body, one.headers["content-type"]) == ("/a?b=c", b"{}", "application/json")
    assert one.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize(
    ("does", "why"),
    [
        (400, "it answered with status 400"),
        (500, "it answered with status 500"),
        (302, "it answered with status 302, and redirects are not followed"),
        (307, "it answered with status 307, and redirects are not followed"),
        ("resets", "it ended the connection"),
        ("babbles", "what answers is not HTTP"),
    ],
)
def test_anything_else_is_said_in_our_words(receiver: WebhookServer, does: int | str, why: str) -> None:
    receiver.does["*"] = does
    assert post(receiver.url("/x")) == why
    assert [one.path for one in receiver.posts] == ["/x"]


@pytest.mark.parametrize("does", ["hangs", "drips"])
def test_time_is_over_whatever_the_other_side_does(receiver: WebhookServer, does: str) -> None:
    receiver.does["*"] = does
    started = time.monotonic()
    assert post(receiver.url(), whole_s=0.5) == "it took longer than 0.5 s"
    assert time.monotonic() - started < 5


def test_a_body_without_an_end_is_not_read(receiver: WebhookServer) -> None:
    receiver.does["*"] = "floods"
    assert post(receiver.url(), whole_s=10) == ""
    assert receiver.sent_bytes < 64 * 1024 * 1024


def test_where_nothing_listens(free_port: Callable[[], int]) -> None:
    assert post(f"http://127.0.0.1:{free_port()}/") == "nothing listens there"


def test_a_plain_server_speaks_no_tls(receiver: WebhookServer) -> None:
    assert post(receiver.url().replace("http:", "https:"), whole_s=5) == "no encrypted connection comes about"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]", "[::1]"]
)
def test_what_is_not_public_is_not_reached(receiver: WebhookServer, host: str) -> None:
    why = post(f"http://{host}:{receiver.port}/", private=False)
    assert why == "its host has no public address, and this server sends to others only if it is set to"
    assert receiver.posts == []


def test_a_name_is_resolved_once_and_its_judged_address_is_connected_to(
    receiver: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the name answers with a public address first and with a private one the next time."""
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    connected: list[str] = []
    monkeypatch.setattr(
        socket,
        "create_connection",
        lambda address, timeout: connected.append(address[0]) or (_ for _ in ()).throw(OSError()),
    )
    why = post(
        f"http://rebinding.example:{receiver.port}/",
        private=False,
        resolve=lambda host, port: next(answers),
    )
    assert (why, connected) == ("there is no way there", ["93.184.215.14"])


def test_a_name_keeps_its_host_header(receiver: WebhookServer) -> None:
    url = f"http://receiver.example:{receiver.port}/"
    assert post(url, resolve=lambda host, port: ["127.0.0.1"]) == ""
    assert receiver.posts[0].headers["host"] == f"receiver.example:{receiver.port}"


def test_a_proxy_of_the_environment_is_not_used(
    receiver: WebhookServer, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert post(receiver.url()) == ""


@dataclasses.dataclass(frozen=True)
class Authority:
    """Who makes certificates, for this test alone."""

    folder: Path

    def server(self, name: str) -> ssl.SSLContext:
        """What a server of that name shows, made by this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private = self.folder / "key.pem"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, private)
        return context

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with WebhookServer(authority.server("receiver.example")) as receiver:
        url = f"https://receiver.example:{receiver.port}/"

        def sent(url: str, context: ssl.SSLContext | None) -> str:
            return post(url, resolve=lambda host, port: ["127.0.0.1"], context=context)

        assert sent(url, authority.trusted()) == ""
        assert sent(url, None) == "its certificate is not valid"
        other = url.replace("receiver.example", "other.example")
        assert sent(other, authority.trusted()) == "its certificate is not valid"
    assert len(receiver.posts) == 1
    assert receiver.posts[0].headers["host"] == f"receiver.example:{receiver.port}"


# -- webhooks ---------------------------------------------------------------------------------------------------------


def test_a_warning_arrives_signed_and_says_who_and_what(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    from tmon.server.limits import destinations

    destination = add(shop, receiver.url("/warnings"))
    violate(shop, clock, "anna")
    run(deliverer(clock))
    [one] = receiver.posts
    assert one.is_signed_with(destinations.show_secret(shop.wsid, destination.pk, by(shop))[1])
    assert one.headers["webhook-id"] == str(deliveries(shop)[0].key)
    assert one.headers["webhook-timestamp"] == str(int(clock.now))
    content = one.json
    assert content["type"] == "limit.exceeded"
    data = content["data"]
    assert (data["webservice"], data["object"], data["minutes"]) == (shop.wsid, "algebra", 10)
    assert (data["name"], data["subject"]) == ("anna", "anna")
    assert data["dashboard"] == f"{BASE}/view/dashboard/{shop.wsid}"
    assert dt.datetime.fromisoformat(data["exceeded"]).timestamp() == clock.now - 60
    assert states(shop) == [("delivered", 1, "")]


def test_the_documentation_tells_what_is_sent_and_how_it_is_checked(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    from tmon.server.limits import destinations

    destination = add(shop, receiver.url())
    violate(shop, clock, "ben")
    run(deliverer(clock))
    [one] = receiver.posts
    [example] = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    documented = json.loads(example)
    assert (list(documented), list(documented["data"])) == (list(one.json), list(one.json["data"]))
    [snippet] = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - it is our own documentation
    secret = destinations.show_secret(shop.wsid, destination.pk, by(shop))[1]
    assert names["is_ours"](secret, one.headers, one.body)
    assert not names["is_ours"](secret, one.headers, one.body + b" ")


def test_what_fails_is_tried_again_with_growing_pauses_under_the_same_id(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    add(shop, receiver.url())
    violate(shop, clock, "anna")
    receiver.does["*"] = 503
    one = deliverer(clock)
    tried: list[float] = []
    began = clock.now
    while clock.now < began + 3_600:
        before = len(receiver.posts)
        run(one)
        if len(receiver.posts) > before:
            tried.append(clock.now - began)
        clock.now += 5
    assert tried == [0, 10, 30, 70, 150, 310, 630, 1270, 2550]
    assert states(shop) == [("pending", 9, "it answered with status 503")]
    receiver.does["*"] = 200
    clock.now += 7_200
    run(one)
    assert states(shop) == [("delivered", 10, "")]
    assert len({posted.headers["webhook-id"] for posted in receiver.posts}) == 1
    assert len({posted.headers["webhook-timestamp"] for posted in receiver.posts}) == 10
    clock.now += 86_400
    run(one)
    assert len(receiver.posts) == 10


def test_after_a_day_it_is_given_up_and_shown(shop: Any, receiver: WebhookServer, clock: Clock) -> None:
    add(shop, receiver.url())
    began = clock.now
    violate(shop, clock, "anna", "ben")
    receiver.does["*"] = 500
    registry = CollectorRegistry()
    one = deliverer(clock, registry=registry)
    first_failed = 0.0
    while any(state == "pending" for state, _, _ in states(shop)):
        run(one)
        if not first_failed and any(state == "failed" for state, _, _ in states(shop)):
            first_failed = clock.now - began
        clock.now += 600
        assert clock.now < began + 2 * 86_400
    assert 20 * 3_600 < first_failed < 86_400
    found = states(shop)
    assert [(state, error) for state, _, error in found] == [("failed", "it answered with status 500")] * 2
    assert sum(attempts for _, attempts, _ in found) <= 24
    given_up = {"kind": "webhook", "outcome": "given up"}
    assert registry.get_sample_value("tmon_limits_deliveries_total", given_up) == 2
    posts = len(receiver.posts)
    clock.now += 86_400
    run(one)
    assert len(receiver.posts) == posts


def test_a_destination_that_comes_back_gets_what_waited(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    add(shop, receiver.url())
    receiver.does["*"] = 500
    one = deliverer(clock)
    for name in ("anna", "ben", "cleo"):
        violate(shop, clock, name)
        run(one)
    assert len(receiver.posts) == 1  # while it rests nothing is tried in vain
    receiver.does.clear()
    clock.now += 10
    run(one, lambda: all(state == "delivered" for state, _, _ in states(shop)))
    assert sorted(posted.json["data"]["name"] for posted in receiver.posts[1:]) == ["anna", "ben", "cleo"]


def test_a_restart_in_the_middle_of_a_try_loses_nothing(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    add(shop, receiver.url())
    violate(shop, clock, "anna")
    receiver.does["*"] = "hangs"
    killed = deliverer(clock)
    killed.round()
    receiver.wait_for(1)
    receiver.does.clear()
    after = deliverer(clock)
    run(after)
    assert (len(receiver.posts), states(shop)) == (1, [("pending", 1, "")])  # it may still be under way
    clock.now += 60
    run(after)
    assert states(shop) == [("delivered", 2, "")]
    assert receiver.posts[0].headers["webhook-id"] == receiver.posts[1].headers["webhook-id"]


def test_an_orderly_end_waits_a_little_and_leaves_the_rest_for_the_next_start(
    shop: Any, receiver: WebhookServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tmon.server.limits import deliverer as module

    monkeypatch.setattr(module, "ENDING_S", 0.2)
    add(shop, receiver.url())
    violate(shop, clock, "anna")
    receiver.does["*"] = "hangs"
    one = deliverer(clock, interval_s=0.02)
    one.start()
    receiver.wait_for(1)
    one.stop()
    receiver.does.clear()
    run(deliverer(clock))
    assert states(shop) == [("delivered", 2, "")]


def test_two_that_deliver_at_once_send_it_once(shop: Any, receiver: WebhookServer, clock: Clock) -> None:
    add(shop, receiver.url())
    violate(shop, clock, *(f"user {n}" for n in range(10)))
    both = [deliverer(clock), deliverer(clock)]
    until = time.monotonic() + 20
    while any(state != "delivered" for state, _, _ in states(shop)):
        assert time.monotonic() < until
        for one in both:
            one.round()
        time.sleep(0.005)
    assert len(receiver.posts) == 10
    assert len({posted.headers["webhook-id"] for posted in receiver.posts}) == 10


def test_destinations_that_hang_hold_up_no_other(
    owner: Any, shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    from tmon.server.tenants import accounts

    receiver.does = {f"/dead{n}": "hangs" for n in range(20)}
    for n in range(20):
        add(shop, receiver.url(f"/dead{n}"))
    violate(shop, clock, *(f"user {n}" for n in range(30)))
    other = accounts.create_webservice(f"beside {next(NUMBERS)}", owner).webservice
    add(other, receiver.url("/alive"))
    violate(other, clock, "anna", "ben")
    one = deliverer(clock, interval_s=0.05)
    one.start()
    started = time.monotonic()
    receiver.wait_for(2, "/alive")
    assert time.monotonic() - started < 5
    assert sum(posted.path.startswith("/dead") for posted in receiver.posts) == 4
    receiver.ending.set()
    one.stop()


def test_a_violation_reaches_its_webhook_within_two_seconds(shop: Any, receiver: WebhookServer) -> None:
    from tmon.server.limits import limiting
    from tmon.server.limits.rounds import Figures
    from tmon.server.limits.watch import Watch
    from tmon.server.sessions import Session

    add(shop, receiver.url())
    limiting.put(shop, shop.owner, "algebra", 1)
    exceeds_at = time.time() + 1.0
    start = int((exceeds_at - 60) * 1000)

    class Live:
        def live_sessions(self, wsid: int, since_ms: int, *, ended: bool) -> list[Any]:
            one = Session("198.51.100.7", "anna", "algebra", start, start + 50_000)
            return (
                [type("Stored", (), {"number": 1, "source": "", "session": one})] if wsid == shop.wsid else []
            )

    delivering = deliverer(time.time)  # type: ignore[arg-type]
    watching = Watch(Live(), Figures(CollectorRegistry()), noticed=delivering.wake)
    delivering.start()
    watching.start()
    receiver.wait_for(1)
    late = time.time() - exceeds_at
    watching.stop()
    delivering.stop()
    assert 0 <= late < 2
    assert len(receiver.posts) == 1


def test_what_is_switched_off_or_removed_gets_nothing(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    from tmon.server.limits import destinations

    off, gone = add(shop, receiver.url("/off")), add(shop, receiver.url("/gone"))
    violate(shop, clock, "anna")
    destinations.switch(shop.wsid, off.pk, by(shop), on=False)
    destinations.remove(shop.wsid, gone.pk, by(shop))
    violate(shop, clock, "ben")
    run(deliverer(clock))
    assert receiver.posts == []
    assert states(shop) == [("failed", 0, "it was switched off before")]
    destinations.switch(shop.wsid, off.pk, by(shop), on=True)
    violate(shop, clock, "cleo")
    run(deliverer(clock))
    assert [posted.json["data"]["name"] for posted in receiver.posts] == ["cleo"]


def test_a_destination_that_is_removed_while_it_is_tried_harms_nothing(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    from tmon.server.limits import destinations

    gone = add(shop, receiver.url())
    violate(shop, clock, "anna")
    receiver.does["*"] = "hangs"
    one = deliverer(clock)
    one.round()
    receiver.wait_for(1)
    destinations.remove(shop.wsid, gone.pk, by(shop))
    receiver.ending.set()
    run(one)
    assert states(shop) == []


def test_private_addresses_are_refused_where_the_setting_says_so(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    add(shop, receiver.url())
    violate(shop, clock, "anna")
    run(deliverer(clock, private=False))
    [(state, _, error)] = states(shop)
    assert (state, "no public address" in error, receiver.posts) == ("pending", True, [])


def test_a_test_is_sent_at_once_to_one_that_rests_and_tried_once(
    shop: Any, receiver: WebhookServer, clock: Clock
) -> None:
    from tmon.server.limits import destinations
    from tmon.server.tenants import Refused

    destination = add(shop, receiver.url())
    violate(shop, clock, "anna")
    receiver.does["*"] = 500
    one = deliverer(clock)
    run(one)
    destinations.test(shop.wsid, destination.pk, by(shop))
    with pytest.raises(Refused, match="on its way already"):
        destinations.test(shop.wsid, destination.pk, by(shop))
    clock.now = time.time() + 1
    run(one)
    assert receiver.posts[-1].json["type"] == "test"
    assert states(shop)[-1] == ("failed", 1, "it answered with status 500")
    receiver.does.clear()
    destinations.test(shop.wsid, destination.pk, by(shop))
    clock.now = time.time() + 2
    run(one, lambda: all(state != "pending" for state, _, _ in states(shop)))
    assert states(shop)[-1] == ("delivered", 1, "")
    assert states(shop)[0] == ("delivered", 2, "")  # a test that arrives ends the rest


def test_the_api_tells_managers_what_became_of_it(shop: Any, receiver: WebhookServer, clock: Clock) -> None:
    from django.test import Client

    add(shop, receiver.url())
    violate(shop, clock, "anna")
    receiver.does["*"] = 302
    run(deliverer(clock))
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(shop.owner, backend="django.contrib.auth.backends.ModelBackend")
    [one] = client.get(f"/{shop.wsid}/data/warnings").json()["results"]
    why = "it answered with status 302, and redirects are not followed"
    assert one["deliveries"] == [{"kind": "webhook", "state": "pending", "attempts": 1, "error": why}]


# -- mail -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def post_office(prepared: Path) -> Iterator[MailServer]:
    from django.conf import settings
    from django.test import override_settings

    from tmon.settings.mail import MailServer as Setting

    with MailServer() as running:
        setting = Setting.parse(running.url)
        with override_settings(
            TMON=dataclasses.replace(settings.TMON, email=setting),
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST=setting.host,
            EMAIL_PORT=setting.port,
            EMAIL_TIMEOUT=5,
            DEFAULT_FROM_EMAIL=setting.sender,
        ):
            yield running


def test_warnings_of_one_moment_are_one_mail(shop: Any, post_office: MailServer, clock: Clock) -> None:
    add(shop, "pier@example.org", "email")
    violate(shop, clock, "anna", "ben", "eve\r\nBcc: all@example.org \u202e\x00")
    one = deliverer(clock)
    run(one)
    [message] = post_office.wait_for(1)
    assert (message["To"], message["Subject"], message["Bcc"]) == (
        "pier@example.org",
        "T-Mon: a time limit is exceeded",
        None,
    )
    text = message.get_content()
    assert message.get_content_type() == "text/plain"
    assert 'anna (198.51.100.7) has exceeded 10 minutes on "algebra" at ' in text
    assert 'ben (198.51.100.7) has exceeded 10 minutes on "algebra" at ' in text
    assert "eve Bcc: all@example.org (198.51.100.7) has exceeded" in text
    assert f"{BASE}/view/settings/{shop.wsid}/alerts" in text
    assert [state for state, _, _ in states(shop)] == ["delivered"] * 3
    violate(shop, clock, "cleo")
    violate(shop, clock, "dan")
    run(one)
    assert len(post_office.messages) == 1  # no more than one in ten seconds
    clock.now += 10
    run(one)
    last = post_office.wait_for(2)[1].get_content()
    assert "cleo" in last
    assert "dan" in last


def test_a_mail_server_that_refuses_is_said_and_tried_again(
    shop: Any, post_office: MailServer, clock: Clock
) -> None:
    add(shop, "pier@example.org", "email")
    violate(shop, clock, "anna")
    post_office.refuses = True
    one = deliverer(clock)
    run(one)
    assert states(shop) == [("pending", 1, "the mail server did not take the message")]
    post_office.refuses = False
    clock.now += 10
    run(one)
    assert states(shop) == [("delivered", 2, "")]


def test_a_test_by_mail_says_so(shop: Any, post_office: MailServer, clock: Clock) -> None:
    from tmon.server.limits import destinations
    from tmon.server.tenants import Refused

    destination = add(shop, "pier@example.org", "email")
    destinations.test(shop.wsid, destination.pk, by(shop))
    clock.now = time.time() + 1
    run(deliverer(clock))
    [message] = post_office.wait_for(1)
    assert message["Subject"] == "T-Mon: a test"
    assert "This is a test" in message.get_content()
    with pytest.raises(Refused, match="wait a minute"):
        destinations.test(shop.wsid, destination.pk, by(shop))


def test_without_a_mail_server_no_address_is_taken(shop: Any) -> None:
    from tmon.server.tenants import Refused

    with pytest.raises(Refused, match="no mail server is set up here"):
        add(shop, "pier@example.org", "email")
