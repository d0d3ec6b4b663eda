# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user agent says: system, browser, device, model, bot."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from is_bot import Bots
from tests.unit.pipeline.conftest import One, Run

from tmon.server.events import Agent
from tmon.server.pipeline.agent import read
from tmon.server.pipeline.bots import is_bot

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/120.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.1 Mobile/15E148 Safari/604.1"
)
IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/16.6 Mobile/15E148 Safari/604.1"
)
GALAXY = (
    "Mozilla/5.0 (Linux; Android 13; SM-A326U) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/119.0.6045.66 Mobile Safari/537.36"
)
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:120.0) Gecko/20100101 Firefox/120.0"
LINUX = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.mark.parametrize(
    ("text", "system", "browser", "device", "model", "bot"),
    [
        (
            "Mozilla/5.0 (Android 13; Tablet; rv:120.0) Firefox/120.0",
            "Android",
            "Firefox Mobile",
            "tablet",
            "",
            False,
        ),
        ("Mozilla/5.0 (Wayland; Linux x86_64) Firefox/120.0", "Linux", "Firefox", "desktop", "", False),
        ("Excel/16.0 (Windows/10.0)", "Windows", "", "desktop", "", False),
        (GALAXY.replace("13; SM-A326U", "10; K"), "Android", "Chrome Mobile", "phone", "", False),
        (CHROME, "Windows", "Chrome", "desktop", "", False),
        (MAC, "Mac OS X", "Firefox", "desktop", "Mac", False),
        (LINUX, "Ubuntu", "Firefox", "desktop", "", False),
        (SAFARI, "iOS", "Mobile Safari", "phone", "iPhone", False),
        (IPAD, "iOS", "Mobile Safari", "tablet", "iPad", False),
        (GALAXY, "Android", "Chrome Mobile", "phone", "SM-A326U", False),
        (GOOGLEBOT, "", "Googlebot", "bot", "", True),
        ("curl/8.5.0", "", "curl", "bot", "", True),
        ("Mozilla/5.0 (日本語) Something (like nothing)", "", "", "other", "", False),
        ("", "", "", "other", "", False),
    ],
)
def test_a_user_agent_is_read(
    text: str, system: str, browser: str, device: str, model: str, bot: bool
) -> None:
    assert read(text) == Agent(
        useragent=text, os=system, browser=browser, device=device, model=model, bot=bot
    )


def test_an_absent_user_agent_is_no_bot_and_its_device_is_other(one: One) -> None:
    assert one({"useragent": None}).agent == Agent(useragent=None, device="other", bot=False)


def test_equal_user_agents_are_one_object(run: Run) -> None:
    event = {"url": "/", "ip": None, "useragent": CHROME}
    first, second = run([event, event]).events
    assert first.agent is second.agent


@pytest.mark.parametrize(
    "text", ["²", "Windows NT ²", "Android ²", "Version/٣ Safari", "\x7f" * 50, "(" * 1024, "🦊" * 1024]
)
def test_odd_characters_are_read_like_any_other(text: str) -> None:
    assert read(text).useragent == text


def device_detectors(folder: Path, name: str) -> list[str]:
    """The user agents in a fixture of device-detector, read without a YAML parser."""
    found = []
    for match in re.finditer(
        r"^ +user_agent: (.+)$", (folder / "device-detector" / name).read_text("utf-8"), re.MULTILINE
    ):
        text = match[1]
        if text.startswith('"'):
            text = json.loads(text)
        elif text.startswith("'"):
            text = text[1:-1].replace("''", "'")
        found.append(text)
    return list(dict.fromkeys(found))


def test_nearly_all_known_bots_are_found(data_dir: Path) -> None:
    bots = device_detectors(data_dir / "ua", "fixtures_bots.yml")
    crawlers = json.loads((data_dir / "ua" / "crawler-user-agents.json").read_text("utf-8"))
    instances = [text for crawler in crawlers for text in crawler["instances"]]
    assert (len(bots), len(instances)) == (1341, 2116)
    assert sum(read(text).bot for text in bots) >= 1330
    assert sum(read(text).bot for text in instances) >= 2100


def test_hardly_any_device_of_a_person_is_taken_for_a_bot(data_dir: Path) -> None:
    names = ("console", "desktop", "smartphone-1", "tablet")
    people = [text for name in names for text in device_detectors(data_dir / "ua", f"fixtures_{name}.yml")]
    assert len(people) == 1661
    assert sum(read(text).bot for text in people) <= 25


@pytest.mark.parametrize(
    ("name", "device", "at_least", "of"),
    [("smartphone-1", "phone", 520, 536), ("tablet", "tablet", 400, 508), ("desktop", "desktop", 370, 569)],
)
def test_devices_are_told_apart(data_dir: Path, name: str, device: str, at_least: int, of: int) -> None:
    texts = device_detectors(data_dir / "ua", f"fixtures_{name}.yml")
    assert len(texts) == of
    assert sum(read(text).device == device for text in texts) >= at_least


def test_bots_are_the_same_as_is_bot_finds_by_itself(data_dir: Path) -> None:
    reference = Bots()
    texts = [
        text
        for file in sorted((data_dir / "ua" / "device-detector").iterdir())
        for text in device_detectors(data_dir / "ua", file.name)
    ]
    assert len(texts) > 4000
    assert [text for text in texts if is_bot(text) != reference.is_bot(text)] == []
