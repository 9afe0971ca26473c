"""States of charge from elsewhere: what is taken in, what counts, and what they leave now."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.domain.soc import (
    TRUST,
    Said,
    Since,
    SocReport,
    SocSource,
    better,
    highest_soc,
    least_now,
    lowest_soc,
    soc_report,
)
from csms.errors import Invalid

NOW = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
TELEMATICS, MANUAL = SocSource.TELEMATICS, SocSource.MANUAL
NOTHING = Since(0.0, 0.0, 10_000.0, 60_000.0)


def word(source: SocSource = TELEMATICS, soc: float = 60.0, age_s: float = 0.0, **said: float) -> SocReport:
    return soc_report("leaf", source, Said(soc, NOW - timedelta(seconds=age_s), **said), NOW)


def test_no_source_is_believed_better_or_longer_than_it_is_trusted() -> None:
    report = word(MANUAL, accuracy=1.0, valid_for_s=1e9)
    assert (report.accuracy, report.valid_until) == (10.0, NOW + timedelta(hours=12))
    assert word(TELEMATICS, accuracy=7.0, valid_for_s=60.0) == SocReport(
        "leaf", TELEMATICS, 60.0, 7.0, NOW, NOW + timedelta(seconds=60)
    )
    plain = soc_report("leaf", TELEMATICS, Said(60.0), NOW)
    assert (plain.told_at, plain.accuracy) == (NOW, TRUST[TELEMATICS].accuracy)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (Said(math.nan), "soc"),
        (Said(-0.1), "soc"),
        (Said(100.1), "soc"),
        (Said(50.0, accuracy=math.nan), "accuracy"),
        (Said(50.0, accuracy=-1.0), "accuracy"),
        (Said(50.0, valid_for_s=0.0), "valid_for_s"),
        (Said(50.0, valid_for_s=math.inf), "valid_for_s"),
        (Said(50.0, NOW + timedelta(seconds=11)), "at"),
        (Said(50.0, NOW - timedelta(minutes=31)), "at"),
    ],
)
def test_what_cannot_be_is_refused(said: Said, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        soc_report("leaf", TELEMATICS, said, NOW)
    assert refused.value.field == field


def test_the_better_source_counts_then_the_newer_word() -> None:
    old, new, person = word(age_s=600), word(age_s=10), word(MANUAL)
    assert better(old, new) is new
    assert better(old, person) is old


def test_what_is_left_now() -> None:
    assert least_now(word(), NOTHING) == 58.0
    assert least_now(word(), replace(NOTHING, exported_wh=5_400.0)) == pytest.approx(48.0)
    assert least_now(word(), replace(NOTHING, unread_s=360.0)) == pytest.approx(58.0 - 100 / 54)
    assert least_now(word(soc=3.0), replace(NOTHING, exported_wh=50_000.0)) == 0.0


@pytest.mark.parametrize(
    "since",
    [
        Since(0.0, 0.0, 10_000.0, None),
        Since(0.0, 0.0, 10_000.0, 0.0),
        Since(0.0, 0.0, 10_000.0, math.nan),
        Since(0.0, 1.0, None, 60_000.0),
    ],
)
def test_without_a_number_nothing_is_known(since: Since) -> None:
    assert least_now(word(), since) is None


@given(st.floats(0, 100), st.floats(0, 60_000), st.floats(0, 3_600), st.floats(0.0, 50.0))
def test_it_is_never_more_than_what_is_in_the_battery(
    soc: float, exported_wh: float, unread_s: float, off: float
) -> None:
    """Told within its accuracy, and drained at the meter by what was metered and what nobody saw."""
    report = word(soc=soc, accuracy=off)
    true_soc = max(0.0, soc - report.accuracy)
    drained_wh = (exported_wh + 10_000.0 * unread_s / 3600) / 0.9
    true_now = max(0.0, true_soc - 100 * drained_wh / 60_000.0)
    least = least_now(report, replace(NOTHING, exported_wh=exported_wh, unread_s=unread_s))
    assert least is not None
    assert least <= true_now + 1e-6


@pytest.mark.parametrize(
    ("before", "import_wh", "export_wh", "least", "most"),
    [
        (50, 0, 0, 50, 50),
        (50, 6000, 0, 58, 62.5),
        (50, 0, 6000, 37.5, 42),
        (50, 6000, 6000, 45.5, 54.5),
        (95, 6000, 0, 100, 100),
        (5, 0, 60_000, 0, 0),
    ],
)
def test_soc_is_no_higher_and_no_lower_than_what_flowed_at_the_meter_allows(
    before: float, import_wh: float, export_wh: float, least: float, most: float
) -> None:
    assert lowest_soc(before, import_wh, export_wh, 60_000) == pytest.approx(least)
    assert highest_soc(before, import_wh, export_wh, 60_000) == pytest.approx(most)
