# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting, declared once: name, default, help, parser, and whether it is a secret.

The environment is the only source. A secret may also be given as a file: `NAME_FILE` holds the path and the
file's content, without white space around it, is the value. A variable that is set but empty counts as unset.
"""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import parsing
from .errors import SettingError
from .mail import MailServer
from .proxies import TrustedProxies


class Stage(enum.StrEnum):
    """Where this installation stands."""

    TESTING = "testing"
    STAGING = "staging"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said about one setting, for whoever reads or lists settings."""

    name: str
    """The environment variable."""
    default: str | None
    """The text that is parsed when the variable is unset; None: the value is then None."""
    help: str
    parse: Callable[[str], Any]
    """Makes the value from the text; raises ValueError saying what is wrong and what to do."""
    secret: bool = False
    """Never shown, and accepted from a file."""
    default_in_words: str | None = None
    """How lists show the default, where the text alone does not say it."""

    def shown_default(self) -> str:
        """The default as lists show it."""
        return self.default_in_words or self.default or "unset"


def _setting(
    name: str,
    parse: Callable[[str], Any],
    help: str,
    *,
    default: str | None = None,
    secret: bool = False,
    default_in_words: str | None = None,
) -> Any:
    declaration = Declaration(name, default, " ".join(help.split()), parse, secret, default_in_words)
    return dataclasses.field(metadata={"declaration": declaration}, repr=not secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of this process, parsed. Secrets don't appear in its `repr`."""

    stage: Stage = _setting(
        "TMON_STAGE",
        parsing.one_of(Stage),
        """testing, staging or production. In testing answers say more about what is wrong and a server secret is
        made on the first start; staging and production ask for TMON_SECRET_KEY.""",
        default="testing",
    )
    data: Path = _setting(
        "TMON_DATA",
        parsing.path,
        "The folder that holds everything this installation keeps. It is made, private to its user, if missing.",
        default="./var",
    )
    store: str = _setting(
        "TMON_STORE",
        parsing.store_url,
        """Where events are kept: sqlite: (files in TMON_DATA) or memory: (nothing outlives the process).""",
        default="sqlite:",
        secret=True,
    )
    database_url: str | None = _setting(
        "DATABASE_URL",
        parsing.database_url,
        """Where accounts, web services and their keys are kept, for instance
        postgresql://user:password@host/name. Several machines share one PostgreSQL.""",
        secret=True,
        default_in_words="the file accounts.db in TMON_DATA",
    )
    memcached: str | None = _setting(
        "TMON_MEMCACHED",
        parsing.host_and_port,
        """host:port of a memcached in which several processes look logins up before they ask the accounts
        database. One that is away ends no login. Let only these processes reach it.""",
        default_in_words="none; the accounts database alone",
    )
    secret_key: str | None = _setting(
        "TMON_SECRET_KEY",
        parsing.secret_key,
        """The server's own secret, at least 32 characters: the keys of web services are kept encrypted under it
        and logins are signed with it. Whoever loses it must rotate every key.""",
        secret=True,
        default_in_words="in testing the file secret_key in TMON_DATA, made on the first start; else required",
    )
    geoip: Path | None = _setting(
        "TMON_GEOIP",
        parsing.path,
        "The path of your own MMDB file with cities (GeoLite2, DB-IP). It is read again when it changes.",
        default_in_words="the DB-IP City Lite data that came with the installation",
    )
    views: Path | None = _setting(
        "TMON_VIEWS",
        parsing.path,
        "A folder with view files of your own, read besides the ones that came with the installation.",
        default_in_words="the folder views in TMON_DATA",
    )
    public_url: str | None = _setting(
        "TMON_PUBLIC_URL",
        parsing.public_url,
        """The address under which people and clients reach this server, for instance https://tmon.example.org. It
        is the only host name answered besides localhost, and goes into every DSN.""",
        default_in_words="http://127.0.0.1:8000",
    )
    trusted_proxies: TrustedProxies = _setting(
        "TMON_TRUSTED_PROXIES",
        TrustedProxies.parse,
        """Addresses or networks of the reverse proxies in front of this server, separated by commas. Only from
        these are X-Forwarded-For and X-Forwarded-Proto believed.""",
        default="",
        default_in_words="none",
    )
    email: MailServer | None = _setting(
        "TMON_EMAIL_URL",
        MailServer.parse,
        """The mail server by which invitations, warnings and links to set a new password are sent, and the address
        that they are from: `smtps://`, `submission://` (STARTTLS) or `smtp://user:password@host:port?from=address`.
        Without it links are shown, to be copied.""",
        secret=True,
        default_in_words="none; links are copied by hand",
    )
    webhooks_private: bool | None = _setting(
        "TMON_WEBHOOKS_PRIVATE",
        parsing.yes_or_no,
        """yes or no: whether warnings may be sent to webhooks whose address is not public, such as this machine's own
        and those of its network. Managers choose the addresses, so say yes only where they may reach these.""",
        default_in_words="yes in testing, else no",
    )
    records: Path | None = _setting(
        "TMON_RECORDS",
        parsing.path,
        """The folder for plain files of the sessions that have ended, one a web service and local day, and an archive
        of each day that is over. Without it there are none.""",
        default_in_words="none",
    )
    dsn: str | None = _setting(
        "TMON_DSN",
        parsing.text,
        """Which web service a client reports to, and its key: `tmon+http://<secret>@<host>/<wsid>` or tmon+https.
        Read by clients and by the commands that send.""",
        secret=True,
    )
    token: str | None = _setting(
        "TMON_TOKEN",
        parsing.text,
        "An API token, for `tmon verify` to check also that what it sent can be read.",
        secret=True,
    )
    log_megabytes: int = _setting(
        "TMON_LOG_MEGABYTES",
        parsing.count,
        """How much each web service may have in the log at once, as megabytes of JSON, unless
        `tmon webservice set WSID --log-megabytes N` says otherwise for it. What is beyond is refused with status
        429.""",
        default="100000",
    )
    webservices_per_user: int = _setting(
        "TMON_WEBSERVICES_PER_USER",
        parsing.allowance,
        """How many web services somebody who is no administrator may make on the settings pages and own; 0: none.
        Administrators and `tmon webservice create` are not bound by it.""",
        default="20",
    )
    demo_days: int = _setting(
        "TMON_DEMO_DAYS",
        parsing.days,
        "How many days of past traffic `tmon serve --demo` makes up on a new data folder, from 1 to 365.",
        default="30",
    )
    log_level: str = _setting(
        "TMON_LOG_LEVEL",
        parsing.log_level,
        "The least important messages that are logged: debug, info, warning or error.",
        default="info",
    )

    metrics_token: str | None = _setting(
        "TMON_METRICS_TOKEN",
        parsing.text,
        """Opens /metrics for those who send it as `Authorization: Bearer <token>`, from wherever they ask. This
        machine needs none.""",
        secret=True,
    )

    @property
    def debug(self) -> bool:
        """Whether answers say more about what is wrong. Tracebacks are shown in no stage."""
        return self.stage is Stage.TESTING

    @property
    def reaches_private(self) -> bool:
        """Whether webhooks may be at addresses that are not public."""
        return self.stage is Stage.TESTING if self.webhooks_private is None else self.webhooks_private

    @property
    def views_folder(self) -> Path:
        """The folder for view files of one's own, there or not."""
        return self.views or self.data / "views"

    @property
    def base_url(self) -> str:
        """The address that DSNs and links start with, without a slash at its end."""
        return self.public_url or "http://127.0.0.1:8000"


def declarations() -> Iterator[tuple[str, Declaration]]:
    """(attribute of Settings, declaration) of every setting, in the order of their declaration."""
    for field in dataclasses.fields(Settings):
        yield field.name, field.metadata["declaration"]


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that `environ` (default: this process's environment) describes.

    Nothing is made or opened but the files that `*_FILE` names. Raises SettingError.
    """
    environ = os.environ if environ is None else environ
    return Settings(**{attribute: _value(declaration, environ) for attribute, declaration in declarations()})


def read(name: str, environ: Mapping[str, str] | None = None) -> Any:
    """The value of the one setting `name`, whatever is wrong with others. Raises SettingError."""
    environ = os.environ if environ is None else environ
    declaration = next(declaration for _, declaration in declarations() if declaration.name == name)
    return _value(declaration, environ)


def _value(declaration: Declaration, environ: Mapping[str, str]) -> Any:
    given, name = environ.get(declaration.name) or None, declaration.name
    if declaration.secret:
        file = environ.get(f"{declaration.name}_FILE") or None
        if file and given:
            raise SettingError(name, f"is set, and so is {name}_FILE; unset one of them")
        if file:
            name = f"{declaration.name}_FILE"
            given = _content(name, file)
    given = declaration.default if given is None else given
    if given is None:
        return None
    try:
        return declaration.parse(given)
    except ValueError as error:
        raise SettingError(name, str(error)) from None


def _content(name: str, file: str) -> str:
    try:
        content = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingError(name, f"can't read {file}: {reason}") from None
    if not content:
        raise SettingError(name, f"{file} is empty; write the value into it")
    return content
