# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of sessions: set and removed by managers, and brought to whoever makes sessions by them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from django.db import close_old_connections, transaction
from django.utils import timezone

from tmon.server.sessions import OBJECT, Rule
from tmon.server.tenants import NotFound, Refused, audit
from tmon.server.tenants.models import IpPolicy, WebService

from . import patterns
from .models import LEAST_IDLE_S, MOST_IDLE_S, SessionRule, Whose

COURSE_MODULES: Final = Rule(
    by="username",
    objects=(f"/uploads/modules/{OBJECT}", f"/modules/{OBJECT}"),
    entry="index.html",
    idle_ms=300_000,
    exclusive=True,
    assets=True,
)
"""What whoever comes from Module Gaze has."""


def rules() -> dict[int, Rule]:
    """The rules of all web services that have one. One question; raises django.db.Error."""
    return {row.pk: row.rule() for row in SessionRule.objects.all()}


def of_webservice(wsid: int) -> SessionRule | None:
    """The rule of a web service, None where no sessions are made of its requests."""
    return SessionRule.objects.filter(pk=wsid).select_related("set_by").first()


def needs_addresses(wsid: int) -> bool:
    """Whether its sessions are told by address, so that none are made where addresses are dropped."""
    return SessionRule.objects.filter(pk=wsid, by=Whose.IP).exists()


def put(webservice: WebService, by: audit.Actor, rule: Rule) -> SessionRule:
    """Have sessions made by this rule. Raises Refused. Setting it as it is changes nothing."""
    rule = checked(rule, webservice.ip_policy)
    with transaction.atomic():
        WebService.objects.select_for_update().get(pk=webservice.pk)
        found = of_webservice(webservice.wsid)
        if found is not None and found.rule() == rule:
            return found
        made = SessionRule(
            webservice=webservice,
            by=rule.by,
            patterns="\n".join(rule.objects),
            entry=rule.entry,
            idle_s=rule.idle_ms // 1000,
            exclusive=rule.exclusive,
            sources="\n".join(rule.sources),
            assets=rule.assets,
            failed=rule.failed,
            set_by=by.user,
            since=timezone.now(),
        )
        made.save()
        act = audit.Act.SESSION_RULE_SET if found is None else audit.Act.SESSION_RULE_CHANGED
        audit.record(by, act, webservice, **_in_short(rule))
    return made


def remove(webservice: WebService, by: audit.Actor) -> SessionRule:
    """Have no more sessions made, and return by which rule they were. Raises NotFound."""
    with transaction.atomic():
        found = SessionRule.objects.select_for_update(of=("self",)).filter(pk=webservice.pk).first()
        if found is None:
            raise NotFound("no sessions are made already")
        audit.record(by, audit.Act.SESSION_RULE_REMOVED, webservice, **_in_short(found.rule()))
        SessionRule.objects.filter(pk=found.pk).delete()
    return found


def checked(rule: Rule, ip_policy: str) -> Rule:
    """The rule as it is kept. Raises Refused, which says what is wrong with it."""
    if rule.by not in Whose.values:
        raise Refused("sessions are a visitor's, a user's or an address's")
    if rule.by == "ip" and ip_policy == IpPolicy.NONE:
        raise Refused(
            "the addresses of this web service are dropped, so no session can be told by them; "
            "keep them under Privacy and retention first, or choose another"
        )
    if rule.idle_ms % 1000 or not LEAST_IDLE_S * 1000 <= rule.idle_ms <= MOST_IDLE_S * 1000:
        raise Refused(f"the idle time is {LEAST_IDLE_S} to {MOST_IDLE_S:,} whole seconds")
    try:
        return msgspec.structs.replace(
            rule,
            objects=patterns.patterns("\n".join(rule.objects)),
            sources=patterns.sources("\n".join(rule.sources)),
            entry=patterns.entry(rule.entry),
        )
    except patterns.Wrong as error:
        raise Refused(str(error)) from None


def _in_short(rule: Rule) -> dict[str, audit.Detail]:
    """What the audit log says of it."""
    return {
        "by": rule.by,
        "patterns": " ".join(rule.objects) or None,
        "entry": rule.entry or None,
        "idle_seconds": rule.idle_ms // 1000,
        "one_at_a_time": rule.exclusive,
        "sources": ", ".join(rule.sources) or None,
        "assets": rule.assets,
        "failed": rule.failed,
    }


class Bringing:
    """Brings the rules to whoever makes sessions: `sync`, which takes all of them, is called where they have changed.

    What `sync` did not take it is given again at the next call.
    """

    def __init__(self, sync: Callable[[Mapping[int, Rule]], object]) -> None:
        self._sync = sync
        self._brought: dict[int, Rule] | None = None

    def bring(self) -> bool:
        """Look once, and say whether they had changed.

        Blocks on the accounts database; raises django.db.Error and whatever `sync` raises.
        """
        close_old_connections()
        found = rules()
        if found == self._brought:
            return False
        self._sync(found)
        self._brought = found
        return True
