# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses what now, in a browser: counters run, limits fire, many sessions cost little, no name does anything."""

from __future__ import annotations

import datetime as dt
import re
import time
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from tests.browser.traffic import report
from tests.integration.server_process import ServerProcess, WebService

from .conftest import Fresh, Opening
from .test_accessibility import grave

LOOKS: dict[str, dict[str, Any]] = {
    "1440-dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
    "768-light": {"viewport": {"width": 768, "height": 1000}, "color_scheme": "light"},
    "360-dark": {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"},
}
WATCH = """shown => {
    window.shown = [shown.textContent];
    const watch = new MutationObserver(() => window.shown.push(shown.textContent));
    watch.observe(shown, { childList: true, characterData: true, subtree: true });
}"""
HOSTILE = "<img src=x onerror=alert(1)>"


def sign(name: str, subject: str, what: str, seconds_ago: float, **says: Any) -> dict[str, Any]:
    """An event of kind session so many seconds ago."""
    ts = round(time.time() - seconds_ago, 3)
    return {
        "kind": "session",
        "session": name,
        "subject": subject,
        "object": what,
        "ts": ts,
        "state": "alive",
        **says,
    }


def row(page: Page, who: str) -> Locator:
    return page.locator(".active tbody tr").filter(has=page.get_by_text(who, exact=True))


def seconds(row: Locator) -> int:
    """What its counter shows."""
    parts = row.locator(".time").inner_text().split(":")
    return sum(int(part) * 60**power for power, part in enumerate(reversed(parts)))


@pytest.fixture
def used(server: ServerProcess, fresh: Fresh) -> WebService:
    service = fresh()
    signs = [("ada", "algebra", 600), ("ben", "algebra", 59), ("eve", "", 20), (HOSTILE, HOSTILE, 30)]
    events = [sign(who, who, what, ago) for who, what, ago in signs]
    report(server, service, [*events, *(sign(who, who, what, 1) for who, what, _ in signs)])
    return service


def test_counters_run_each_second(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    ada = row(page, "ada")
    expect(ada.locator(".time")).to_have_text(re.compile(r"10:\d\d"))
    before = seconds(ada)
    page.wait_for_timeout(3000)  # what is looked at is that time passes
    assert 2 <= seconds(ada) - before <= 4
    expect(page.locator("#card-subjects")).to_have_text("4")
    expect(page.locator("#card-objects")).to_have_text("3")
    expect(page.locator("#card-today")).to_have_text("4")
    expect(row(page, "eve").locator(".what")).to_contain_text("Whole service")
    expect(page.locator(".active tbody tr").first.locator(".who")).to_contain_text("ada")


def test_a_limit_fires_within_two_seconds(used: WebService, server: ServerProcess, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, "ada")).to_be_visible()
    page.get_by_role("button", name="Set a limit").click()
    page.get_by_label("What", exact=True).fill("algebra")
    page.get_by_label("Minutes at a time").fill("1")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator("#limits li")).to_contain_text("1 min")
    began = time.time() - 62
    report(server, used, [sign("kim", "kim", "algebra", 57), sign("kim", "kim", "algebra", 0)])
    kim = row(page, "kim")
    expect(kim).to_have_attribute("data-state", re.compile("near|over"))
    expect(kim).to_have_attribute("data-state", "over", timeout=10_000)
    assert began < time.time() - 60
    expect(kim.locator(".state")).to_contain_text("Over by")
    expect(page.locator("#warnings li").filter(has_text="kim")).to_be_visible(timeout=5_000)
    expect(page.locator("#card-over p.n")).to_have_text("3")
    page.locator('[data-which="over"]').click()
    expect(page.locator(".active tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Change the limit of algebra").click()
    page.get_by_label("Minutes at a time").fill("30")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator("#card-over p.n")).to_have_text("0")
    page.get_by_role("button", name="Remove the limit of algebra").click()
    expect(page.get_by_text("Nothing has a limit.")).to_be_visible()


