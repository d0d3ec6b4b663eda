# SPDX-License-Identifier: GPL-3.0-or-later
"""The url: path, query, and the campaign in it."""

from __future__ import annotations

import pytest
from tests.unit.pipeline.conftest import One, Run

from tmon.server.events import NO_CAMPAIGN, Campaign


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        ("/a", "/a", None),
        ("/a?", "/a", ""),
        ("/a?b=1?c=2", "/a", "b=1?c=2"),
        ("https://shop.example/a?b", "https://shop.example/a", "b"),
        ("", "", None),
        ("?", "", ""),
    ],
)
def test_a_url_is_split_at_its_question_mark_and_can_be_put_together(
    one: One, url: str, path: str, query: str | None
) -> None:
    event = one({"url": url})
    assert (event.path, event.query, event.url) == (path, query, url)


@pytest.mark.parametrize(
    ("query", "campaign"),
    [
        (
            "utm_source=news&utm_medium=email&utm_campaign=spring&utm_term=shoes&utm_content=top",
            Campaign(source="news", medium="email", campaign="spring", term="shoes", content="top"),
        ),
        ("x=1&utm_source=a+b%20c&y=2", Campaign(source="a b c")),
        ("utm_source=caf%C3%A9", Campaign(source="café")),
        ("utm_source=%FF%ED%A0%80", Campaign(source="\ufffd\ufffd\ufffd\ufffd")),
        ("utm_source=a%00b", Campaign(source="a\ufffdb")),
        ("utm_source=%zz%", Campaign(source="%zz%")),
        ("utm_source=a#utm_medium=b", Campaign(source="a")),
        ("utm_source=a&utm_source=b", Campaign(source="a")),
        ("utm_source=a=b", Campaign(source="a=b")),
        ("utm_source", NO_CAMPAIGN),
        ("utm_id=5&xutm_source=1", NO_CAMPAIGN),
        ("", NO_CAMPAIGN),
    ],
)
def test_the_campaign_is_read_from_the_query(one: One, query: str, campaign: Campaign) -> None:
    assert one({"url": "/?" + query}).campaign == campaign


def test_equal_campaigns_are_one_object_also_from_different_queries(run: Run) -> None:
    event = {"ip": None, "useragent": None}
    batch = run(
        [event | {"url": f"/?page={n}&utm_source=news"} for n in range(3)] + [event | {"url": "/?utm_id=1"}]
    )
    first, second, third, none = (event.campaign for event in batch.events)
    assert first is second is third
    assert none is NO_CAMPAIGN
