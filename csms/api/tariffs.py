"""Tariffs: what charging costs, and at which stations. Amounts are decimal text, exact."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import AfterValidator, Field

from csms.api.asking import CALLS, Ask
from csms.api.auth import OPERATOR
from csms.api.shapes import Body, Currency, Key, Page, Shape, Text, Time, Whole
from csms.api.stations import registered
from csms.api.transactions import AtStation, found
from csms.api.wiring import Wired
from csms.blocks.station_tariffs import in_words
from csms.blocks.tariff import tariff_of
from csms.errors import Conflict, Invalid, NotFound
from csms.store import stations, tariffs
from csms.wire import words

router = APIRouter(tags=["tariffs"])


def _amount(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError("must be a decimal number like 0.35") from None
    if not amount.is_finite() or abs(amount) >= 1_000_000 or -amount.as_tuple().exponent > 6:  # type: ignore[operator]
        raise ValueError("must be below 1000000 with at most 6 decimals")
    return text


Amount = Annotated[str, Field(max_length=20, pattern=r"^-?[0-9]+(\.[0-9]+)?$"), AfterValidator(_amount)]


class TariffFields(Body):
    """Prices in `currency`; `exportPerKwh` is what the driver gets for energy given back.

    `updateEveryS`: how often a driver is told the running cost; 0: never.
    """

    currency: Currency
    start_fee: Amount = "0"
    energy_per_kwh: Amount = "0"
    export_per_kwh: Amount = "0"
    time_per_hour: Amount = "0"
    minimum: Amount = "0"
    update_every_s: Annotated[Whole, Field(ge=0, le=86_400)] = 0
    description: Text | None = None


class NewTariff(TariffFields):
    """A tariff to add."""

    tariff_id: Key


class Tariff(Shape):
    """A tariff."""

    tariff_id: str
    currency: str
    start_fee: str
    energy_per_kwh: str
    export_per_kwh: str
    time_per_hour: str
    minimum: str
    update_every_s: int
    description: str | None
    changed_at: Time


class StationTariff(Body):
    """The tariff that holds at a station; null: nothing is charged for there."""

    tariff_id: Key | None


class DefaultTariff(Body):
    """The tariff by which a station shall count, at one EVSE or at all (0)."""

    tariff_id: Key
    evse_id: Annotated[Whole, Field(ge=0, lt=2**31)] = 0


class TransactionTariff(Body):
    """The tariff by which a station shall count from now on."""

    tariff_id: Key


@router.get("/tariffs")
async def list_tariffs(wired: Wired) -> Page[Tariff]:
    """All tariffs."""
    return Page(items=[Tariff.model_validate(row) for row in await tariffs.listing(wired.db)])


@router.get("/tariffs/{tariff_id}")
async def show_tariff(tariff_id: str, wired: Wired) -> Tariff:
    """One tariff."""
    row = await tariffs.get(wired.db, tariff_id)
    if row is None:
        raise NotFound("tariff", tariff_id)
    return Tariff.model_validate(row)


@router.post("/tariffs", status_code=201, openapi_extra=OPERATOR)
async def add_tariff(body: NewTariff, wired: Wired) -> Tariff:
    """Add a tariff; 409 if there is one of that id."""
    if await tariffs.get(wired.db, body.tariff_id) is not None:
        raise Conflict(f"There is a tariff {body.tariff_id!r} already.")
    return await _put(wired, body.tariff_id, body)


@router.put("/tariffs/{tariff_id}", openapi_extra=OPERATOR)
async def change_tariff(tariff_id: str, body: TariffFields, wired: Wired) -> Tariff:
    """Replace a tariff; what has been worked out by the old one stays."""
    await show_tariff(tariff_id, wired)
    return await _put(wired, tariff_id, body)


@router.delete("/tariffs/{tariff_id}", status_code=204, openapi_extra=OPERATOR)
async def remove_tariff(tariff_id: str, wired: Wired) -> Response:
    """Forget a tariff; where it held nothing is charged for."""
    async with wired.db.begin() as conn:
        await tariffs.remove(conn, tariff_id)
    return Response(status_code=204)


@router.put("/stations/{identity}/tariff", openapi_extra=OPERATOR)
async def set_station_tariff(identity: str, body: StationTariff, wired: Wired) -> Tariff | None:
    """Say which tariff holds at a station."""
    station = await registered(wired, identity)
    row = None if body.tariff_id is None else await _named(wired, body.tariff_id)
    async with wired.db.begin() as conn:
        await stations.change(conn, station.identity, tariff_id=body.tariff_id)
    return None if row is None else Tariff.model_validate(row)


@router.post("/stations/{identity}/station-tariffs", openapi_extra=CALLS)
async def send_tariff(identity: str, body: DefaultTariff, ask: Ask) -> Response:
    """I07: have a 2.1 station count by this tariff, as its default. What we charge by is `/tariff`."""
    told = await _told(ask.wired, body.tariff_id)
    return await ask.send(identity, words.SetDefaultTariffRequest(evse_id=body.evse_id, tariff=told))


@router.post("/transactions/{transaction_id}/tariff", openapi_extra=CALLS)
async def change_transaction_tariff(
    transaction_id: str, body: TransactionTariff, ask: Ask, station: AtStation = None
) -> Response:
    """I11: have a 2.1 station count a running transaction by this tariff."""
    row = await found(ask.wired, transaction_id, station)
    told = await _told(ask.wired, body.tariff_id)
    request = words.ChangeTransactionTariffRequest(transaction_id=row.transaction_id, tariff=told)
    return await ask.send(row.identity, request)


async def _told(wired: Wired, tariff_id: str) -> words.TariffType:
    row = await _named(wired, tariff_id)
    return in_words(tariff_of(row), row.description)


async def _named(wired: Wired, tariff_id: str) -> tariffs.TariffRow:
    """The tariff that a body names. Raises `Invalid`."""
    row = await tariffs.get(wired.db, tariff_id)
    if row is None:
        raise Invalid("tariffId", f"There is no tariff {tariff_id!r}.")
    return row


async def _put(wired: Wired, tariff_id: str, body: TariffFields) -> Tariff:
    fields = body.model_dump(exclude={"tariff_id"})
    row = tariffs.TariffRow(tariff_id=tariff_id, changed_at=wired.clock.now(), **fields)
    async with wired.db.begin() as conn:
        await tariffs.put_tariff(conn, row)
    return Tariff.model_validate(row)