def test_what_is_no_limit_is_refused_in_words(used: WebService, opened: Opening) -> None:
    watched = opened(f"/view/live/{used.wsid}")
    watched.allowed.append("400 (Bad Request)")
    page = watched.page
    page.get_by_role("button", name="Set a limit").click()
    page.get_by_label("Minutes at a time").fill("5")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Say what the limit is for.")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#limit-form")).to_be_hidden()


def test_text_of_strangers_does_nothing(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, HOSTILE)).to_be_visible()
    expect(page.locator("#by-object")).to_contain_text(HOSTILE)
    row(page, HOSTILE).locator(".what button").click()
    expect(page.locator("#chips")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0


def test_seeking_sorting_and_filtering(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(page.locator(".active tbody tr")).to_have_count(4)
    page.get_by_label("Seek among who and what").fill("ALGEB")
    expect(page.locator(".active tbody tr")).to_have_count(2)
    by_name = page.locator('[data-sort="who"] button')
    by_name.click()
    expect(page.locator(".active tbody tr").first).to_contain_text("ada")
    by_name.click()
    expect(page.locator(".active tbody tr").first).to_contain_text("ben")
    page.locator("#by-subject").get_by_role("button", name="ada").click()
    expect(page).to_have_url(re.compile(r"filter=subject%3Aada"))
    expect(page.locator("#by-object tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("#by-object tbody tr")).to_have_count(1)
    page.locator("#chips .remove").click()
    expect(page.locator("#by-object tbody tr")).to_have_count(3)


def test_a_period_of_ones_own_and_the_average_length(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}?period=today").page
    expect(page.locator("#by-object tbody tr")).to_have_count(3)
    expect(page.locator("#days span")).to_have_count(1)
    expect(page.locator("#days")).to_have_attribute("aria-label", "Sessions per day, at most 4")
    page.get_by_role("button", name="Average length").click()
    expect(page.locator("#days")).to_have_attribute(
        "aria-label", re.compile("Average length per day, at most 3 min")
    )
    page.get_by_role("button", name="Custom").click()
    page.get_by_label("From", exact=True).fill("2026-01-01")
    page.get_by_label("to", exact=True).fill("2026-01-05")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#days span")).to_have_count(5)
    expect(page.locator("#by-object")).to_contain_text("Nothing was used in this period.")
    expect(page).to_have_url(re.compile(r"\?from=2026-01-01&to=2026-01-05"))
    page.reload()
    expect(page.locator("#days span")).to_have_count(5)


def test_two_hundred_sessions_cost_little(server: ServerProcess, fresh: Fresh, opened: Opening) -> None:
    service = fresh()
    names = [f"user-{n:03}" for n in range(200)]
    events = [sign(name, name, f"module-{n % 20}", 100 + n) for n, name in enumerate(names)]
    report(
        server, service, [*events, *(sign(name, name, f"module-{n % 20}", 0) for n, name in enumerate(names))]
    )
    watched = opened(f"/view/live/{service.wsid}")
    page = watched.page
    expect(page.locator(".active tbody tr")).to_have_count(200)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def busy_s() -> float:
        found = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
        return found["TaskDuration"]

    page.wait_for_timeout(2000)
    before, began = busy_s(), time.monotonic()
    first = seconds(row(page, "user-000"))
    page.wait_for_timeout(10_000)
    share = (busy_s() - before) / (time.monotonic() - began)
    assert seconds(row(page, "user-000")) >= first + 9
    assert share < 0.15, f"the page takes {share:.0%} of a core"


def test_a_server_that_is_away_is_said_and_the_page_goes_on(used: WebService, opened: Opening) -> None:
    watched = opened(f"/view/live/{used.wsid}")
    watched.allowed.append("Failed to load resource")
    page = watched.page
    expect(page.locator("#freshness")).to_have_text("Live")
    page.route("**/data/**", lambda route: route.abort())
    expect(page.locator("#trouble")).to_contain_text("The server can't be reached.")
    expect(page.locator("#freshness")).to_have_text(re.compile(r"Stale, [\d.]+ s old"), timeout=2_500)
    page.unroute("**/data/**")
    expect(page.locator("#freshness")).to_have_text("Live")
    expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("look", LOOKS)
def test_it_fits_every_screen(
    used: WebService,
    server: ServerProcess,
    opened: Opening,
    screenshot: Callable[[Page, str], None],
    look: str,
) -> None:
    people = [
        "ws-b214",
        "kestrel42",
        "mjolnir",
        "quietfox",
        "a-rather-long-name@school.example.org",
        "saltmarsh",
    ]
    signs = [(name, f"dictation-{at % 3}", 400 - 60 * at) for at, name in enumerate(people)]
    for ago in (None, 0):
        report(server, used, [sign(*one[:1], *one[:2], one[2] if ago is None else ago) for one in signs])
    page = opened(f"/view/live/{used.wsid}", **LOOKS[look]).page
    expect(row(page, "ada")).to_be_visible()
    for what, minutes in (("algebra", "5"), ("dictation-1", "6"), ("dictation-0", "60")):
        page.get_by_role("button", name="Set a limit").click()
        page.get_by_label("What", exact=True).fill(what)
        page.get_by_label("Minutes at a time").fill(minutes)
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.locator("#limits li").filter(has_text=what)).to_be_visible()
    expect(page.locator("#warnings li")).to_have_count(1)
    expect(page.locator("#by-object tbody tr")).to_have_count(6)
    screenshot(page, f"live-sessions-{look}")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_where_nobody_is_the_page_says_so(fresh: Fresh, opened: Opening) -> None:
    page = opened(f"/view/live/{fresh().wsid}").page
    expect(page.locator("#none")).to_contain_text("No rule makes sessions of requests yet")
    expect(page.locator("#by-object")).to_contain_text("Nothing was used in this period.")


# -- answers that are made up, to have what is rare ------------------------------------------------------------------


def answering(page: Page, path: str, answer: Callable[[], dict[str, Any]]) -> None:
    """Have each question about `path` answered by what `answer` returns."""
    page.route(f"**/data/{path}", lambda route: route.fulfill(json={"status_code": 200, **answer()}))


def warning(number: int, subject: str, what: str = "algebra", session: int = 1) -> dict[str, Any]:
    return {
        "id": number,
        "at": f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%S}.000+00:00",
        "object": what,
        "minutes": 30,
        "subject": subject,
        "name": subject or "A guest",
        "session": session,
        "source": "lab",
    }


def test_all_that_is_new_among_the_warnings_is_announced(used: WebService, opened: Opening) -> None:
    warnings: list[dict[str, Any]] = []
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, "ada")).to_be_visible()
    answering(page, "warnings?*", lambda: {"results": warnings[::-1]})
    with page.expect_response("**/data/warnings?*"):
        pass
    warnings += [warning(n, f"user {n}") for n in range(1, 6)]
    expect(page.locator("#announcement")).to_have_text(
        "user 5 is over 30 minutes on algebra; user 4 is over 30 minutes on algebra; "
        "user 3 is over 30 minutes on algebra; and 2 more"
    )
    warnings.append(warning(6, "user 6"))
    expect(page.locator("#announcement")).to_have_text("user 6 is over 30 minutes on algebra")


