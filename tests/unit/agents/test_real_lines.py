# SPDX-License-Identifier: GPL-3.0-or-later
"""Real lines that nobody here wrote: which format they are found to have, how many are read, and as what.

They are not part of this project; without them these tests are skipped.
"""

from __future__ import annotations

import bz2
import json
import re
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from tmon.agents.logs.formats import Event, Parser, Undetected, Unparsed, custom, detect, named

READ = {
    "awstats_testglobal.log": ("combined", 56),
    "awstats_testtime5.log": ("combined", 2),
    "crowdsec_apache-http-probing.log": ("common", 77),
    "crowdsec_apache2-logs.log": ("combined-vhost", 7),
    "crowdsec_aws-alb-http-bad-user-agent.log": ("alb", 4),
    "crowdsec_aws-cloudfront-logs.log": ("cloudfront", 2),
    "crowdsec_bunkerweb-http-malformed.log": ("combined-vhost", 0),
    "crowdsec_caddy-basic-auth-bf.log": ("caddy", 6),
    "crowdsec_envoy-logs.log": ("wrapped+envoy", 10),
    "crowdsec_haproxy-logs.log": ("haproxy", 2),
    "crowdsec_http-dos-bypass-cache.log": ("combined", 356),
    "crowdsec_http-dos-random-uri.log": ("combined", 66),
    "crowdsec_nginx-http-malformed.log": ("combined", 0),
    "crowdsec_nginx-http-path-traversal.log": ("combined", 9),
    "crowdsec_nginx-http-w00twoot.log": ("combined", 2),
    "crowdsec_nginx-proxy-manager-logs.log": ("proxy-manager", 12),
    "crowdsec_nginx_http-catch-npm.log": ("proxy-manager", 5),
    "crowdsec_traefik_base-http-scenario.log": ("traefik-json", 80),
    "crowdsec_traefik_json.log": ("traefik-json", 6),
    "crowdsec_zoraxy-http-logs.log": ("zoraxy", 13),
    "elastic_apache_logs.log": ("combined", 10_000),
    "fail2ban_apache-badbots.log": ("combined-vhost", 4),
    "fail2ban_nginx-botsearch.log": ("combined", 8),
    "fail2ban_squid.log": ("squid", 3),
    "lnav_logfile_access_log.0": ("combined", 3),
    "lnav_logfile_bad_access_log.0": ("combined", 2),
    "lnav_logfile_caddy_log.0": ("wrapped+caddy", 4),
    "lnav_logfile_cloudflare.1": ("cloudflare", 15),
    "lnav_logfile_haproxy.0": ("wrapped+haproxy", 13),
    "lnav_logfile_w3c.0": ("w3c", 1),
    "lnav_logfile_w3c.2": ("w3c", 0),
    "lnav_logfile_w3c.4": ("w3c", 2),
    "lnav_logfile_w3c.6": ("w3c", 1),
    "lnav_w3c_big.log": ("w3c", 210),
    "matomo_alb.log": ("alb", 1),
    "matomo_amazon_cloudfront_web.log": ("cloudfront", 1),
    "matomo_caddy_json.log": ("caddy", 3),
    "matomo_common.log.bz2": ("common", 1),
    "matomo_common_complete.log": ("combined-vhost", 1),
    "matomo_elb.log": ("elb", 1),
    "matomo_icecast2.log": ("combined", 1),
    "matomo_iis_custom.log": ("w3c", 3),
    "matomo_ncsa_extended.log": ("combined", 1),
    "matomo_ovh.log": ("ovh", 1),
    "matomo_s3.log": ("s3", 1),
    "matomo_splitted_date_and_time.log": ("w3c", 1),
    "matomo_traefik_json.log": ("traefik-json", 1),
    "rla_apache_common.log": ("common", 10),
    "rla_s3_logs_2012-10-05-16-26-06-15314AF7F0651839": ("s3", 3),
}
"""The format of each access log, and how many of its lines hold a request."""

NO_ACCESS_LOGS = [
    "awstats_testnginx.log",  # a format of its own
    "crowdsec_iis-xml-logs.log",
    "crowdsec_litespeed-admin-bf.log",
    "crowdsec_nginx_req_limit_exceeded.log",
    "fail2ban_apache-noscript.log",
    "fail2ban_apache-shellshock.log",
    "fail2ban_lighttpd-auth.log",
    "lnav_logfile_syslog_with_access_log.0",  # its lines have no time of their own
    "loghub_apache_error_2k.log",
    "matomo_custom_regex_custom_date.log",  # a format of its own
    "rla_decompression.log.bz2",
    "rla_header_and_footer.log",
]


@pytest.fixture(scope="module")
def logs(data_dir: Path) -> Path:
    folder = data_dir / "logs"
    if not folder.is_dir():
        pytest.skip("logs is missing from TMON_TEST_DATA")
    return folder


def lines_of(file: Path) -> list[bytes]:
    data = file.read_bytes()
    return (bz2.decompress(data) if file.suffix == ".bz2" else data).splitlines(keepends=True)


def read(parser: Parser, lines: list[bytes]) -> list[Event]:
    return [event for event in (one(parser, line) for line in lines) if event is not None]


def one(parser: Parser, line: bytes) -> Event | None:
    try:
        return parser.parse(line)
    except Unparsed:
        return None


