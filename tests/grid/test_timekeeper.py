"""Row 42: a jump of our own clock."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from csms.domain.profile import lease_profile
from csms.domain.safety import CLOCK_SKEW_MAX_S
from csms.errors import StoreUnavailable
from csms.grid.timekeeper import Timekeeper
from csms.pki.passwords import DUMMY_HASH
from csms.store import stations
from csms.store.database import Database
from csms.store.stations import StationRow

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class JumpingClock:
    """A time of day that can be set; what has passed is told apart from it."""

    def __init__(self) -> None:
        self.wall = START
        self.steady_s = 0.0

    def pass_(self, seconds: float) -> None:
        """Time passes, for both."""
        self.wall += timedelta(seconds=seconds)
        self.steady_s += seconds

    def now(self) -> datetime:
        """The time in UTC."""
        return self.wall

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.steady_s

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.pass_(seconds)

    def real_seconds(self, seconds: float) -> float:
        """The same number."""
        return seconds


@pytest.fixture
async def db() -> AsyncIterator[Database]:
    database = await Database.open("sqlite://")
    await database.migrate()
    async with database.begin() as conn:
        for identity, skew_s in (("a", 0.5), ("b", None)):
            row = StationRow(identity=identity, password_hash=DUMMY_HASH, created_at=START)
            await stations.add(conn, row)
            await stations.change(conn, identity, clock_skew_s=skew_s)
    yield database
    await database.close()


async def rename(db: Database, before: str, after: str) -> None:
    async with db.begin() as conn:
        await conn.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))


async def skews(db: Database) -> dict[str, float | None]:
    return {row.identity: row.clock_skew_s for row in await stations.listing(db, None, 10)}


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0, 86_400.0, 11.0, -11.0])
async def test_row_42_after_a_jump_no_station_may_discharge_until_it_has_been_heard(
    db: Database, jump_s: float
) -> None:
    clock = JumpingClock()
    keeper = Timekeeper(db, clock)
    clock.pass_(1.0)
    clock.wall += timedelta(seconds=jump_s)
    assert await keeper.check() == pytest.approx(jump_s)
    known = await skews(db)
    assert known["a"] == pytest.approx(0.5 - jump_s)
    assert abs(known["a"] or 0.0) > CLOCK_SKEW_MAX_S
    assert known["b"] is None
    clock.pass_(1.0)
    assert await keeper.check() == 0.0
    clock.wall -= timedelta(seconds=jump_s)  # and it is set right again
    await keeper.check()
    assert (await skews(db))["a"] == pytest.approx(0.5)


async def test_row_42_a_clock_that_only_drifts_is_left_alone(db: Database) -> None:
    clock = JumpingClock()
    keeper = Timekeeper(db, clock)
    for _ in range(100):
        clock.pass_(1.0)
        clock.wall += timedelta(milliseconds=1)
        assert await keeper.check() == 0.0
    assert (await skews(db))["a"] == 0.5


async def test_row_42_a_jump_that_could_not_be_kept_is_kept_later(db: Database) -> None:
    clock = JumpingClock()
    keeper = Timekeeper(db, clock)
    clock.wall += timedelta(hours=1)
    await rename(db, "station", "gone")
    with pytest.raises(StoreUnavailable):
        await keeper.check()
    await rename(db, "gone", "station")
    assert await keeper.check() == 3600.0
    assert (await skews(db))["a"] == -3599.5


@pytest.mark.parametrize("jump", [timedelta(0), timedelta(days=1), timedelta(days=-1)])
def test_row_42_a_jump_never_lengthens_a_lease(jump: timedelta) -> None:
    """By both its duration and its end, whichever the station minds."""
    lease = lease_profile(1, "tx", -7000.0, START + jump, 300)
    assert lease.valid_to is not None
    assert lease.duration_s is not None
    assert lease.valid_to - (START + jump) == timedelta(seconds=300)
    assert lease.start + timedelta(seconds=lease.duration_s) == lease.valid_to
