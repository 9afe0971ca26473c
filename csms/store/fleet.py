"""The grid's sense: one query for all that is known of every plugged-in vehicle."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, FromClause, and_, exists, func, or_, select, type_coerce

from csms.store.database import Database
from csms.store.der_controls import IN_ALARM, LEFT_OF_DISCHARGE
from csms.store.particulars import HAS_PRIORITY
from csms.store.profiles import FALLBACK_STANDS, PROFILE
from csms.store.programs import NEED, VEHICLE
from csms.store.queries import Answer, Query
from csms.store.stations import CONNECTOR, EVSE, STATION
from csms.store.tokens import TOKEN
from csms.store.transaction_rows import NEEDS, TRANSACTION
from csms.store.transaction_states import last_export_at

_BEFORE_START = 10_000_000
"""How long (microseconds) before a transaction's start a vehicle's needs may be stamped and still be its: the
start is by the station's clock, and one that is off by more is not used for discharge anyway."""


class FleetRow(NamedTuple):
    """An open transaction at a known EVSE, with everything that `domain.flexibility.EvseView` asks for.

    Powers are signed W, ratings and limits magnitudes in W, energies Wh, registers as the meter told them;
    None means not known. `ev_*` is what the vehicle told over its cable in this transaction. `faulted`: a
    connector is, or the station sees the grid so. `der_discharge_pct` is what a LimitMaxDischarge leaves.
    `priority`: the driver is charged before all else (K21), so no order goes there. `last_at` is the time of
    the register that was read last, see `exported_at`.
    """

    station_id: str
    evse_id: int
    transaction_id: str
    started_at: datetime | None
    charging_state: str | None
    site_id: str | None
    connected: bool
    registration: str
    boot_epoch: int
    discharge: str
    hold: str | None
    faulted: bool
    clock_skew_s: float | None
    max_charge_w: float | None
    max_discharge_w: float | None
    id_token: str | None
    driver_id: str | None
    vehicle_id: str | None
    vehicle_capacity_wh: float | None
    vehicle_max_charge_w: float | None
    vehicle_max_discharge_w: float | None
    vehicle_bidirectional: bool | None
    soc: float | None
    soc_at: datetime | None
    soc_refused: bool
    power_w: float | None
    power_at: datetime | None
    first_import_wh: float | None
    first_export_wh: float | None
    last_import_wh: float | None
    last_export_wh: float | None
    last_at: datetime | None
    marks: str | None
    need_reserve_soc: float | None
    need_departure: datetime | None
    need_target_energy_wh: float | None
    need_target_soc: float | None
    ev_at: datetime | None
    ev_transfer: str | None
    ev_capacity_wh: float | None
    ev_soc: float | None
    ev_energy_request_wh: float | None
    ev_departure: datetime | None
    ev_max_charge_w: float | None
    ev_max_discharge_w: float | None
    fallback_acknowledged: bool
    der_discharge_pct: float | None
    priority: bool
    ev_min_v2x_wh: float | None

    @property
    def exported_at(self) -> datetime | None:
        """When the export register was read last; a meter may tell its registers at times of their own."""
        if self.last_export_wh is None:
            return None
        return self.last_at if self.marks is None else last_export_at(self.marks)


async def open_rows(db: Database) -> Sequence[Answer]:
    """Every open transaction at a known EVSE of a registered station, in ONE query: values for `FleetRow`.

    Raises `StoreUnavailable`.
    """
    return await db.answers(_ALL_OPEN.of())


async def all_open(db: Database) -> list[FleetRow]:
    """The same as rows; of a whole fleet only for who does not share a loop with stations."""
    return list(map(FleetRow._make, await open_rows(db)))


_DRIVER = func.coalesce(TOKEN.c.driver_id, VEHICLE.c.driver_id)
_SAME_EVSE = TRANSACTION.c.evse_id


def _joined() -> FromClause:
    transaction, station = TRANSACTION, STATION
    at_evse = and_(EVSE.c.identity == transaction.c.identity, EVSE.c.evse_id == _SAME_EVSE)
    # what the vehicle before this one wanted is not this one's business
    told = and_(
        NEEDS.c.identity == transaction.c.identity,
        NEEDS.c.evse_id == _SAME_EVSE,
        type_coerce(NEEDS.c.at, BigInteger)
        >= type_coerce(transaction.c.started_at, BigInteger) - _BEFORE_START,
    )
    return (
        transaction.join(station, station.c.identity == transaction.c.identity)
        .outerjoin(EVSE, at_evse)
        .outerjoin(TOKEN, TOKEN.c.token == func.lower(transaction.c.id_token))
        .outerjoin(VEHICLE, VEHICLE.c.vehicle_id == TOKEN.c.vehicle_id)
        .outerjoin(NEED, NEED.c.driver_id == _DRIVER)
        .outerjoin(NEEDS, told)
    )


def _columns() -> list[ColumnElement[Any]]:
    """In the order of the fields of `FleetRow`."""
    transaction, station = TRANSACTION.c, STATION.c
    faulted = exists().where(
        CONNECTOR.c.identity == transaction.identity,
        CONNECTOR.c.evse_id == _SAME_EVSE,
        CONNECTOR.c.status == "Faulted",
    )
    # a fallback for the whole station (EVSE 0) stands under each of its EVSEs
    fallback = exists().where(FALLBACK_STANDS, or_(PROFILE.c.evse_id == _SAME_EVSE, PROFILE.c.evse_id == 0))
    return [
        *_of(transaction, "identity", "evse_id", "transaction_id", "started_at", "charging_state"),
        station.site_id,
        *_of(station, "connected", "registration", "boot_epoch", "discharge", "hold"),
        or_(faulted.correlate(TRANSACTION), IN_ALARM),
        station.clock_skew_s,
        *_of(EVSE.c, "max_charge_w", "max_discharge_w"),
        *(transaction.id_token, _DRIVER, VEHICLE.c.vehicle_id),
        *_of(VEHICLE.c, "capacity_wh", "max_charge_w", "max_discharge_w", "bidirectional"),
        *_of(transaction, "soc", "soc_at", "soc_refused", "power_w", "power_at"),
        *_of(transaction, "first_import_wh", "first_export_wh", "last_import_wh", "last_export_wh"),
        *_of(transaction, "last_at", "marks"),
        *_of(NEED.c, "reserve_soc", "departure", "target_energy_wh", "target_soc"),
        *_of(NEEDS.c, "at", "transfer", "capacity_wh", "soc", "energy_request_wh", "departure"),
        *_of(NEEDS.c, "max_charge_w", "max_discharge_w"),
        fallback.correlate(TRANSACTION, STATION),
        LEFT_OF_DISCHARGE.correlate(TRANSACTION),
        HAS_PRIORITY,
        NEEDS.c.min_v2x_wh,
    ]


def _of(columns: Any, *names: str) -> list[ColumnElement[Any]]:
    return [columns[name] for name in names]


def _all_open() -> Query:
    query = select(*_columns()).select_from(_joined())
    query = query.where(TRANSACTION.c.open, TRANSACTION.c.evse_id > 0)
    return Query(query.order_by(TRANSACTION.c.identity, TRANSACTION.c.evse_id, TRANSACTION.c.started_at))


_ALL_OPEN = _all_open()