@pytest.mark.parametrize("name", READ)
def test_an_access_logs_format_is_detected_and_its_requests_are_read(name: str, logs: Path) -> None:
    lines = lines_of(logs / name)

    found = detect(lines)

    assert (found.name, len(read(found.parser(), lines))) == READ[name]


def test_formats_of_ones_own_are_read_by_their_strings(logs: Path) -> None:
    nginx = custom(
        '$host $remote_addr [$time_local] "$request" $status $bytes_sent "$http_referer" "$http_user_agent"'
    )
    apache = custom('%h %l %u [%{%B - %d, %Y:%T}t] "%r" %>s %b')

    (event,) = read(apache.parser(), lines_of(logs / "matomo_custom_regex_custom_date.log"))
    assert (event["ip"], event["ts"], event["bytes"]) == ("1.2.3.4", 1_328_892_127, 368)
    with pytest.raises(Unparsed, match="no request"):
        nginx.parser().parse(lines_of(logs / "awstats_testnginx.log")[1])


@pytest.mark.parametrize("name", NO_ACCESS_LOGS)
def test_what_is_no_access_log_is_not_taken_for_one(name: str, logs: Path) -> None:
    with pytest.raises(Undetected):
        detect(lines_of(logs / name))


def test_no_file_is_forgotten(logs: Path) -> None:
    there = {file.name for file in logs.iterdir() if file.is_file() and file.suffix != ".assert"}

    assert there <= {*READ, *NO_ACCESS_LOGS}


FACT = re.compile(
    r'^results\["s01-parse"\]\["[^"]+"\]\[(\d+)\]\.Evt\.(?:Parsed|Meta)\["(\w+)"\] == (".*")$', re.MULTILINE
)
FIELDS = {"http_verb": "method", "http_status": "status", "http_user_agent": "useragent"}


def facts_of(file: Path) -> list[dict[str, str]]:
    """What another parser made of each line."""
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    for number, name, text in FACT.findall(file.read_text("utf-8")):
        facts[number][name] = json.loads(text, strict=False)
    return list(facts.values())


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("crowdsec_apache2-logs", 7),
        ("crowdsec_aws-cloudfront-logs", 2),
        ("crowdsec_envoy-logs", 10),
        ("crowdsec_haproxy-logs", 2),
        ("crowdsec_nginx-proxy-manager-logs", 12),
        ("crowdsec_nginx_http-catch-npm", 5),
        ("crowdsec_traefik_json", 6),
        ("crowdsec_zoraxy-http-logs", 13),
    ],
)
def test_lines_say_what_another_parser_found(name: str, compared: int, logs: Path) -> None:
    parser = detect(lines_of(logs / f"{name}.log")).parser()
    count = 0
    for facts in facts_of(logs / f"{name}.parser.assert"):
        event = one(parser, facts["message"].encode())
        if event is None:
            continue
        count += 1
        for theirs, ours in FIELDS.items():
            if theirs in facts:
                assert str(event.get(ours) or "-") == (facts[theirs] or "-"), facts["message"]
        clients = (
            f"{event['ip']}, {event.get('forwarded_for', '')}"  # which of them they take differs by format
        )
        assert facts["source_ip"] in clients.split(", "), facts["message"]
        if "http_path" in facts:
            assert str(event["url"]).partition("?")[0] == facts["http_path"].partition("?")[0], facts[
                "message"
            ]
    assert count == compared


@pytest.mark.parametrize("name", ["crowdsec_nginx-http-malformed", "crowdsec_bunkerweb-http-malformed"])
def test_what_was_no_request_for_another_parser_is_none(name: str, logs: Path) -> None:
    parser = detect(lines_of(logs / f"{name}.log")).parser()
    reasons: Counter[str] = Counter()
    for line in lines_of(logs / f"{name}.log"):
        try:
            assert parser.parse(line) is None
        except Unparsed as unparsed:
            reasons[unparsed.reason] += 1

    assert reasons["not HTTP"] == 11
    assert reasons["TLS handshake"] == 1


def test_ten_thousand_lines_have_the_totals_that_another_analyser_counted(logs: Path) -> None:
    counted = json.loads((logs / "_goaccess" / "elastic_apache_logs.json").read_text("utf-8"))

    events = read(named("combined").parser(), lines_of(logs / "elastic_apache_logs.log"))

    assert len(events) == counted["general"]["valid_requests"] == 10_000
    assert sum(int(str(event["bytes"])) for event in events) == counted["general"]["bandwidth"]
    classes = Counter(f"{str(event['status'])[0]}xx" for event in events)
    assert classes == {row["data"][:3]: row["hits"]["count"] for row in counted["status_codes"]["data"]}
    days = Counter(int(str(event["ts"])) // 86_400 for event in events)
    assert sorted(days.values()) == sorted(row["hits"]["count"] for row in counted["visitors"]["data"])


def test_annotated_lines_have_the_client_and_the_time_of_their_annotation(logs: Path) -> None:
    compared = 0
    for name in ("apache-badbots", "nginx-botsearch", "squid"):
        lines = lines_of(logs / f"fail2ban_{name}.log")
        parser = detect(lines).parser()
        for annotation, line in pairwise(lines):
            match = re.match(rb"# failJSON: (\{.*\})", annotation)
            event = one(parser, line)
            if match is None or event is None:
                continue
            facts = json.loads(match[1])
            compared += 1
            if facts.get("match") and "host" in facts:
                assert event["ip"] == facts["host"]
    assert compared > 10
