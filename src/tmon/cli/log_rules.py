# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which lines of logs are changed or left out (docs/log-formats.md, Rules), and the rules they make."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .errors import WrongUsage

if TYPE_CHECKING:
    from tmon.agents.logs.rules import Rule


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add them; those that take a value can be given several times."""
    group = parser.add_argument_group("rules", "what is changed or left out before it is sent")

    def several(option: str, metavar: str, help: str) -> None:
        group.add_argument(option, metavar=metavar, action="append", default=[], help=help)

    several("--trusted-proxy", "NETWORK", "believe the X-Forwarded-For of these proxies, such as 10.0.0.0/8")
    group.add_argument(
        "--username-from",
        metavar=("FIELD", "PATTERN"),
        nargs=2,
        help="find user names in url, referrer, useragent or host, by a regular expression with a group",
    )
    several("--only-path", "PATTERN", "only requests for such paths; * stands for anything")
    several("--without-path", "PATTERN", "no requests for such paths")
    several("--only-status", "STATUS", "only requests with this status: 404, 4xx or 400-403")
    several("--without-status", "STATUS", "no requests with this status")
    several("--only-host", "PATTERN", "only requests to such hosts")
    several("--without-host", "PATTERN", "no requests to such hosts")
    group.add_argument(
        "--without-bots", action="store_true", help="no requests of what calls itself a bot or a program"
    )
    assets = group.add_mutually_exclusive_group()
    assets.add_argument("--without-assets", action="store_true", help="no style, scripts, pictures and fonts")
    assets.add_argument("--mark-assets", action="store_true", help="mark them by the field static")
    several("--drop-parameter", "NAME", "take this parameter out of queries; * stands for anything")
    several("--keep-parameter", "NAME", "take all other parameters out of queries")


def rules_of(arguments: argparse.Namespace) -> list[Rule]:
    """The rules in their order. Raises WrongUsage for what can't be read."""
    from tmon.agents.logs.assets import assets
    from tmon.agents.logs.clients import clients
    from tmon.agents.logs.filters import hosts, paths, statuses, without_bots
    from tmon.agents.logs.queries import queries_with, queries_without
    from tmon.agents.logs.rules import BadRule
    from tmon.agents.logs.usernames import username_from

    try:
        rules = [clients(arguments.trusted_proxy)]
        if arguments.username_from:
            rules.append(username_from(*arguments.username_from))
        for rule, name in ((paths, "path"), (statuses, "status"), (hosts, "host")):
            only, without = (getattr(arguments, f"{way}_{name}") for way in ("only", "without"))
            if only or without:
                rules.append(rule(only, without))
    except BadRule as error:
        raise WrongUsage(str(error)) from None
    if arguments.without_bots:
        rules.append(without_bots())
    if arguments.without_assets or arguments.mark_assets:
        rules.append(assets(skipped=arguments.without_assets))
    if arguments.keep_parameter:
        rules.append(queries_with(arguments.keep_parameter))
    if arguments.drop_parameter:
        rules.append(queries_without(arguments.drop_parameter))
    return rules
