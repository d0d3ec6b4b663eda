# SPDX-License-Identifier: GPL-3.0-or-later
"""Which limit holds for an object, as it is spelt or as the catalogue knows it."""

from __future__ import annotations

import pytest

from tmon.server.limits.matching import Holds, Limits
from tmon.server.modules.entries import Entry
from tmon.server.modules.matching import Catalogue

CATALOGUE = Catalogue([Entry(slug="cdn-algebra"), Entry(slug="biology", url="/uploads/a7/index.html")])


@pytest.mark.parametrize(
    ("minutes_of", "object_", "holds"),
    [
        ({"cdn-algebra": 10}, "CDN_Algebra", Holds("cdn-algebra", 10)),
        ({"CDN_Algebra": 10}, "cdn-algebra", Holds("CDN_Algebra", 10)),
        ({"cdn-algebra": 10, "CDN_Algebra": 5}, "CDN_Algebra", Holds("CDN_Algebra", 5)),
        ({"cdn-algebra": 10, "CDN_Algebra": 5}, "Cdn-Algebra", Holds("cdn-algebra", 10)),
        ({"CDN-Algebra": 10, "CDN_Algebra": 5}, "cdn-algebra", Holds("CDN_Algebra", 5)),
        ({"biology": 10}, "a7", Holds("biology", 10)),
        ({"a7": 10}, "biology", Holds("a7", 10)),
        ({"biology": 10}, "cdn-algebra", None),
        ({"Else": 10}, "else", None),
        ({"else": 10}, "else", Holds("else", 10)),
        ({"": 10}, "", Holds("", 10)),
        ({"": 10}, "cdn-algebra", None),
        ({"cdn-algebra": 10}, "", None),
        ({}, "cdn-algebra", None),
    ],
)
def test_the_limit_of_an_object(minutes_of: dict[str, int], object_: str, holds: Holds | None) -> None:
    for backwards in (False, True):
        limits = Limits(dict(sorted(minutes_of.items(), reverse=backwards)), CATALOGUE.find)
        assert (limits.of(object_), limits.of(object_)) == (holds, holds)


def test_without_a_catalogue_spelling_decides() -> None:
    limits = Limits({"cdn-algebra": 10}, Catalogue([]).find)
    assert (limits.of("cdn-algebra"), limits.of("CDN_Algebra")) == (Holds("cdn-algebra", 10), None)
