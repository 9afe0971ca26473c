"""Block I (2.1): tariffs in the stations themselves, which then count the cost."""

from decimal import Decimal

import msgspec

from csms.blocks.calls import After, Answered
from csms.domain.station import is_place
from csms.domain.tariff import Tariff
from csms.errors import Invalid
from csms.store import particulars, station_tariffs
from csms.store.edits import Connection
from csms.store.station_tariffs import StationTariffRow
from csms.wire import words

after = After()

_MINUTES = 60


def in_words(tariff: Tariff, description: str | None = None) -> words.TariffType:
    """Our tariff as a station counts by it (pure); what costs nothing is not told.

    Ours has one price for all time at the EVSE, 2.1 one for charging and one for idling: both are told. 2.1's
    prices are without tax; with no tax rate told they are what the driver pays. Raises `Invalid` for a tariff
    that pays for energy given back: 2.1 prices that by conditions on power alone, and its totals have one
    energy for both ways, so nobody could say what a station would make of it.
    """
    if tariff.export_per_kwh:
        raise Invalid(
            "exportPerKwh", "OCPP 2.1 has no sure words for a price of energy given back: charge for it here."
        )
    prices = tariff.start_fee, tariff.energy_per_kwh, tariff.time_per_hour
    bounded = tariff.minimum != 0 or min(prices) < 0  # with us nothing costs less than the minimum
    return words.TariffType(
        tariff_id=tariff.tariff_id,
        currency=tariff.currency,
        description=None
        if description is None
        else (words.MessageContentType(format="UTF8", content=description),),
        fixed_fee=_fixed(tariff.start_fee),
        energy=_energy(tariff.energy_per_kwh),
        charging_time=_time(tariff.time_per_hour),
        idle_time=_time(tariff.time_per_hour),
        min_cost=words.PriceType(incl_tax=float(tariff.minimum)) if bounded else None,
    )


def _fixed(price: Decimal) -> words.TariffFixedType | None:
    if not price:
        return None
    return words.TariffFixedType(prices=(words.TariffFixedPriceType(price_fixed=float(price)),))


def _energy(price: Decimal) -> words.TariffEnergyType | None:
    if not price:
        return None
    return words.TariffEnergyType(prices=(words.TariffEnergyPriceType(price_kwh=float(price)),))


def _time(hour: Decimal) -> words.TariffTimeType | None:
    if not hour:
        return None
    return words.TariffTimeType(prices=(words.TariffTimePriceType(price_minute=float(hour / _MINUTES)),))


@after.on(words.SetDefaultTariffRequest)
async def tariff_set(conn: Connection, done: Answered) -> None:
    """I07: it holds at its EVSE, or at all, once the station has taken it."""
    request: words.SetDefaultTariffRequest = done.request
    answer: words.SetDefaultTariffResponse = done.answer
    if answer.status == "Accepted":
        row = StationTariffRow(
            identity=done.station.identity,
            evse_id=request.evse_id,
            tariff_id=request.tariff.tariff_id,
            content=msgspec.json.encode(request.tariff).decode(),
            changed_at=done.at,
        )
        await station_tariffs.keep(conn, row)


@after.on(words.GetTariffsRequest)
async def tariffs_told(conn: Connection, done: Answered) -> None:
    """I08: what stands in the station; a question for one EVSE says nothing of the others."""
    request: words.GetTariffsRequest = done.request
    answer: words.GetTariffsResponse = done.answer
    if request.evse_id != 0 or answer.status == "Rejected":
        return
    rows = [
        StationTariffRow(
            identity=done.station.identity,
            evse_id=evse_id,
            tariff_id=told.tariff_id,
            kind=told.tariff_kind,
            changed_at=done.at,
        )
        for told in answer.tariff_assignments or ()
        for evse_id in told.evse_ids or (0,)
        if is_place(evse_id)
    ]
    await station_tariffs.reported(conn, done.station.identity, rows)


@after.on(words.ClearTariffsRequest)
async def tariffs_cleared(conn: Connection, done: Answered) -> None:
    """I09: what is cleared, or was not there, is not there."""
    request: words.ClearTariffsRequest = done.request
    answer: words.ClearTariffsResponse = done.answer
    for result in answer.clear_tariffs_result:
        if result.status != "Rejected":
            await station_tariffs.drop(conn, done.station.identity, result.tariff_id, request.evse_id)


@after.on(words.ChangeTransactionTariffRequest)
async def transaction_tariff_changed(conn: Connection, done: Answered) -> None:
    """I11: another tariff for a running transaction."""
    request: words.ChangeTransactionTariffRequest = done.request
    answer: words.ChangeTransactionTariffResponse = done.answer
    if answer.status == "Accepted":
        told = "tariffId", msgspec.json.encode(request.tariff.tariff_id).decode()
        await particulars.agreed(conn, done.station.identity, request.transaction_id, told, done.at)
