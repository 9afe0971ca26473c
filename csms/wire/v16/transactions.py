"""StartTransaction, StopTransaction and MeterValues -> transaction events, and the answers back.

1.6 numbers neither: the id is the CSMS's to give, and events have times only (`domain.numbering`).
"""

import hashlib
from datetime import datetime

import msgspec
from msgspec import UNSET, Struct

from csms.domain.meter import MeterReport, Reading
from csms.domain.numbering import Begun, UnnumberedEvent
from csms.domain.station import is_place
from csms.domain.transaction import EventType, TransactionAnswer, TransactionEvent
from csms.errors import OcppError
from csms.wire.dialect import EMPTY, Inbound
from csms.wire.times import instant
from csms.wire.v16 import messages as m
from csms.wire.v16.metering import readings, signed
from csms.wire.v16.tokens import tag_info, token

_encode = msgspec.json.encode

CONNECTOR = 1
"""A connector of 1.6 is an EVSE with this one connector."""

_REASONS = {
    "DeAuthorized": ("DeAuthorized", "Deauthorized"),
    "EVDisconnected": ("EVDisconnected", "EVCommunicationLost"),
    "EmergencyStop": ("EmergencyStop", "AbnormalCondition"),
    "HardReset": ("ImmediateReset", "ResetCommand"),
    "Local": ("Local", "StopAuthorized"),
    "Other": ("Other", "AbnormalCondition"),
    "PowerLoss": ("PowerLoss", "AbnormalCondition"),
    "Reboot": ("Reboot", "ResetCommand"),
    "Remote": ("Remote", "RemoteStop"),
    "SoftReset": ("ImmediateReset", "ResetCommand"),
    "UnlockCommand": ("Other", "UnlockCommand"),
}
"""The reason for the end, and what triggered it, in the words of later versions."""

_TRIGGERS = {"Sample.Clock": "MeterValueClock", "Trigger": "Trigger"}


def evse_of(connector_id: int) -> int | None:
    """The EVSE that a connector is; None for the whole station, and for a number that no connector has."""
    return connector_id if connector_id and is_place(connector_id) else None


def digest(message: Struct) -> bytes:
    """What tells a repeat: the meaning of a message, not its spelling."""
    return hashlib.sha256(_encode(message)).digest()


def _started(start: m.StartTransactionRequest, payload: bytes) -> UnnumberedEvent:
    evse_id, at = evse_of(start.connector_id), instant(start.timestamp)
    # what a repeated start is known by: connector, token, time and meter
    known_by = (start.connector_id, start.id_tag.lower(), at, start.meter_start)
    return UnnumberedEvent(
        TransactionEvent(
            EventType.STARTED,
            "",
            -1,
            at,
            "Authorized",
            reservation_id=None if start.reservation_id is UNSET else start.reservation_id,
            evse_id=evse_id,
            connector_id=None if evse_id is None else CONNECTOR,
            id_token=token(start.id_tag),
            readings=(_register(at, start.meter_start, "Transaction.Begin"),),
            raw=payload,
            digest=hashlib.sha256(_encode(known_by)).digest(),
        )
    )


def _begun(answer: Begun) -> bytes:
    told = m.StartTransactionResponse(
        id_tag_info=tag_info(answer.id_token_info), transaction_id=int(answer.transaction_id)
    )
    return _encode(told)


def _stopped(stop: m.StopTransactionRequest, payload: bytes) -> UnnumberedEvent:
    at = instant(stop.timestamp)
    reason, trigger = _REASONS[stop.reason or "Local"]  # it may be left out if it is Local
    data = readings(stop.transaction_data) if stop.transaction_data else ()
    return UnnumberedEvent(
        TransactionEvent(
            EventType.ENDED,
            str(stop.transaction_id),
            -1,
            at,
            trigger,
            stopped_reason=reason,
            id_token=None if stop.id_tag is UNSET else token(stop.id_tag),
            readings=(*data, _register(at, stop.meter_stop, "Transaction.End")),
            raw=payload,
            digest=digest(stop),
        )
    )


def _register(at: datetime, meter_wh: int, context: str) -> Reading:
    return Reading(at, import_wh=float(meter_wh) if meter_wh >= 0 else None, context=context)


def _ended(answer: TransactionAnswer) -> bytes:
    info = answer.id_token_info
    return EMPTY if info is None else _encode(m.StopTransactionResponse(id_tag_info=tag_info(info)))


def _metered(report: m.MeterValuesRequest, payload: bytes) -> UnnumberedEvent | MeterReport:
    values = readings(report.meter_value)
    if report.transaction_id is UNSET or report.transaction_id <= 0:  # 0 and -1: none, to some stations
        return _outside(report, values, payload)
    evse_id = evse_of(report.connector_id)
    return UnnumberedEvent(
        TransactionEvent(
            EventType.UPDATED,
            str(report.transaction_id),
            -1,
            values[-1].at,
            _TRIGGERS.get(values[-1].context, "MeterValuePeriodic"),
            evse_id=evse_id,
            connector_id=None if evse_id is None else CONNECTOR,
            readings=values,
            raw=payload,
            digest=digest(report),
        )
    )


def _outside(report: m.MeterValuesRequest, values: tuple[Reading, ...], payload: bytes) -> MeterReport:
    if not is_place(report.connector_id):
        raise OcppError("PropertyConstraintViolation", "No connector has this number.")
    return MeterReport(report.connector_id, values, payload if signed(report.meter_value) else None)


INBOUND = {
    "StartTransaction": Inbound(_started, _begun),
    "StopTransaction": Inbound(_stopped, _ended),
    "MeterValues": Inbound(_metered, lambda _: EMPTY),
}
