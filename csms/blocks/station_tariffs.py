"""Block I (2.1): tariffs in the stations themselves, which then count the cost."""

import msgspec

from csms.blocks.calls import After, Answered
from csms.domain.station import is_place
from csms.store import particulars, station_tariffs
from csms.store.edits import Connection
from csms.store.station_tariffs import StationTariffRow
from csms.wire import words

after = After()


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
