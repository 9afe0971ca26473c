"""Which profiles a station takes (K01), clears (K10) and forgets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chargepoint_sim.profiles.checks import Capability
from chargepoint_sim.profiles.composite import Local
from chargepoint_sim.profiles.profile import Kind, Period, Profile, Purpose, RateUnit, Schedule
from chargepoint_sim.profiles.store import Criteria, Installed, ProfileStore

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SCHEDULE = Schedule(1, RateUnit.W, (Period(0, -7000.0),), NOW, 300)
LEASE = Profile(1, 1, Purpose.TX, Kind.ABSOLUTE, (SCHEDULE,), transaction_id="tx")
DEFAULT = Profile(2, 0, Purpose.TX_DEFAULT, Kind.ABSOLUTE, (SCHEDULE,))
MAXIMUM = Profile(3, 0, Purpose.MAX, Kind.ABSOLUTE, (SCHEDULE,))


@pytest.fixture
def store() -> ProfileStore:
    return ProfileStore({1: Local(11_000, 16), 2: Local(11_000, 16)})


def refused(store: ProfileStore, evse_id: int, profile: Profile, running: str | None = "tx") -> str | None:
    """The reason of a refusal, None if the profile is taken."""
    refusal = store.install(evse_id, profile, running)
    return None if refusal is None else refusal.reason


def scheduled(**changes: object) -> Profile:
    """The lease with another schedule."""
    return replace(LEASE, schedules=(replace(SCHEDULE, **changes),))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evse_id", "profile", "running", "reason"),
    [
        pytest.param(1, LEASE, "tx", None, id="a lease"),
        pytest.param(1, replace(LEASE, transaction_id=None), "tx", "TxNotFound", id="K01.FR.03"),
        pytest.param(1, LEASE, None, "TxNotFound", id="K01.FR.09"),
        pytest.param(1, LEASE, "another", "TxNotFound", id="K01.FR.33"),
        pytest.param(0, LEASE, "tx", "InvalidProfile", id="K01.FR.16"),
        pytest.param(1, replace(DEFAULT, purpose=Purpose.EXTERNAL), None, "InvalidProfile", id="K01.FR.22"),
        pytest.param(1, scheduled(unit=RateUnit.A), "tx", "UnsupportedRateUnit", id="K01.FR.26"),
        pytest.param(7, LEASE, "tx", "UnknownEvse", id="K01.FR.28"),
        pytest.param(1, scheduled(periods=(Period(5, 1.0),)), "tx", "InvalidSchedule", id="K01.FR.31"),
        pytest.param(1, replace(LEASE, schedules=(SCHEDULE,) * 4), "tx", "InvalidSchedule", id="K01.FR.34"),
        pytest.param(
            1, scheduled(periods=(Period(0, 1.0), Period(0, 2.0))), "tx", "InvalidSchedule", id="K01.FR.35"
        ),
        pytest.param(1, MAXIMUM, None, "InvalidProfile", id="K01.FR.38 place"),
        pytest.param(0, replace(MAXIMUM, kind=Kind.RELATIVE), None, "InvalidProfile", id="K01.FR.38 kind"),
        pytest.param(0, MAXIMUM, None, None, id="a maximum"),
        pytest.param(1, scheduled(start=None), "tx", "InvalidSchedule", id="K01.FR.40"),
        pytest.param(1, replace(LEASE, kind=Kind.RELATIVE), "tx", "InvalidSchedule", id="K01.FR.41"),
        pytest.param(
            1, scheduled(periods=(Period(0, float("nan")),)), "tx", "InvalidValue", id="not a number"
        ),
        pytest.param(1, replace(LEASE, stack_level=11), "tx", "InvalidStackLevel", id="stack level"),
        pytest.param(
            1,
            scheduled(periods=tuple(Period(n, 1.0) for n in range(6))),
            "tx",
            "TooManyElements",
            id="periods",
        ),
        pytest.param(1, replace(DEFAULT, transaction_id="tx"), "tx", "InvalidProfile", id="default of a tx"),
    ],
)
def test_what_is_taken(
    store: ProfileStore, evse_id: int, profile: Profile, running: str | None, reason: str | None
) -> None:
    store.capability = Capability(units=frozenset({RateUnit.W}), max_periods=5)
    assert refused(store, evse_id, profile, running) == reason


def test_k01_fr_05_the_same_id_replaces(store: ProfileStore) -> None:
    for limit in (-7000.0, -3000.0, 0.0):
        assert refused(store, 1, scheduled(periods=(Period(0, limit),))) is None
    assert [one.profile.schedules[0].periods[0].limit for one in store.installed] == [0.0]


def test_k01_fr_39_one_level_of_a_transaction_has_one_profile(store: ProfileStore) -> None:
    assert refused(store, 1, LEASE) is None
    assert refused(store, 1, replace(LEASE, id=9)) == "DuplicateProfile"
    assert refused(store, 1, replace(LEASE, id=9, stack_level=2)) is None


def test_k01_fr_06_the_same_level_only_at_another_time(store: ProfileStore) -> None:
    morning = replace(DEFAULT, valid_to=NOW)
    evening = replace(DEFAULT, id=9, valid_from=NOW)
    assert refused(store, 1, morning) is None
    assert refused(store, 1, evening) is None
    assert (
        refused(store, 1, replace(evening, id=10, valid_from=NOW - timedelta(hours=1))) == "DuplicateProfile"
    )


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_k01_fr_52_and_53_a_default_for_all_against_one(store: ProfileStore, first: int, second: int) -> None:
    assert refused(store, first, DEFAULT) is None
    assert refused(store, second, replace(DEFAULT, id=9)) == "DuplicateProfile"


def test_there_is_room_for_so_many(store: ProfileStore) -> None:
    store.capability = Capability(max_profiles=2)
    assert refused(store, 1, DEFAULT) is None
    assert refused(store, 1, LEASE) is None
    assert refused(store, 0, MAXIMUM) == "OutOfStorage"
    assert refused(store, 1, LEASE) is None


def test_k10_criteria_all_have_to_hold_and_external_stays(store: ProfileStore) -> None:
    external = replace(DEFAULT, id=-1, purpose=Purpose.EXTERNAL)
    store.installed = [Installed(0, external), Installed(1, DEFAULT), Installed(2, replace(DEFAULT, id=5))]
    assert store.clear(Criteria(evse_id=1, purpose=Purpose.TX)) == 0
    assert store.clear(Criteria(evse_id=1, purpose=Purpose.TX_DEFAULT)) == 1
    assert store.clear(Criteria()) == 1
    assert [one.profile.id for one in store.installed] == [-1]


def test_k02_fr_05_the_end_of_a_transaction_takes_its_profiles_along(store: ProfileStore) -> None:
    assert refused(store, 1, LEASE) is None
    assert refused(store, 1, DEFAULT) is None
    store.end_transaction("tx")
    assert [one.profile for one in store.installed] == [DEFAULT]


def test_a_lease_ends_by_itself(store: ProfileStore) -> None:
    assert refused(store, 1, LEASE) is None
    during = store.limit_at(1, NOW + timedelta(seconds=299), None)
    assert (during.limit_w, during.until) == (-7000, NOW + timedelta(seconds=300))
    assert store.limit_at(1, NOW + timedelta(seconds=300), None).limit_w == 11_000
