"""The device model of each station: what it has reported, what we want it to be, its network profiles."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import Field, SQLModel

from csms.domain.device_model import Place, Value
from csms.store.database import Database
from csms.store.edits import drop_rows, put_row
from csms.store.rows import moment, table_of, wide
from csms.store.statements import Change, from_row, put


class VariableRow(SQLModel, table=True):
    """One attribute of one variable with its characteristics, as the station has reported it.

    Empty strings and 0 stand for 'none' in the key.
    """

    __tablename__ = "variable"

    identity: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    component_instance: str = Field(default="", primary_key=True)
    evse_id: int = Field(default=0, primary_key=True)
    connector_id: int = Field(default=0, primary_key=True)
    variable: str = Field(primary_key=True)
    variable_instance: str = Field(default="", primary_key=True)
    attribute: str = Field(default="Actual", primary_key=True)
    value: str | None = None
    mutability: str | None = None
    persistent: bool | None = None
    constant: bool | None = None
    data_type: str | None = None
    unit: str | None = None
    min_limit: float | None = None
    max_limit: float | None = None
    max_elements: int | None = Field(default=None, sa_column=wide())
    values_list: str | None = None
    supports_monitoring: bool | None = None
    reported_at: datetime = Field(sa_column=moment(nullable=False))


class WantedVariableRow(SQLModel, table=True):
    """What a variable shall be by our order; `status` is the station's word on it."""

    __tablename__ = "wanted_variable"

    identity: str = Field(primary_key=True)
    component: str = Field(primary_key=True)
    component_instance: str = Field(default="", primary_key=True)
    evse_id: int = Field(default=0, primary_key=True)
    connector_id: int = Field(default=0, primary_key=True)
    variable: str = Field(primary_key=True)
    variable_instance: str = Field(default="", primary_key=True)
    attribute: str = Field(default="Actual", primary_key=True)
    value: str
    status: str
    reason: str | None = None
    ordered_at: datetime = Field(sa_column=moment(nullable=False))


class NetworkProfileRow(SQLModel, table=True):
    """A network connection profile that was sent to a slot of a station; `data` is JSON without secrets."""

    __tablename__ = "network_profile"

    identity: str = Field(primary_key=True)
    slot: int = Field(sa_column=wide(primary_key=True))
    data: str
    status: str
    changed_at: datetime = Field(sa_column=moment(nullable=False))


VARIABLE = table_of(VariableRow)
WANTED = table_of(WantedVariableRow)
NETWORK_PROFILE = table_of(NetworkProfileRow)

_VALUE = put(VariableRow)


async def reported(
    db: Database, identity: str, *, component: str | None = None, variable: str | None = None
) -> list[VariableRow]:
    """The device model as far as the station has reported it, of one component or variable if named.

    Names are compared without regard to case, as the standard has it.
    """
    key = [column for column in VARIABLE.primary_key.columns if column.name != "identity"]
    query = select(VARIABLE).where(VARIABLE.c.identity == identity).order_by(*key)
    if component is not None:
        query = query.where(func.lower(VARIABLE.c.component) == component.lower())
    if variable is not None:
        query = query.where(func.lower(VARIABLE.c.variable) == variable.lower())
    return await db.every(VariableRow, query)


async def count(db: Database, identity: str) -> int:
    """How many values the station's device model has."""
    query = select(func.count()).select_from(VARIABLE).where(VARIABLE.c.identity == identity)
    row = await db.first(query)
    return 0 if row is None else int(row[0])


async def values(db: Database, identity: str) -> list[Value]:
    """The device model as plain values."""
    return plain_values(await reported(db, identity))


def plain_values(rows: Sequence[VariableRow]) -> list[Value]:
    """Rows as plain values."""
    return [
        Value(
            place_of(row),
            row.value,
            settable=row.mutability != "ReadOnly" and not row.constant,
            values_list=row.values_list,
        )
        for row in rows
    ]


def place_of(row: VariableRow | WantedVariableRow) -> Place:
    """Where a row's value is."""
    return Place(
        row.component,
        row.variable,
        row.component_instance,
        row.evse_id,
        row.connector_id,
        row.variable_instance,
        row.attribute,
    )


async def wanted(db: Database, identity: str) -> list[WantedVariableRow]:
    """What the station's variables shall be by our orders."""
    return await db.every(WantedVariableRow, select(WANTED).where(WANTED.c.identity == identity))


async def network_profiles(db: Database, identity: str) -> list[NetworkProfileRow]:
    """The network profiles that were sent to a station, by slot."""
    query = select(NETWORK_PROFILE).where(NETWORK_PROFILE.c.identity == identity)
    return await db.every(NetworkProfileRow, query.order_by(NETWORK_PROFILE.c.slot))


def values_reported(identity: str, rows: Sequence[VariableRow]) -> Change:
    """Reported values of the device model."""
    changes = [from_row(_VALUE, row) for row in rows if row.identity == identity]
    return Change(_VALUE, tuple(row for change in changes for row in change.rows))


async def put_wanted(conn: AsyncConnection, row: WantedVariableRow) -> None:
    """Write down what a variable shall be."""
    await put_row(conn, row)


async def drop_wanted(conn: AsyncConnection, identity: str, place: Place) -> None:
    """Want nothing of a variable any more."""
    await drop_rows(conn, WantedVariableRow, {"identity": identity, **asdict(place)})


async def value_read(
    conn: AsyncConnection, identity: str, place: Place, value: str | None, at: datetime
) -> None:
    """A value that the station told in an answer; its characteristics stay as they were reported."""
    here = (VARIABLE.c.identity == identity, *_same(place))
    known = update(VARIABLE).where(*here).values(value=value, reported_at=at)
    if (await conn.execute(known)).rowcount == 0:
        await put_row(conn, VariableRow(identity=identity, value=value, reported_at=at, **asdict(place)))


async def put_reported(conn: AsyncConnection, row: VariableRow) -> None:
    """Write down a value with its characteristics, as an answer told it."""
    await put_row(conn, row)


async def put_network_profile(conn: AsyncConnection, row: NetworkProfileRow) -> None:
    """Write down what was sent to a slot."""
    await put_row(conn, row)


def _same(place: Place) -> list[ColumnElement[bool]]:
    """This place, however its names are spelled."""
    return [
        func.lower(VARIABLE.c[name]) == value.lower() if isinstance(value, str) else VARIABLE.c[name] == value
        for name, value in asdict(place).items()
    ]
