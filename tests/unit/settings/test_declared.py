# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings are read from an environment, and their documentation lists them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmon.settings import SettingError, Stage, declarations, load, read

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "settings.md"
SECRET = "0123456789abcdef0123456789abcdef"


def test_nothing_set_is_a_first_run_on_ones_own_machine() -> None:
    settings = load({})
    assert settings.stage is Stage.TESTING
    assert settings.debug
    assert settings.data == Path.cwd() / "var"
    assert settings.store == "sqlite:"
    assert settings.database_url is None
    assert settings.base_url == "http://127.0.0.1:8000"
    assert not settings.trusted_proxies
    assert settings.views_folder == Path.cwd() / "var" / "views"


def test_an_empty_variable_counts_as_unset() -> None:
    assert load({"TMON_STAGE": "", "TMON_PUBLIC_URL": ""}) == load({})


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_other_stages_do_not_say_more(stage: str) -> None:
    assert not load({"TMON_STAGE": stage, "TMON_SECRET_KEY": SECRET}).debug


@pytest.mark.parametrize(
    ("stage", "said", "reached"),
    [
        ("testing", "", True),
        ("staging", "", False),
        ("production", "", False),
        ("testing", "no", False),
        ("production", "yes", True),
    ],
)
def test_private_addresses_are_reached_in_testing_or_where_it_is_said(
    stage: str, said: str, reached: bool
) -> None:
    environ = {"TMON_STAGE": stage, "TMON_SECRET_KEY": SECRET, "TMON_WEBHOOKS_PRIVATE": said}
    assert load(environ).reaches_private is reached


def test_neither_yes_nor_no_is_refused() -> None:
    with pytest.raises(SettingError, match="TMON_WEBHOOKS_PRIVATE: 'maybe' is neither yes nor no"):
        load({"TMON_WEBHOOKS_PRIVATE": "maybe"})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"  {SECRET}\n")
    assert load({"TMON_SECRET_KEY_FILE": str(file)}).secret_key == SECRET


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="TMON_SECRET_KEY: is set, and so is TMON_SECRET_KEY_FILE"):
        load({"TMON_SECRET_KEY": SECRET, "TMON_SECRET_KEY_FILE": str(tmp_path / "secret")})


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=r"TMON_SECRET_KEY_FILE: can't read .*/none: No such file or directory"
    ):
        load({"TMON_SECRET_KEY_FILE": str(tmp_path / "none")})


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(SettingError, match="is empty; write the value into it"):
        load({"TMON_SECRET_KEY_FILE": str(tmp_path / "secret")})