def test_again_is_said_of_the_same_person_only(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    guests = [warning(1, "", session=1), warning(2, "", session=2), warning(3, "", session=1)]
    others = [warning(4, "ada"), warning(5, "ben"), warning(6, "ada"), warning(7, "ada", "biology")]
    answering(page, "warnings?*", lambda: {"results": [*guests, *others][::-1]})
    expect(page.locator("#warnings li")).to_have_count(7)
    again = ["again" in one for one in page.locator("#warnings li").all_inner_texts()]
    assert again == [False, True, False, False, True, False, False]


@pytest.mark.parametrize(
    "now", ["2026-11-25T00:10", "2026-11-25T13:10", "2026-11-25T23:10", "2026-10-27T23:10"]
)
def test_today_is_compared_with_a_week_ago_at_any_hour(
    used: WebService, opened: Opening, address: str, now: str
) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Vienna")  # whose clocks went back on 2026-10-25
    last = dt.datetime.fromisoformat(now).replace(minute=0, tzinfo=zone).astimezone(dt.UTC)
    hours = [(last - dt.timedelta(hours=back)).astimezone(zone) for back in range(194)][::-1]
    today, then = last.astimezone(zone).date(), last.astimezone(zone).date() - dt.timedelta(days=7)

    def sessions(hour: dt.datetime) -> int:
        if hour.date() == then:
            return 2 if hour.hour <= last.astimezone(zone).hour else 1000
        return 3 if hour.date() == today else 500

    rows = [{"t": hour.isoformat(), "sessions": sessions(hour), "seconds": 0} for hour in hours]
    page = opened("/healthz").page
    answering(page, "sessions/hour/194", lambda: {"results": rows})
    page.goto(f"{address}/view/live/{used.wsid}")
    so_many = 2 * (last.astimezone(zone).hour + 1)
    expect(page.locator("#card-week")).to_have_text(f"↑ 50.0% from {so_many} a week ago")


def test_a_page_that_comes_into_view_again_and_again_asks_no_more_often(
    used: WebService, opened: Opening
) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, "ada")).to_be_visible()
    held: list[Route] = []
    holding = True

    def hold(route: Route) -> None:
        if holding:
            held.append(route)
        else:
            route.continue_()

    with page.expect_request("**/data/sessions/live"):
        page.route("**/data/sessions/live", hold)
    for _ in range(5):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(50)
    assert len(held) == 1
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "sessions/live" in request.url else None)
    holding = False
    held[0].continue_()
    page.wait_for_timeout(5_000)  # what is looked at is how often it asks
    assert 3 <= len(asked) <= 6
    asked.clear()
    for _ in range(5):  # between two questions it asks at once, and goes on in one loop all the same
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(300)
    page.wait_for_timeout(300)
    asked.clear()
    page.wait_for_timeout(4_000)
    assert 2 <= len(asked) <= 5


