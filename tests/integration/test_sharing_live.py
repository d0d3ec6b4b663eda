# SPDX-License-Identifier: GPL-3.0-or-later
"""Share links at a real server of several processes: ticks that move, and streams that end when the link does."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.integration.server_process import HOST, ServerProcess, WebService, until

CHECKED_S = 10
"""How often an open stream is checked."""
SLACK_S = 5
ENDS_SOON = """
from tmon.settings import prepare
prepare()
import datetime as dt
from django.utils import timezone
from tmon.server.tenants.models import ShareLink
ShareLink.objects.filter(pk={link}).update(expires=timezone.now() + dt.timedelta(seconds=2))
"""


class Guest:
    """A browser that has opened the page of a link."""

    def __init__(self, server: ServerProcess, path: str) -> None:
        self._port = server.port
        self.path = path
        page = server.connect()
        answer = page.send("GET", path)
        page.close()
        assert answer.status == 200, answer
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def get(self, what: str) -> tuple[int, Any]:
        """Status and JSON of what is below the link's data, on a connection of its own."""
        http_ = http.client.HTTPConnection(HOST, self._port, timeout=20)
        http_.request("GET", f"{self.path}/data/{what}", headers={"Cookie": self.cookie})
        response = http_.getresponse()
        content = json.loads(response.read())
        http_.close()
        return response.status, content

    def watch(self) -> Stream:
        """A live stream."""
        return Stream(self._port, f"{self.path}/data/live", {"Cookie": self.cookie})


class Stream:
    """A live stream, read event by event."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        self._http = http.client.HTTPConnection(HOST, port, timeout=20)
        self._http.request("GET", path, headers=headers)
        self._response = self._http.getresponse()
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.getheaders()}

    def next(self) -> tuple[str, Any] | None:
        """The name and the content of the next event; None at the stream's end."""
        name = ""
        while line := self._response.fp.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                return name, json.loads(line[6:])
        return None

    def close(self) -> None:
        self._response.close()
        self._http.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("sharing"), "--processes", "2") as running:
        yield running


def share(server: ServerProcess, service: WebService, *arguments: str, stdin: str = "") -> dict[str, Any]:
    """A new link as the command prints it."""
    text = server.command("share", "create", str(service.wsid), *arguments, "--json", stdin=stdin)
    made: dict[str, Any] = json.loads(text)
    return made


def hit(number: int) -> dict[str, Any]:
    return {"url": f"/private/{number}", "ip": None, "useragent": None, "ts": time.time()}


def test_a_guest_sees_ticks_that_count_everything_and_no_request(server: ServerProcess) -> None:
    shop = server.webservice("watched")
    guest = Guest(server, urlsplit(share(server, shop)["url"]).path)
    stream = guest.watch()
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert str(shop.wsid) not in stream.headers.values()
    assert "tmon-stream" not in stream.headers
    assert (stream.next() or ("",))[0] == "tick"
    server.collect(shop, shop.seal([hit(number) for number in range(7)]))
    counted = 0
    while counted < 7:
        event = stream.next()
        assert event is not None
        assert event[0] == "tick"
        assert "private" not in json.dumps(event[1])
        counted = sum(second["requests"] for second in event[1]["seconds"])
    stream.close()
    status, summary = guest.get("summary")
    assert (status, summary["results"]["requests"]) == (200, 7)


@pytest.mark.parametrize("how", ["revoked", "over"])
def test_streams_of_a_link_end_with_it_in_every_process(server: ServerProcess, how: str) -> None:
    shop = server.webservice(f"link {how}")
    made = share(server, shop)
    guest = Guest(server, urlsplit(made["url"]).path)
    streams = [guest.watch() for _ in range(8)]
    assert {stream.status for stream in streams} == {200}
    if how == "revoked":
        server.command("share", "revoke", str(made["id"]))
        assert guest.get("summary")[0] == 404
    else:
        server.run(sys.executable, "-c", ENDS_SOON.format(link=made["id"]))
        until(lambda: guest.get("summary")[0] == 404, "the link is over")
    begun = time.monotonic()
    for stream in streams:
        while stream.next() is not None:
            assert time.monotonic() < begun + CHECKED_S + SLACK_S
        stream.close()
    assert guest.get("live")[0] == 404
    page = server.connect()
    assert page.send("GET", guest.path).status == 404
    page.close()


def test_guests_leave_room_for_the_owner(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        shop = server.webservice("popular")
        guest, another, last = (Guest(server, urlsplit(share(server, shop)["url"]).path) for _ in range(3))
        with contextlib.ExitStack() as stack:
            for number in range(256):
                stream = (guest if number < 128 else another).watch()
                stack.callback(stream.close)
                assert stream.status == 200
                if number == 127:
                    too_many = guest.watch()
                    stack.callback(too_many.close)
                    assert too_many.status == 503
            until(lambda: server.metric("tmon_live_streams") == 256, "all have begun")
            refused = last.watch()
            stack.callback(refused.close)
            assert (refused.status, refused.headers["retry-after"]) == (503, "30")
            own = Stream(server.port, f"/{shop.wsid}/data/live", {"Authorization": f"Bearer {server.token}"})
            stack.callback(own.close)
            assert own.status == 200
        until(lambda: server.metric("tmon_live_streams") == 0, "they have left")
        again = guest.watch()
        assert again.status == 200
        again.close()


def test_the_commands_make_list_and_revoke_links(server: ServerProcess) -> None:
    shop = server.webservice("commanded")
    made = share(
        server, shop, "--label", "board", "--days", "30", "--period", "7d", "--password-stdin",
        stdin="an open secret of ours\n",
    )  # fmt: skip
    assert made["url"].startswith("http://127.0.0.1:8000/share/")
    assert made["url"].endswith("?period=7d")
    assert (made["label"], made["password"], made["last_used"]) == ("board", True, None)
    listed = json.loads(server.command("share", "list", str(shop.wsid), "--json"))
    assert listed == [made]
    assert "board" in server.command("share", "list")
    assert server.command("share", "revoke", str(made["id"])) == f"share link {made['id']} revoked\n"
    [ended] = json.loads(server.command("share", "list", str(shop.wsid), "--json"))
    assert ended["url"] is None
    assert ended["revoked"] is not None
