"""OCPP 2.0.1 calls -> house words, and the answers back."""

import hashlib
from datetime import UTC
from typing import cast

import msgspec
from msgspec import UNSET

from csms.domain.meter import MeterReport, Reading, SampledValue, reading
from csms.domain.station import ConnectorStatus, Heartbeat, HeartbeatAnswer, StatusReport, is_place
from csms.domain.transaction import EventType, IdToken, IdTokenInfo, TransactionAnswer, TransactionEvent
from csms.errors import OcppError
from csms.wire.dialect import EMPTY, Inbound
from csms.wire.times import instant, text
from csms.wire.v201 import messages as m

_encode = msgspec.json.encode
_EVENT_TYPES = {kind.value: kind for kind in EventType}
_STATUSES = {status.value: status for status in ConnectorStatus}
_HEARTBEAT = Heartbeat()
_digest = hashlib.sha256


def _reading(meter_value: m.MeterValueType) -> Reading:
    values = []
    for sampled in meter_value.sampled_value:
        unit = sampled.unit_of_measure
        values.append(
            SampledValue(
                sampled.value,
                sampled.measurand or "Energy.Active.Import.Register",
                (unit.unit or None) if unit else None,
                (unit.multiplier or 0) if unit else 0,
                sampled.phase or None,
                sampled.location or "Outlet",
                sampled.context or "Sample.Periodic",
            )
        )
    return reading(instant(meter_value.timestamp), values)


def _place(id: int) -> int | None:
    """An EVSE or connector; None for a number that is none, which no database need keep: its event counts."""
    return id if is_place(id) else None


def _sound_place(id: int) -> int:
    """The same for what would be worth nothing without it. Raises `OcppError`."""
    if not is_place(id):
        raise OcppError("PropertyConstraintViolation", "No EVSE or connector has this number.")
    return id


def _transaction_event(event: m.TransactionEventRequest, payload: bytes) -> TransactionEvent:
    transaction, evse, token = event.transaction_info, event.evse, event.id_token
    return TransactionEvent(
        _EVENT_TYPES[event.event_type],
        transaction.transaction_id,
        event.seq_no,
        instant(event.timestamp),
        event.trigger_reason,
        event.offline or False,
        transaction.charging_state or None,
        transaction.stopped_reason or None,
        None if transaction.remote_start_id is UNSET else transaction.remote_start_id,
        None if event.reservation_id is UNSET else event.reservation_id,
        _place(evse.id) if evse else None,
        (None if evse.connector_id is UNSET else _place(evse.connector_id)) if evse else None,
        IdToken(token.id_token, token.type) if token else None,
        tuple([_reading(value) for value in event.meter_value]) if event.meter_value else (),
        payload,
        _digest(payload).digest(),
    )


def _transaction_answer(answer: TransactionAnswer) -> bytes:
    if answer.id_token_info is None and answer.total_cost is None:
        return EMPTY
    info = answer.id_token_info
    return _encode(
        m.TransactionEventResponse(
            total_cost=UNSET if answer.total_cost is None else answer.total_cost,
            id_token_info=UNSET if info is None else _id_token_info(info),
        )
    )


def _id_token_info(info: IdTokenInfo) -> m.IdTokenInfoType:
    group = info.group_id_token
    return m.IdTokenInfoType(
        status=cast(m.AuthorizationStatusEnumType, info.status),  # checked when the answer is written
        cache_expiry_date_time=UNSET if info.expiry is None else info.expiry.astimezone(UTC),
        group_id_token=UNSET if group is None else _id_token(group),
    )


def _id_token(token: IdToken) -> m.IdTokenType:
    return m.IdTokenType(id_token=token.token, type=cast(m.IdTokenEnumType, token.type))


def _meter_report(report: m.MeterValuesRequest, payload: bytes) -> MeterReport:
    readings = tuple(_reading(value) for value in report.meter_value)
    signed = any(one.signed_meter_value for value in report.meter_value for one in value.sampled_value)
    return MeterReport(_sound_place(report.evse_id), readings, payload if signed else None)


def _status_report(report: m.StatusNotificationRequest, _: bytes) -> StatusReport:
    return StatusReport(
        evse_id=_sound_place(report.evse_id),
        connector_id=_sound_place(report.connector_id),
        status=_STATUSES[report.connector_status],
        at=instant(report.timestamp),
    )


def _heartbeat_answer(answer: HeartbeatAnswer) -> bytes:
    return b'{"currentTime":"' + text(answer.now).encode() + b'"}'


def _no_answer(answer: object) -> bytes:
    return EMPTY


INBOUND = {
    "TransactionEvent": Inbound(_transaction_event, _transaction_answer),
    "MeterValues": Inbound(_meter_report, _no_answer),
    "StatusNotification": Inbound(_status_report, _no_answer),
    "Heartbeat": Inbound(lambda _, __: _HEARTBEAT, _heartbeat_answer),
}
