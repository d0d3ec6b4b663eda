# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that reads system, browser, device and bot from a user agent."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from ua_parser import Domain, RegexResolver, Resolver, load_lazy_builtins
from user_agents.parsers import Browser, Device, OperatingSystem, UserAgent

from tmon.server.events import Agent

from .bots import is_bot
from .draft import Delivery, Draft
from .fields import PlainRequest, cut
from .recent import Recent


@cache
def _resolver() -> Resolver:
    """uap-core's patterns in Rust: 42 µs for a user agent in place of 710, 25 MB and 0.25 s once."""
    assert RegexResolver is not None, "ua-parser is installed with its extra `regex`"
    return RegexResolver(load_lazy_builtins())


class _Parsed(UserAgent):
    """What user-agents makes of a user agent, from what the Rust resolver found instead of the slow parser."""

    def __init__(self, text: str) -> None:
        found = _resolver()(text, Domain.ALL).complete().with_defaults()
        self.ua_string = text
        self.os = OperatingSystem(
            found.os.family, (), _version(found.os.major, found.os.minor, found.os.patch)
        )
        self.browser = Browser(found.user_agent.family, (), "")
        self.device = Device(found.device.family, found.device.brand, found.device.model)

    @property
    def is_tablet(self) -> bool:
        """Also Firefox on Android tablets, which says so in words."""
        return "; Tablet;" in self.ua_string or bool(super().is_tablet)

    @property
    def is_pc(self) -> bool:
        """Also programs that name a desktop's system in other words than browsers do."""
        return self.os.family in _OF_DESKTOPS or "(Wayland; Linux" in self.ua_string or bool(super().is_pc)

    @property
    def model(self) -> str:
        """The device's model, "" where it is only a kind ("Smartphone") or the K that Chrome sends for all models."""
        known = self.device.brand != "Generic" and self.device.model != "K"
        return (self.device.model or "") if known else ""


_OF_DESKTOPS: Final = frozenset(
    {
        "Arch Linux",
        "CentOS",
        "Debian",
        "Fedora",
        "FreeBSD",
        "Gentoo",
        "Linux Mint",
        "NetBSD",
        "OpenBSD",
        "Red Hat",
        "Slackware",
        "SUSE",
        "Ubuntu",
        "Windows",
    }
)


def _version(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _known(family: str) -> str:
    return "" if family == "Other" else family


def read(text: str) -> Agent:
    """The agent behind a user agent's text. Unknown parts are ""; an empty text is no bot and device `other`."""
    if not text:
        return Agent(text)
    parsed = _Parsed(text)
    bot = parsed.is_bot or is_bot(text)
    if bot:
        device = "bot"
    elif parsed.is_tablet:
        device = "tablet"
    elif parsed.is_mobile:
        device = "phone"
    elif parsed.is_pc:
        device = "desktop"
    else:
        device = "other"
    return Agent(
        useragent=text,
        os=cut(_known(parsed.os.family)),
        browser=cut(_known(parsed.browser.family)),
        device=device,
        model="" if bot else cut(parsed.model),
        bot=bot,
    )


AGENTS: Final = Recent[str, Agent](read, room=12_000_000, each=450)
"""The agent by its text: some 20,000 of ordinary length."""

NO_AGENT: Final = Agent()


def unread(events: Iterable[Any]) -> int:
    """How many user agents of a message's events are not remembered; reading one takes up to 3 ms."""
    texts = (
        event.useragent if type(event) is PlainRequest else event.get("useragent")
        for event in events
        if type(event) in (PlainRequest, dict)
    )
    return len({text for text in texts if type(text) is str and text and text not in AGENTS})


def warm_up() -> None:
    """Load the patterns now rather than at the first event: half a second."""
    AGENTS["Mozilla/5.0"]


def identify(draft: Draft, delivery: Delivery) -> Draft:
    """Fill in `agent`. Where the sender does not know the user agent, it is no bot and its device is `other`."""
    text = draft.given.useragent
    draft.agent = NO_AGENT if text is None else AGENTS[text]
    return draft