def test_secrets_do_not_show() -> None:
    environ = {
        "TMON_SECRET_KEY": SECRET,
        "DATABASE_URL": "postgresql://tmon:hunter2hunter2@db/tmon",
        "TMON_DSN": f"tmon+http://{'ab' * 32}@127.0.0.1:8000/1",
    }
    shown = repr(load(environ))
    assert SECRET not in shown
    assert "hunter2hunter2" not in shown
    assert "abab" not in shown


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TMON_STAGE", "prod", "TMON_STAGE: 'prod' is none of testing, staging, production"),
        ("TMON_SECRET_KEY", "short", "TMON_SECRET_KEY: has 5 characters, at least 32 are needed"),
        ("TMON_STORE", "mysql://x", "TMON_STORE: starts with none of sqlite:, memory:"),
        (
            "DATABASE_URL",
            "mysql://u:geheim@h/n",
            "DATABASE_URL: starts with none of sqlite:///, postgresql://",
        ),
        ("TMON_DEMO_DAYS", "0", "TMON_DEMO_DAYS: '0' is no whole number from 1 to 365"),
        ("TMON_DEMO_DAYS", "366", "TMON_DEMO_DAYS: '366' is no whole number from 1 to 365"),
        ("TMON_MEMCACHED", "localhost", "TMON_MEMCACHED: 'localhost' is not an address; write host:port"),
        ("TMON_MEMCACHED", "localhost:99999", "TMON_MEMCACHED: Port out of range 0-65535; write host:port"),
        (
            "TMON_PUBLIC_URL",
            "tmon.example",
            "TMON_PUBLIC_URL: 'tmon.example' is not the address of a web site",
        ),
        ("TMON_PUBLIC_URL", "https://a.example/x", "TMON_PUBLIC_URL: has more than a host and a port"),
        ("TMON_PUBLIC_URL", "https://a b", "TMON_PUBLIC_URL: 'a b' is not a host name"),
        (
            "TMON_TRUSTED_PROXIES",
            "10.0.0.0/8, proxy",
            "TMON_TRUSTED_PROXIES: 'proxy' is neither an address nor",
        ),
        ("TMON_EMAIL_URL", "mail.example.org", "TMON_EMAIL_URL: is not the URL of a mail server (smtps,"),
        ("TMON_EMAIL_URL", "smtp://h:x?from=a@b.example", "TMON_EMAIL_URL: is not the URL of a mail server;"),
        ("TMON_EMAIL_URL", "smtps://u:geheim@h.example", "TMON_EMAIL_URL: has to say the address that mail"),
        ("TMON_EMAIL_URL", "smtp://h.example?from=x", "TMON_EMAIL_URL: has to say the address that mail"),
        (
            "TMON_EMAIL_URL",
            "smtp://h?from=a@b.example&tls=1",
            "TMON_EMAIL_URL: has to say the address that mail",
        ),
        ("TMON_LOG_LEVEL", "loud", "TMON_LOG_LEVEL: 'loud' is none of debug, info, warning, error"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_a_way_out(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({name: value})
    assert str(caught.value).startswith(message)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://T-Mon.Example.org/", "https://t-mon.example.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://[2001:DB8::0:1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_public_url_is_written_one_way(value: str, expected: str) -> None:
    assert load({"TMON_PUBLIC_URL": value}).base_url == expected


def test_one_setting_can_be_read_whatever_is_wrong_with_others() -> None:
    environ = {"TMON_STAGE": "nonsense", "TMON_TOKEN": "tmon_x"}
    assert read("TMON_TOKEN", environ) == "tmon_x"


def test_the_documentation_has_every_setting_with_its_default_and_help() -> None:
    text = DOCUMENT.read_text("utf-8")
    for _, declaration in declarations():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{declaration.name}`")), None)
        assert row is not None, f"docs/settings.md has no row for {declaration.name}"
        _, names, default, meaning, _ = (cell.strip() for cell in row.split("|"))
        assert (f"`{declaration.name}_FILE`" in names) == declaration.secret, declaration.name
        assert default.strip("`") == declaration.shown_default(), declaration.name
        assert meaning == declaration.help, declaration.name


def test_the_documentation_has_no_setting_that_does_not_exist() -> None:
    names = {declaration.name for _, declaration in declarations()}
    rows = [
        line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith(("| `TMON_", "| `DATA"))
    ]
    assert {row.split("`")[1] for row in rows} == names


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "submission://anna:ge%40heim@mail.example.org?from=tmon@example.org",
            ("submission", "mail.example.org", 587, "anna", "ge@heim", "tmon@example.org"),
        ),
        (
            "smtps://mail.example.org:4650/?from=a@b.example",
            ("smtps", "mail.example.org", 4650, "", "", "a@b.example"),
        ),
        ("smtp://127.0.0.1?from=a%2Bx@b.example", ("smtp", "127.0.0.1", 25, "", "", "a+x@b.example")),
    ],
)
def test_a_mail_server_is_one_url(url: str, expected: tuple[object, ...]) -> None:
    server = load({"TMON_EMAIL_URL": url}).email
    assert server is not None
    found = (server.scheme, server.host, server.port, server.user, server.password, server.sender)
    assert found == expected
    assert "heim" not in repr(server)