@pytest.mark.parametrize(
    ("status", "words", "way"),
    [
        (401, "You are logged out. Log in", "/login?next="),
        (403, "You may not see this web service any more. To your web services", "/"),
        (404, "You may not see this web service any more. To your web services", "/"),
    ],
)
def test_who_may_not_look_any_more_sees_no_names(
    used: WebService, opened: Opening, status: int, words: str, way: str
) -> None:
    watched = opened(f"/view/live/{used.wsid}")
    watched.allowed.append(f"status of {status}")
    page = watched.page
    expect(row(page, "ada")).to_be_visible()
    expect(page.locator("#by-subject")).to_contain_text("ada")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(
        "**/data/**",
        lambda route: route.fulfill(status=status, json={"status_code": status, "message": "No."}),
    )
    expect(page.locator("#trouble")).to_have_text(words)
    expect(page.locator("#trouble a")).to_have_attribute("href", re.compile(re.escape(way)))
    assert "ada" not in page.locator("main").inner_text()
    page.wait_for_timeout(500)
    asked.clear()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(3_000)  # what is looked at is that nothing is asked any more
    assert asked == []


def test_counters_follow_the_server_where_its_clock_is_set_back(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, "ada")).to_be_visible()
    told: dict[str, int] = {}

    def behind(route: Route) -> None:
        answer = route.fetch().json()
        for one in answer["results"]:
            one["seconds"] -= 20
            told[one["subject"]] = one["seconds"]
        route.fulfill(json=answer)

    page.route("**/data/sessions/live", behind)
    with page.expect_response("**/data/sessions/live"):
        pass
    page.wait_for_timeout(2_500)
    assert told["ada"] <= seconds(row(page, "ada")) <= told["ada"] + 2


