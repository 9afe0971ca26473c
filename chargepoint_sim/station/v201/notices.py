"""Notices in OCPP 2.0.1's spelling."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ocpp.v201 import call

from chargepoint_sim.station.notices import (
    Event,
    EventNews,
    FirmwareNews,
    LimitClearedNews,
    LimitNews,
    LogNews,
    Notice,
    ReservationNews,
    ScheduleNews,
    SigningNews,
    VendorNews,
)
from chargepoint_sim.station.v201 import spelling


def written(notice: Notice) -> object | None:
    """The library's call for a notice, None where 2.0.1 has none."""
    spell = _SPELLED.get(type(notice))
    return None if spell is None else spell(notice)


def _firmware(news: FirmwareNews) -> object:
    return call.FirmwareStatusNotification(status=news.status, request_id=news.request_id)


def _log(news: LogNews) -> object:
    return call.LogStatusNotification(status=news.status, request_id=news.request_id)


def _reservation(news: ReservationNews) -> object:
    return call.ReservationStatusUpdate(
        reservation_id=news.reservation_id, reservation_update_status=news.status
    )


def _signing(news: SigningNews) -> object:
    return call.SignCertificate(csr=news.csr, certificate_type=news.kind)


def _events(news: EventNews) -> object:
    rows = [_event(one) for one in news.events]
    return call.NotifyEvent(generated_at=spelling.text(news.at), seq_no=0, event_data=rows, tbc=False)


def _event(one: Event) -> dict[str, object]:
    variable = {"name": one.variable} | ({} if one.instance is None else {"instance": one.instance})
    row: dict[str, object | None] = {
        "eventId": one.event_id,
        "timestamp": spelling.text(one.at),
        "trigger": one.trigger,
        "actualValue": one.value,
        "cleared": True if one.cleared else None,
        "transactionId": one.transaction_id,
        "variableMonitoringId": one.monitor_id,
        "eventNotificationType": one.kind,
        "component": spelling.component(one.place),
        "variable": variable,
    }
    return {key: value for key, value in row.items() if value is not None}


def _limit(news: LimitNews) -> object:
    return call.NotifyChargingLimit(
        charging_limit={"chargingLimitSource": news.source, "isGridCritical": news.critical},
        evse_id=news.evse_id,
        charging_schedule=[spelling.written_schedule(one) for one in news.schedules] or None,
    )


def _limit_cleared(news: LimitClearedNews) -> object:
    return call.ClearedChargingLimit(charging_limit_source=news.source, evse_id=news.evse_id)


def _schedule(news: ScheduleNews) -> object:
    schedule = spelling.written_schedule(replace(news.schedule, start=news.schedule.start or news.at))
    return call.NotifyEVChargingSchedule(
        time_base=spelling.text(news.at), evse_id=news.evse_id, charging_schedule=schedule
    )


def _vendor(news: VendorNews) -> object:
    return call.DataTransfer(vendor_id=news.vendor_id, message_id=news.message_id, data=news.data)


_SPELLED: Mapping[type, Callable[[Any], object]] = {
    FirmwareNews: _firmware,
    LogNews: _log,
    ReservationNews: _reservation,
    SigningNews: _signing,
    EventNews: _events,
    LimitNews: _limit,
    LimitClearedNews: _limit_cleared,
    ScheduleNews: _schedule,
    VendorNews: _vendor,
}
