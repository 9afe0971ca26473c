"""Which word on a vehicle's state of charge counts: its station's, or one from elsewhere, carried to now."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import SocReported
from csms.domain.safety import SOC_AGE_MAX_S
from csms.domain.soc import Since, SocReport, least_now
from csms.errors import Conflict, NotFound
from csms.store import programs, vehicle_socs
from csms.store.database import Database
from csms.store.transactions import FleetRow
from csms.store.vehicle_socs import VehicleSocRow

Words = Mapping[str, VehicleSocRow]
"""Vehicle -> the valid word from elsewhere."""


class Told(NamedTuple):
    """A state of charge as it was told, percent, and how far off it may be."""

    soc: float
    at: datetime
    accuracy: float = 0.0


async def take(db: Database, bus: Bus, clock: Clock, report: SocReport) -> None:
    """Keep a word from elsewhere, and ring the bell.

    Raises `NotFound` for a vehicle that is not registered, `Conflict` for a word older than the one known.
    """
    if await programs.vehicle(db, report.vehicle_id) is None:
        raise NotFound("vehicle", report.vehicle_id)
    known = await vehicle_socs.of_vehicle(db, report.vehicle_id)
    if any(row.source == report.source and row.told_at > report.told_at for row in known):
        raise Conflict(f"A newer state of charge of {report.vehicle_id!r} is known from this source.")
    place = await vehicle_socs.plugged(db, report.vehicle_id)
    async with db.begin() as conn:
        await vehicle_socs.put(conn, report, place)
    bus.publish(SocReported(clock.now(), report.vehicle_id))


def told(row: FleetRow, words: Words) -> Told | None:
    """The word that counts, as it was told: what physics is held against (`grid.soc`)."""
    own, word = _of_station(row), _from_elsewhere(row, words)
    if word is None or (own is not None and _attested(own, row, word)):
        return own
    return Told(word.soc, word.told_at, word.accuracy)


def usable(row: FleetRow, words: Words) -> tuple[float | None, datetime | None]:
    """The least that the battery holds by the word that counts, and the time that is true of."""
    own, word = _of_station(row), _from_elsewhere(row, words)
    if word is None or (own is not None and _attested(own, row, word)):
        return (None, None) if own is None else (own.soc, own.at)
    read_at = row.exported_at
    if read_at is None:  # nothing carries it on: it grows old as it is
        return max(0.0, word.soc - word.accuracy), word.told_at
    return least_now(word.report(), _since(row, word)), max(word.told_at, read_at)


def _of_station(row: FleetRow) -> Told | None:
    """The newest word of the station on the SoC: the meter's, or the vehicle's over its cable."""
    if row.ev_soc is not None and row.ev_at is not None and (row.soc_at is None or row.ev_at > row.soc_at):
        return Told(row.ev_soc, row.ev_at)
    return None if row.soc is None or row.soc_at is None else Told(row.soc, row.soc_at)


def _from_elsewhere(row: FleetRow, words: Words) -> VehicleSocRow | None:
    """One that was told since the vehicle is plugged in here: before that it may have been driven."""
    word = None if row.vehicle_id is None else words.get(row.vehicle_id)
    if word is None or row.started_at is None or word.told_at < row.started_at:
        return None
    return word


def _attested(own: Told, row: FleetRow, word: VehicleSocRow) -> bool:
    """Whether the station's own word counts: it is the vehicle's own, unless it has become too old."""
    newest = max(own.at, word.told_at, row.last_at or own.at)
    return (newest - own.at).total_seconds() <= SOC_AGE_MAX_S


def _since(row: FleetRow, word: VehicleSocRow) -> Since:
    """What has left the battery since the word, at most.

    From where the register stood when the word came; what may have flowed between the word's time and that
    reading nobody has seen. If the register was not known then, all of the transaction.
    """
    same = word.transaction_id == row.transaction_id and word.identity == row.station_id
    before_wh, unread_s = row.first_export_wh, 0.0
    if same and word.export_wh is not None and word.read_at is not None:
        before_wh, unread_s = word.export_wh, (word.read_at - word.told_at).total_seconds()
    exported_wh = (row.last_export_wh or 0.0) - (before_wh or 0.0)
    ratings = [one for one in (row.max_discharge_w, row.vehicle_max_discharge_w) if one is not None]
    capacities = [one for one in (row.ev_capacity_wh, row.vehicle_capacity_wh) if one is not None]
    return Since(
        exported_wh,
        max(0.0, unread_s),
        min(ratings, default=None),
        min(capacities, default=None),
    )