def test_what_is_over_pulses_at_its_edge_and_its_text_stays(used: WebService, opened: Opening) -> None:
    for motion, animation in (("no-preference", "pulse"), ("reduce", "none")):
        page = opened(f"/view/live/{used.wsid}", reduced_motion=motion).page
        answering(page, "limits", lambda: {"results": []})
        page.route(
            "**/data/sessions/live",
            lambda route: route.fulfill(body=route.fetch().text().replace('"limit":null', '"limit":1')),
        )
        ada = row(page, "ada")
        expect(ada).to_have_attribute("data-state", "over")
        assert ada.evaluate("row => getComputedStyle(row).animationName") == animation
        styles = "cell => [getComputedStyle(cell).opacity, getComputedStyle(cell).animationName]"
        assert ada.locator(".time").evaluate(styles) == ["1", "none"]


def test_what_is_left_out_is_said(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}?from=2026-01-01&to=2026-03-31").page
    expect(page.locator("#heat-note")).to_have_text(
        "Sessions begun, by weekday and hour, in the last 35 days of the period"
    )
    page.get_by_role("button", name="7 d").click()
    expect(page.locator("#heat-note")).to_have_text("Sessions begun, by weekday and hour")
    expect(page.locator("#records")).to_have_text("Records of today")

    def many(route: Route) -> None:
        answer = route.fetch().json()
        answer["totals"]["sessions_today"] = 1_001
        route.fulfill(json=answer)

    page.route("**/data/sessions/live", many)
    expect(page.locator("#records")).to_have_text("Latest 1,000 records of today")
    page.goto(f"{page.url.split('?')[0]}?period=custom&from=2024-01-01&to=2026-03-31")
    expect(page.locator("#days-note")).to_have_text("The last 366 days of the period")


def test_counters_go_on_evenly_though_answers_are_slow(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, "ada")).to_be_visible()
    began = time.time() - 700

    def slow(route: Route) -> None:
        answer = route.fetch().json()
        told, part = divmod(time.time() - began, 1)
        for one in answer["results"]:
            one["seconds"] = int(told)
        if part > 0.5:  # what was told is more than two seconds behind when it comes
            time.sleep(2.2)
        route.fulfill(json=answer)

    page.route("**/data/sessions/live", slow)
    expect(row(page, "ada").locator(".time")).to_have_text(re.compile(r"11:\d\d"))
    row(page, "ada").locator(".time").evaluate(WATCH)
    page.wait_for_timeout(15_000)  # what is looked at is that time passes
    shown = page.evaluate("window.shown")
    assert len(shown) > 10
    assert shown == sorted(shown)
    assert -2 <= seconds(row(page, "ada")) - (time.time() - began) <= 1


def test_another_day_is_compared_as_soon_as_it_begins(used: WebService, opened: Opening) -> None:
    page = opened("/healthz").page
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "sessions/hour/194" in request.url else None
    )
    page.goto(page.url.replace("/healthz", f"/view/live/{used.wsid}"))
    expect(row(page, "ada")).to_be_visible()
    page.wait_for_timeout(2_500)  # what is looked at is that it is asked once
    assert len(asked) == 1

    def tomorrow(route: Route) -> None:
        answer = route.fetch().json()
        answer["as_of"] = (dt.datetime.fromisoformat(answer["as_of"]) + dt.timedelta(days=1)).isoformat()
        route.fulfill(json=answer)

    page.route("**/data/sessions/live", tomorrow)
    with page.expect_response("**/data/sessions/hour/194"):
        pass
    page.wait_for_timeout(2_500)
    assert len(asked) == 2


