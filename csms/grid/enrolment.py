"""Who takes part in which program: enrol, leave, needs, opt-out. What a driver says beats every event."""

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import NeedsChanged, OptedOut
from csms.domain.program import Need
from csms.domain.units import finite
from csms.errors import Invalid, NotFound
from csms.store import grid_events, programs
from csms.store.database import Database
from csms.store.programs import NeedRow


async def enrol(db: Database, bus: Bus, clock: Clock, driver_id: str, program_id: str) -> None:
    """Make the driver part of the program; twice is once. Raises `NotFound`."""
    await _known(db, driver_id, program_id)
    now = clock.now()
    async with db.begin() as conn:
        await programs.enrol(conn, driver_id, program_id, now)
    bus.publish(NeedsChanged(now, driver_id))


async def leave(db: Database, bus: Bus, clock: Clock, driver_id: str, program_id: str) -> None:
    """End the driver's part; running setpoints are withdrawn as after an opt-out. Raises `NotFound`."""
    await _known(db, driver_id, program_id)
    async with db.begin() as conn:
        await programs.leave(conn, driver_id, program_id)
    bus.publish(OptedOut(clock.now(), driver_id, program_id))


async def set_need(db: Database, bus: Bus, clock: Clock, driver_id: str, need: Need) -> None:
    """What the driver wants from now on; the newest word counts. Raises `NotFound`, `Invalid` (the field)."""
    if await programs.driver(db, driver_id) is None:
        raise NotFound("driver", driver_id)
    _check(need)
    now = clock.now()
    row = NeedRow(
        driver_id=driver_id,
        reserve_soc=need.reserve_soc,
        departure=need.departure,
        target_energy_wh=need.target_energy_wh,
        target_soc=need.target_soc,
        changed_at=now,
    )
    async with db.begin() as conn:
        await programs.put_need(conn, row)
    bus.publish(NeedsChanged(now, driver_id))


async def opt_out(
    db: Database, bus: Bus, clock: Clock, driver_id: str, program_id: str, event_id: str | None = None
) -> None:
    """Not this time (`event_id`), or not until `opt_in`. On disk when this returns (V-07). Raises `NotFound`.

    The bell makes the loop withdraw the driver's setpoints at once; without the bell its next tick does.
    """
    await _known(db, driver_id, program_id, event_id)
    now = clock.now()
    async with db.begin() as conn:
        await programs.opt_out(conn, driver_id, program_id, event_id, now)
    bus.publish(OptedOut(now, driver_id, program_id))


async def opt_in(
    db: Database, bus: Bus, clock: Clock, driver_id: str, program_id: str, event_id: str | None = None
) -> None:
    """Take the same opt-out back. Raises `NotFound` for a driver, program or event that is not there."""
    await _known(db, driver_id, program_id, event_id)
    async with db.begin() as conn:
        await programs.opt_in(conn, driver_id, program_id, event_id)
    bus.publish(NeedsChanged(clock.now(), driver_id))


async def _known(db: Database, driver_id: str, program_id: str, event_id: str | None = None) -> None:
    if await programs.driver(db, driver_id) is None:
        raise NotFound("driver", driver_id)
    if await programs.get(db, program_id) is None:
        raise NotFound("program", program_id)
    if event_id is not None and await grid_events.get(db, event_id) is None:
        raise NotFound("grid event", event_id)


def _check(need: Need) -> None:
    for field, soc in (("reserve_soc", need.reserve_soc), ("target_soc", need.target_soc)):
        if soc is not None and not (finite(soc) and 0 <= soc <= 100):
            raise Invalid(field, "A state of charge is a percentage from 0 to 100.")
    if need.target_energy_wh is not None and not (
        finite(need.target_energy_wh) and need.target_energy_wh >= 0
    ):
        raise Invalid("target_energy_wh", "The energy is a number of Wh, zero or more.")
    if need.departure is not None and need.departure.tzinfo is None:
        raise Invalid("departure", "The departure needs a time zone.")
