"""Sites, stations, EVSEs and connectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    String,
    bindparam,
    column,
    delete,
    false,
    func,
    literal_column,
    select,
    table,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.station import EvseRating, Registration, StatusReport
from csms.errors import NotFound
from csms.store.database import Database
from csms.store.edits import add_row, change_row, drop_rows, put_row
from csms.store.queries import Query
from csms.store.rows import moment, plain, plain_or_none, table_of, to_micros, wide
from csms.store.statements import Change, put, write


class SiteRow(SQLModel, table=True):
    """A place with one grid connection; limits are magnitudes in W. No limit known means no export (V-15).

    `within_id` is the site around it (a transformer, a feeder), whose limits hold for all within.
    With `enrolment_hash` a station that is not known may enrol there by that password, as Pending.
    """

    __tablename__ = "site"

    site_id: str = Field(primary_key=True)
    import_limit_w: float | None = None
    export_limit_w: float | None = None
    within_id: str | None = None
    enrolment_hash: str | None = None


class StationRow(SQLModel, table=True):
    """A registered station and what it last said of itself.

    `registration` is what its next boot is answered, `boot_answer` what its last one was. `hold` is why it
    may not discharge until a person clears it. `import_limit_w` and `export_limit_w` bound all its EVSEs
    together, magnitudes in W; None: only its site does. `boot_epoch` counts boots, `connection_epoch` is its
    newest connection's. `next_password_hash` is of a password on its way to the station: until it logs in
    with it, either may count (A01).
    """

    __tablename__ = "station"

    identity: str = Field(primary_key=True)
    password_hash: str
    next_password_hash: str | None = None
    enrolled: bool = False
    tariff_id: str | None = None
    serial_number: str | None = Field(default=None, index=True)
    security_profile: int = 1
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    site_id: str | None = Field(default=None, index=True)
    registration: str = "Accepted"
    onboarding: str = "full"
    discharge: str = "none"
    hold: str | None = None
    import_limit_w: float | None = None
    export_limit_w: float | None = None
    message_timeout_s: float = 30.0
    ping_interval_s: float | None = None
    newest_wins: bool = False
    version: str | None = None
    boot_epoch: int = 0
    booted_at: datetime | None = Field(default=None, sa_column=moment())
    boot_reason: str | None = None
    boot_answer: str | None = None
    last_seen_at: datetime | None = Field(default=None, sa_column=moment())
    connected: bool = False
    connection_epoch: int = Field(default=0, sa_column=wide(nullable=False))
    clock_skew_s: float | None = None
    created_at: datetime = Field(sa_column=moment(nullable=False))


class EvseRow(SQLModel, table=True):
    """An EVSE's rating, magnitudes in W; from registration or from the device model."""

    __tablename__ = "evse"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    max_charge_w: float | None = None
    max_discharge_w: float | None = None


class ConnectorRow(SQLModel, table=True):
    """The newest status of a connector by the station's own time stamp."""

    __tablename__ = "connector"

    identity: str = Field(primary_key=True)
    evse_id: int = Field(primary_key=True)
    connector_id: int = Field(primary_key=True)
    status: str
    status_at: datetime = Field(sa_column=moment(nullable=False))


STATION = table_of(StationRow)
EVSE = table_of(EvseRow)
CONNECTOR = table_of(ConnectorRow)
SITE = table_of(SiteRow)

_ABOUT_A_STATION = (
    "evse", "connector", "dialect_record", "variable", "wanted_variable", "network_profile", "profile",
    "charging_needs", "charging_limit", "request", "request_part", "frame", "local_list", "local_list_entry",
    "reservation", "monitor", "display_message", "installed_certificate", "vehicle_schedule", "signed_values",
)  # fmt: skip

# ---- queries


_BY_IDENTITY = Query(select(STATION).where(STATION.c.identity == bindparam("p_identity")), ("p_identity",))


_CALLED_ALIKE = Query(
    select(STATION.c.identity)
    .where(STATION.c.serial_number == bindparam("p_serial"), STATION.c.identity != bindparam("p_besides"))
    .order_by(STATION.c.identity)
    .limit(10),
    ("p_serial", "p_besides"),
)


async def get(db: Database, identity: str) -> StationRow | None:
    """The station with this canonical identity."""
    return await db.one(StationRow, _BY_IDENTITY.of(identity))


