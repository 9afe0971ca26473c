"""One plugged-in EVSE that lacks nothing, for tests to take things away from. It is always five o'clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms.domain.dialect_record import Discharge
from csms.domain.flexibility import EvseView
from csms.domain.grid_event import EventState, GridEvent
from csms.domain.program import Need

NOW = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)
VIEW = EvseView(
    station_id="cs001",
    evse_id=1,
    transaction_id="tx1",
    site_id="depot",
    online=True,
    discharge=Discharge.NEGATIVE_LIMIT,
    held=False,
    faulted=False,
    clock_skew_s=0.5,
    max_charge_w=11_000.0,
    max_discharge_w=10_000.0,
    vehicle_bidirectional=True,
    vehicle_max_charge_w=11_000.0,
    vehicle_max_discharge_w=10_000.0,
    capacity_wh=60_000.0,
    soc=80.0,
    soc_at=NOW - timedelta(seconds=20),
    soc_refused=False,
    power_w=0.0,
    power_at=NOW - timedelta(seconds=10),
    import_wh=0.0,
    export_wh=0.0,
    driver_id="dana",
    need=Need(reserve_soc=30.0),
    ev_departure=None,
    ev_energy_request_wh=None,
    ev_request_soc=None,
    fallback_acknowledged=True,
    enrolled=True,
    opted_out=False,
    refused=False,
    not_following=False,
)
EVENT = GridEvent(
    id="ev1",
    program_id="evening-peak",
    target_w=-300_000.0,
    start=NOW - timedelta(minutes=5),
    duration_s=900,
    state=EventState.ACTIVE,
    created_at=NOW - timedelta(hours=1),
)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def view() -> Callable[..., EvseView]:
    return lambda **changes: replace(VIEW, **changes)


@pytest.fixture(scope="session")
def event() -> Callable[..., GridEvent]:
    return lambda **changes: replace(EVENT, **changes)
