"""Places within each other: what the innermost may do by all around it."""

import math

import pytest

from csms.domain.site import (
    DEPTH_MAX,
    SiteLimit,
    around,
    check_nesting,
    evse_place,
    names_around,
    station_place,
    tightest,
)
from csms.errors import Invalid

SITES = {
    "feeder": SiteLimit("feeder", 50_000.0, 8_000.0),
    "depot": SiteLimit("depot", 90_000.0, 20_000.0, "feeder"),
    "yard": SiteLimit("yard", math.inf, 9_000.0, "depot"),
    "#cs1": SiteLimit("#cs1", 11_000.0, math.inf, "yard"),
}


def test_from_the_inside_out() -> None:
    assert [place.site_id for place in around(SITES, "#cs1")] == ["#cs1", "yard", "depot", "feeder"]
    assert names_around(SITES, "yard") == {"yard", "depot", "feeder"}
    assert list(around(SITES, None)) == []


def test_the_least_of_all_counts() -> None:
    assert tightest(SITES, "#cs1") == SiteLimit("#cs1", 11_000.0, 8_000.0)
    assert tightest(SITES, "feeder") == SiteLimit("feeder", 50_000.0, 8_000.0)
    assert tightest(SITES, None) is None


@pytest.mark.parametrize(
    ("sites", "where"),
    [
        ({"a": SiteLimit("a", 1.0, math.nan)}, "the place itself"),
        ({"a": SiteLimit("a", 1.0, 5.0, "b"), "b": SiteLimit("b", 1.0, math.nan)}, "one around it"),
        ({"a": SiteLimit("a", 1.0, math.nan, "b"), "b": SiteLimit("b", 1.0, 5.0)}, "inside a known one"),
        ({"a": SiteLimit("a", 1.0, 5.0, "gone")}, "one that is not there"),
        ({"a": SiteLimit("a", 1.0, 5.0, "b"), "b": SiteLimit("b", 1.0, 5.0, "a")}, "within itself"),
        ({"a": SiteLimit("a", 1.0, math.inf)}, "nobody has told any limit"),
    ],
)
def test_an_unknown_limit_anywhere_lets_nothing_out(sites: dict[str, SiteLimit], where: str) -> None:
    found = tightest(sites, "a")
    assert found is not None, where
    assert math.isnan(found.export_w), where
    assert found.export_room_w == 0.0, where


def test_an_unknown_import_limit_stops_nobody() -> None:
    assert SiteLimit("a", math.nan, 0.0).import_room_w == math.inf
    assert SiteLimit("a", -5.0, -5.0).import_room_w == 0.0
    assert SiteLimit("a", -5.0, -5.0).export_room_w == 0.0


def test_no_site_can_be_called_like_a_station() -> None:
    assert {station_place("cs1"), evse_place("cs1", 1), evse_place("cs1", 2)} == {"#cs1", "#cs1#1", "#cs1#2"}


def test_nesting_is_checked() -> None:
    check_nesting({"a": "b", "b": None}, "a")
    with pytest.raises(Invalid, match="no site 'gone'"):
        check_nesting({"a": "gone"}, "a")
    with pytest.raises(Invalid, match="within itself"):
        check_nesting({"a": "b", "b": "a"}, "a")
    with pytest.raises(Invalid, match="within itself"):
        check_nesting({"a": "a"}, "a")
    names = [f"s{number}" for number in range(DEPTH_MAX + 1)]
    deep: dict[str, str | None] = dict(zip(names, [*names[1:], None], strict=True))
    with pytest.raises(Invalid, match="At most"):
        check_nesting(deep, "s0")
    check_nesting(deep, "s1")