async def called_alike(db: Database, serial_number: str, besides: str) -> list[str]:
    """Identities of other stations with this serial number."""
    return [row[0] for row in await db.answers(_CALLED_ALIKE.of(serial_number, besides))]


async def listing(db: Database, after: str | None, limit: int) -> list[StationRow]:
    """Stations by identity, those after `after`."""
    query = select(STATION).order_by(STATION.c.identity).limit(limit)
    return await db.every(StationRow, query if after is None else query.where(STATION.c.identity > after))


async def evses(db: Database, identity: str) -> list[EvseRow]:
    """The station's EVSEs whose rating is known."""
    return await db.every(EvseRow, select(EVSE).where(EVSE.c.identity == identity).order_by(EVSE.c.evse_id))


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One EVSE's rating with what its station is; `max_*` are magnitudes in W, None: not known."""

    identity: str
    site_id: str | None
    discharge: str
    max_charge_w: float | None
    max_discharge_w: float | None


async def ratings(db: Database) -> list[RatingRow]:
    """Every station's EVSEs in one query; a station without a known EVSE has one row without ratings."""
    columns = (STATION.c.identity, STATION.c.site_id, STATION.c.discharge)
    query = select(*columns, EVSE.c.max_charge_w, EVSE.c.max_discharge_w).select_from(
        STATION.outerjoin(EVSE, EVSE.c.identity == STATION.c.identity)
    )
    return [RatingRow(**row._mapping) for row in await db.all(query)]


async def connectors(db: Database, identity: str) -> list[ConnectorRow]:
    """The station's connectors that have told their status."""
    query = select(CONNECTOR).where(CONNECTOR.c.identity == identity)
    return await db.every(ConnectorRow, query.order_by(CONNECTOR.c.evse_id, CONNECTOR.c.connector_id))


async def get_site(db: Database, site_id: str) -> SiteRow | None:
    """The site with this id."""
    return await db.one(SiteRow, select(SITE).where(SITE.c.site_id == site_id))


async def sites(db: Database) -> list[SiteRow]:
    """All sites, by id."""
    return await db.every(SiteRow, select(SITE).order_by(SITE.c.site_id))


async def waiting(db: Database) -> int:
    """How many stations have enrolled by themselves and wait for a person to approve them."""
    query = select(func.count()).select_from(STATION)
    row = await db.first(query.where(STATION.c.enrolled, STATION.c.registration == "Pending"))
    return 0 if row is None else int(row[0])


# ---- administration


async def add(conn: AsyncConnection, row: StationRow, evses: Sequence[EvseRating] = ()) -> None:
    """Register a station. Raises `Conflict` if its identity is taken."""
    await add_row(conn, row, f"There is a station {row.identity!r} already.")
    for rating in evses:
        await put_evse(conn, row.identity, rating)


async def change(conn: AsyncConnection, identity: str, **fields: object) -> None:
    """Change what was decided about a station. Raises `NotFound`."""
    if fields and not await change_row(conn, StationRow, {"identity": identity}, fields):
        raise NotFound("station", identity)


async def skews_moved(conn: AsyncConnection, by_s: float) -> None:
    """Our own clock has jumped: every station's is off by so many seconds more (or less)."""
    known = STATION.c.clock_skew_s.is_not(None)
    await conn.execute(update(STATION).where(known).values(clock_skew_s=STATION.c.clock_skew_s + by_s))


async def remove(conn: AsyncConnection, identity: str) -> None:
    """Forget a station and what it told of itself; its transactions, readings and journal stay.

    Raises `NotFound`.
    """
    if not await drop_rows(conn, StationRow, {"identity": identity}):
        raise NotFound("station", identity)
    for name in _ABOUT_A_STATION:
        # by name: these tables' files use this one
        await conn.execute(delete(table(name, column("identity"))).where(column("identity") == identity))


async def put_evse(conn: AsyncConnection, identity: str, rating: EvseRating) -> None:
    """Set the rating of one EVSE."""
    row = EvseRow(
        identity=identity,
        evse_id=rating.evse_id,
        max_charge_w=rating.max_charge_w,
        max_discharge_w=rating.max_discharge_w,
    )
    await put_row(conn, row)


async def put_site(conn: AsyncConnection, row: SiteRow) -> None:
    """Add or replace a site."""
    await put_row(conn, row)


# ---- what stations tell: changes for the writer

_WHO = STATION.c.identity == bindparam("p_identity")
_AT: BindParameter[datetime] = bindparam("p_at")