def test_counters_go_on_where_only_the_limits_are_away(used: WebService, opened: Opening) -> None:
    watched = opened(f"/view/live/{used.wsid}")
    watched.allowed.append("status of 500")
    page = watched.page
    expect(row(page, "ada")).to_be_visible()
    page.route(
        "**/data/limits", lambda route: route.fulfill(status=500, json={"status_code": 500, "message": "No."})
    )
    page.locator("#freshness").evaluate(WATCH)
    expect(page.locator("#trouble")).to_be_visible()
    before = seconds(row(page, "ada"))
    page.wait_for_timeout(3_000)  # what is looked at is that time passes
    assert seconds(row(page, "ada")) >= before + 2
    assert {one.strip() for one in page.evaluate("window.shown")} == {"Live"}


# -- what a limit is set on ------------------------------------------------------------------------------------------


MODULES = [
    {"slug": "algebra", "name": "Algebra for beginners", "language": "en"},
    {"slug": "cell-biology", "name": "Biology", "language": "en"},
    {"slug": "biologie", "name": "Biology", "language": "de"},
    *({"slug": f"reading-{n}", "name": f"Reading {n}", "language": "en"} for n in range(1, 71)),
]


@pytest.fixture
def setting(used: WebService, opened: Opening) -> Callable[..., Page]:
    """A page with a catalogue, on which the form that sets a limit has been opened."""

    def open_(**options: Any) -> Page:
        page = opened("/healthz", **options).page
        answering(page, "modules", lambda: {"results": MODULES})
        page.goto(page.url.replace("/healthz", f"/view/live/{used.wsid}"))
        expect(row(page, "ada")).to_be_visible()
        page.get_by_role("button", name="Set a limit").click()
        return page

    return open_


def test_what_a_limit_is_for_is_chosen_by_keys(setting: Callable[..., Page]) -> None:
    page = setting()
    what, options = page.get_by_role("combobox", name="What"), page.get_by_role("option")
    expect(what).to_be_focused()
    expect(what).to_have_attribute("aria-expanded", "false")
    what.press("ArrowDown")
    expect(what).to_have_attribute("aria-expanded", "true")
    expect(options).to_have_count(50)
    expect(page.locator("#limit-status")).to_have_text("50 of 75: type more of it")
    expect(options.first).to_have_text("<img src=x onerror=alert(1)>")
    expect(options.first).to_have_attribute("aria-selected", "true")
    what.press_sequentially("ALGE")
    expect(options).to_have_text(["Algebra for beginners algebra"])
    expect(page.locator("#limit-status")).to_have_text("1 to choose from")
    assert what.get_attribute("aria-activedescendant") is None
    what.press("Escape")
    expect(options).to_have_count(0)
    expect(what).to_have_attribute("aria-expanded", "false")
    expect(what).to_have_value("ALGE")
    what.fill("cell-")  # by folder
    expect(options).to_have_text(["Biology cell-biology"])
    what.fill("biolog")
    expect(options).to_have_text(["Biology biologie", "Biology cell-biology"])
    for key, active in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowDown", None), ("ArrowUp", 1)):
        what.press(key)
        assert [one.get_attribute("aria-selected") == "true" for one in options.all()] == [
            active == 0,
            active == 1,
        ]
    expect(what).to_have_attribute("aria-activedescendant", options.nth(1).get_attribute("id") or "none")
    assert grave(page) == []
    what.press("Enter")
    expect(what).to_have_value("Biology")
    expect(page.locator("#limit-form")).to_be_visible()
    what.press("Tab")
    page.keyboard.type("7")
    with page.expect_request(lambda one: one.method == "POST") as sent:
        page.keyboard.press("Enter")
    assert sent.value.post_data_json == {"object": "cell-biology", "minutes": 7}
    expect(page.locator("#limits li")).to_contain_text("Biology")


