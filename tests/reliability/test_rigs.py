"""The short forms of what `python -m reliability` does at length: real processes, sockets and databases."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from reliability import crash, disk, flood, herd, outage, restart, stopping

pytestmark = [pytest.mark.timeout(180)]


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """As many sockets as we may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _quiet(*_: object) -> None:
    """Nobody watches."""


async def test_crash_audit_on_sqlite(tmp_path: Path) -> None:
    outcome = await crash.on_sqlite(tmp_path, crash.Plan(rounds=5, seed=7, stations=12), _quiet)
    assert not outcome.faults
    assert outcome.acknowledged > 100
    assert outcome.in_doubt > 0
    assert outcome.finding.acknowledged == outcome.finding.events


@pytest.mark.postgresql
async def test_crash_audit_on_postgresql(tmp_path: Path) -> None:
    outcome = await crash.on_postgresql(tmp_path, crash.Plan(rounds=5, seed=3, stations=12), _quiet)
    assert not outcome.faults
    assert outcome.acknowledged > 100
    assert outcome.deaths.keys() & {crash.DATABASE, crash.BOTH}


@pytest.mark.postgresql
async def test_stations_queue_while_postgresql_is_away_and_lose_nothing(tmp_path: Path) -> None:
    told = await outage.outages(tmp_path, outage.Plan(outage_s=2.5, stations=12), _quiet)
    assert [(each.name, each.faults) for each in told] == [(kind, []) for kind in outage.KINDS]
    away = {each.name: each.endings for each in told if each.name in (outage.STOPPED, outage.KILLED)}
    assert all(endings["closed 1013"] and endings["503"] for endings in away.values())


async def test_a_disk_that_takes_nothing_stops_intake_until_it_does(tmp_path: Path) -> None:
    (told,) = await disk.refused_writes(tmp_path, disk.Plan(full_s=1.5, stations=12), _quiet)
    assert not told.faults
    assert told.endings["closed 1013"]
    assert told.endings["503"]


async def test_a_full_disk_stops_intake_until_there_is_room(tmp_path: Path) -> None:
    try:
        (told,) = await disk.full_disk(tmp_path, disk.Plan(full_s=1.5, stations=12), _quiet)
    except disk.NoSmallDisk as error:
        pytest.skip(f"full disk: cannot mount a small one ({error})")
    assert not told.faults
    assert told.endings["closed 1013"]


async def test_sigterm_under_load_ends_in_good_order(tmp_path: Path) -> None:
    told = await stopping.stops_on_sqlite(tmp_path, stopping.Plan(times=1, stations=12), _quiet)
    assert [(each.name, each.faults) for each in told if each.faults] == []
    assert all(set(each.endings) == {"closed 1001"} for each in told)


async def test_a_server_with_a_fleet_behind_it_is_soon_ready(tmp_path: Path) -> None:
    plan = restart.Plan(stations=1_000, events=20, starts=1, look_s=3.0)
    told = await restart.restarts_on_sqlite(tmp_path, plan, _quiet)
    assert told.events == 20_000
    assert told.starts[0].ready_cpu_s < 5.0


async def test_a_herd_that_knows_no_back_off_is_let_in(tmp_path: Path) -> None:
    told = await herd.herds(tmp_path, herd.Plan(stations=500), _quiet)
    for each in told:
        assert not each.faults
        assert each.booted == 500
        assert each.resident_peak_mib - each.resident_before_mib < 100


async def test_good_stations_are_served_in_a_flood(tmp_path: Path) -> None:
    """Latencies are for the long form: here nobody good may lose a socket or an answer."""
    plan = flood.Plan(good=50, rate=50, bad_per_s=100, slow=60, window_s=1.5, windows=1)
    told = await flood.flood(tmp_path, plan, _quiet)
    assert not told.faults
    assert told.bad["401"]
    assert not told.bad["let in"]