_CONNECTED = write(
    StationRow,
    ("p_identity", "p_epoch", "p_version", "p_at"),
    update(STATION)
    .where(_WHO)
    .values(
        connected=true(),
        connection_epoch=bindparam("p_epoch"),
        version=bindparam("p_version"),
        last_seen_at=_AT,
    ),
)
_DISCONNECTED = write(
    StationRow,
    ("p_identity", "p_epoch", "p_at"),
    update(STATION)
    .where(_WHO, STATION.c.connection_epoch == bindparam("p_epoch"))
    .values(connected=false(), last_seen_at=_AT),
)
_ALL_DISCONNECTED = write(
    StationRow, (), update(STATION).where(STATION.c.connected).values(connected=false())
)
_BOOTED = write(
    StationRow,
    ("p_identity", "p_vendor", "p_model", "p_serial", "p_firmware", "p_reason", "p_at", "p_answer"),
    update(STATION)
    .where(_WHO)
    .values(
        vendor=bindparam("p_vendor"),
        model=bindparam("p_model"),
        serial_number=func.coalesce(bindparam("p_serial", type_=String), STATION.c.serial_number),
        firmware=func.coalesce(bindparam("p_firmware", type_=String), STATION.c.firmware),
        boot_reason=bindparam("p_reason"),
        boot_answer=bindparam("p_answer"),
        booted_at=_AT,
        last_seen_at=_AT,
        boot_epoch=STATION.c.boot_epoch + literal_column("1"),
    ),
)
_SEEN = write(StationRow, ("p_identity", "p_at"), update(STATION).where(_WHO).values(last_seen_at=_AT))
_SKEWED = write(
    StationRow, ("p_identity", "p_skew"), update(STATION).where(_WHO).values(clock_skew_s=bindparam("p_skew"))
)
_HELD = write(
    StationRow,
    ("p_identity", "p_hold"),
    update(STATION).where(_WHO).values(hold=func.coalesce(STATION.c.hold, bindparam("p_hold", type_=String))),
)
_DISCHARGE = write(
    StationRow,
    ("p_identity", "p_discharge"),
    update(STATION).where(_WHO).values(discharge=bindparam("p_discharge")),
)
_STATUS = put(ConnectorRow, newer_by="status_at")


def connected(identity: str, epoch: int, version: str, at: datetime) -> Change:
    """The station's newest connection is up."""
    return Change(_CONNECTED, ((identity, epoch, version, to_micros(at)),))


def disconnected(identity: str, epoch: int, at: datetime) -> Change:
    """This connection is gone; says nothing if there is a newer one."""
    return Change(_DISCONNECTED, ((identity, epoch, to_micros(at)),))


def all_disconnected() -> Change:
    """At the start of the only node: whoever was connected is not any more."""
    return Change(_ALL_DISCONNECTED, ((),))


def booted(  # noqa: PLR0913 - one BootNotification says that much, and each by name
    identity: str,
    *,
    vendor: str,
    model: str,
    serial: str | None,
    firmware: str | None,
    reason: str,
    at: datetime,
    registration: Registration,
) -> Change:
    """A boot and what it was answered. A new boot epoch begins: fallback profiles count anew (V-04)."""
    told = (plain(vendor), plain(model), plain_or_none(serial), plain_or_none(firmware), plain(reason))
    return Change(_BOOTED, ((identity, *told, to_micros(at), registration.value),))


def seen(identity: str, at: datetime) -> Change:
    """The station is alive."""
    return Change(_SEEN, ((identity, to_micros(at)),))


def clock_skew(identity: str, skew_s: float) -> Change:
    """How far the station's clock is ahead of ours, in seconds."""
    return Change(_SKEWED, ((identity, skew_s),))


def held(identity: str, reason: str) -> Change:
    """No discharge until a person clears the hold; the first reason stands."""
    return Change(_HELD, ((identity, plain(reason)),))


def discharge_changed(identity: str, discharge: str) -> Change:
    """How the station may be ordered to discharge from now on (`domain.dialect_record.Discharge`)."""
    return Change(_DISCHARGE, ((identity, discharge),))


def connector_status(identity: str, report: StatusReport) -> Change:
    """A connector's status; the newest by the station's own time stamp wins."""
    row = (identity, report.evse_id, report.connector_id, report.status.value, to_micros(report.at))
    return Change(_STATUS, (row,))