def test_two_of_one_name_are_told_apart_and_a_name_means_its_folder(setting: Callable[..., Page]) -> None:
    page = setting()
    what = page.get_by_role("combobox", name="What")
    page.get_by_label("Minutes at a time").fill("9")
    what.fill("biology")
    what.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Several are called that. Choose one of them.")
    for typed, meant in (("algebra FOR beginners", "algebra"), ("unheard-of", "unheard-of")):
        what.fill(typed)
        if typed == meant:
            expect(page.locator(".choices p")).to_have_text(
                "Nothing known is called so. It is taken as you type it."
            )
            expect(what).to_have_attribute("aria-expanded", "false")
        with page.expect_request(lambda one: one.method == "POST") as sent:
            what.press("Enter")
        assert sent.value.post_data_json == {"object": meant, "minutes": 9}
        expect(page.locator("#limit-form")).to_be_hidden()
        page.get_by_role("button", name="Set a limit").click()
        page.get_by_label("Minutes at a time").fill("9")


def test_a_limit_is_changed_as_it_is_spelt(setting: Callable[..., Page]) -> None:
    page = setting()
    spelt = [
        {"object": what, "minutes": 5, "by": None, "since": "2026-11-23T09:14:05.000+01:00"}
        for what in ("ALGEBRA", "algebra", "")
    ]
    page.route(
        "**/data/limits",
        lambda route: (
            route.fulfill(json={"status_code": 200, "results": spelt})
            if route.request.method == "GET"
            else route.continue_()
        ),
    )
    expect(page.locator("#limits li")).to_have_count(3)
    for at, name, meant in (
        (0, "Algebra for beginners", "ALGEBRA"),
        (1, "Algebra for beginners", "algebra"),
        (2, "Whole service", ""),
    ):
        page.locator("#limits li").nth(at).get_by_role("button", name="Change").click()
        expect(page.get_by_role("combobox", name="What")).to_have_value(name)
        with page.expect_request(lambda one: one.method == "POST") as sent:
            page.get_by_role("button", name="Set", exact=True).click()
        assert sent.value.post_data_json == {"object": meant, "minutes": 5}
        expect(page.locator("#limit-form")).to_be_hidden()


def test_what_a_limit_is_for_is_chosen_by_a_finger(setting: Callable[..., Page]) -> None:
    page = setting(viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True)
    what = page.get_by_role("combobox", name="What")
    what.tap()
    option = page.get_by_role("option", name="Algebra for beginners")
    box = option.bounding_box()
    assert box
    assert box["height"] >= 44
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    option.tap()
    expect(what).to_have_value("Algebra for beginners")
    expect(page.get_by_role("listbox")).to_be_hidden()
    what.tap()
    expect(page.locator("#limit-objects").get_by_role("option")).to_have_count(
        50
    )  # all again, to choose another
    page.get_by_label("Minutes at a time").tap(force=True)
    expect(page.get_by_role("listbox")).to_be_hidden()


# -- the ways to it and from it --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1440, 360])
def test_there_are_ways_between_live_page_dashboard_and_settings(
    used: WebService, opened: Opening, width: int
) -> None:
    page = opened(f"/view/live/{used.wsid}", viewport={"width": width, "height": 800}).page

    def go(name: str, path: str) -> None:
        if width == 360:
            page.locator(".account-narrow summary").click()
        page.get_by_role("navigation", name="Account").get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"{path}$"))

    go("Overview", f"/view/dashboard/{used.wsid}")
    go("Live", f"/view/live/{used.wsid}")
    go("Settings", f"/view/settings/{used.wsid}")
    go("Live", f"/view/live/{used.wsid}")
    page.get_by_role("link", name="T-Mon", exact=True).click()
    expect(page).to_have_url(re.compile("/$"))


def test_its_keys_are_listed_in_a_dialog_that_looks_like_one(used: WebService, opened: Opening) -> None:
    page = opened(f"/view/live/{used.wsid}").page
    expect(row(page, "ada")).to_be_visible()
    page.keyboard.press("?")
    keys = page.get_by_role("dialog")
    for name in ("Filter", "Period", "Period before, period after", "Help"):
        expect(keys.get_by_text(name, exact=True)).to_be_visible()
    assert keys.evaluate("dialog => getComputedStyle(dialog).padding") == "24px"
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("3")
    expect(page).to_have_url(re.compile(r"\?period=yesterday"))
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"\?from=\d{4}-\d\d-\d\d&to="))
