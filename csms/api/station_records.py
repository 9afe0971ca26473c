"""What 2.1 stations do by themselves and tell: streams of values, battery swaps, payments, their tariffs."""

import msgspec
from fastapi import APIRouter
from pydantic import JsonValue

from csms.api.shapes import Limit, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.store import battery_swaps, event_streams, payments, station_tariffs

router = APIRouter(tags=["stations"])


class EventStream(Shape):
    """A stream of one monitored variable's values, and the newest of them; open while `closedAt` is null."""

    stream_id: int
    monitor_id: int
    interval_s: int | None
    values: int | None
    opened_at: Time
    closed_at: Time | None
    last_at: Time | None
    last_value: str | None
    pending: int | None


class BatterySwap(Shape):
    """One step of a swap; `batteries` are OCPP's."""

    request_id: int
    event: str
    id_token: str
    batteries: JsonValue
    at: Time


class Payment(Shape):
    """The newest word on a payment that the station has settled with its payment service."""

    reference: str
    transaction_id: str | None
    status: str
    reason: str | None
    amount: float
    settled_at: Time
    receipt_id: str | None
    receipt_url: str | None
    vat_number: str | None
    heard_at: Time


class StationTariff(Shape):
    """A tariff in the station itself, at an EVSE (0: all); `content` is OCPP's, null if only reported."""

    evse_id: int
    tariff_id: str
    kind: str
    content: JsonValue
    changed_at: Time


@router.get("/stations/{identity}/event-streams")
async def list_event_streams(identity: str, wired: Wired) -> Page[EventStream]:
    """N11 to N15: the streams of a station."""
    station = await registered(wired, identity)
    rows = await event_streams.streams(wired.db, station.identity)
    return Page(items=[EventStream.model_validate(row) for row in rows])


@router.get("/stations/{identity}/battery-swaps")
async def list_battery_swaps(identity: str, wired: Wired, limit: Limit = 100) -> Page[BatterySwap]:
    """S01 to S03: the newest steps of swaps, newest first."""
    station = await registered(wired, identity)
    rows = await battery_swaps.listing(wired.db, station.identity, limit)
    shown = [row.model_dump() | {"batteries": msgspec.json.decode(row.batteries)} for row in rows]
    return Page(items=[BatterySwap.model_validate(one) for one in shown])


@router.get("/stations/{identity}/payments")
async def list_payments(identity: str, wired: Wired, limit: Limit = 100) -> Page[Payment]:
    """C24, C25: the newest payments, newest first."""
    station = await registered(wired, identity)
    rows = await payments.listing(wired.db, station.identity, limit)
    return Page(items=[Payment.model_validate(row) for row in rows])


@router.get("/stations/{identity}/station-tariffs")
async def list_station_tariffs(identity: str, wired: Wired) -> Page[StationTariff]:
    """I07 to I09: the tariffs in a station as far as they are known."""
    station = await registered(wired, identity)
    rows = await station_tariffs.of_station(wired.db, station.identity)
    shown = [
        row.model_dump() | {"content": None if row.content is None else msgspec.json.decode(row.content)}
        for row in rows
    ]
    return Page(items=[StationTariff.model_validate(one) for one in shown])
