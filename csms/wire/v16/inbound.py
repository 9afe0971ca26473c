"""OCPP 1.6 calls -> house words, and the answers back. Those of transactions are in `transactions`."""

import msgspec
from msgspec import UNSET

from csms.domain.station import ConnectorReport, ConnectorStatus, Heartbeat, HeartbeatAnswer, is_place
from csms.errors import OcppError
from csms.wire import words
from csms.wire.dialect import EMPTY, Inbound
from csms.wire.times import instant, moment, text
from csms.wire.v16 import messages as m
from csms.wire.v16 import transactions
from csms.wire.v16.tokens import tag_info_of_word, token
from csms.wire.v16.transactions import CONNECTOR

_encode = msgspec.json.encode
_HEARTBEAT = Heartbeat()
_NO_ERROR = "NoError"

_STATES: dict[str, str | None] = {
    "Preparing": "EVConnected",
    "Charging": "Charging",
    "SuspendedEV": "SuspendedEV",
    "SuspendedEVSE": "SuspendedEVSE",
    "Finishing": "EVConnected",
}
"""What 1.6 calls a connector's status and is a charging state: the connector is occupied meanwhile."""

_UPLOADS: dict[str, words.UploadLogStatusEnumType] = {
    "Idle": "Idle",
    "Uploaded": "Uploaded",
    "UploadFailed": "UploadFailure",
    "Uploading": "Uploading",
}


def _authorize(request: m.AuthorizeRequest, _: bytes) -> words.AuthorizeRequest:
    shown = token(request.id_tag)
    return words.AuthorizeRequest(id_token=words.IdTokenType(id_token=shown.token, type=shown.type))


def _authorized(answer: words.AuthorizeResponse) -> bytes:
    return _encode(m.AuthorizeResponse(id_tag_info=tag_info_of_word(answer.id_token_info, moment)))


def _boot(boot: m.BootNotificationRequest, _: bytes) -> words.BootNotificationRequest:
    modem = None
    if boot.iccid or boot.imsi:
        modem = words.ModemType(iccid=boot.iccid or None, imsi=boot.imsi or None)
    return words.BootNotificationRequest(
        charging_station=words.ChargingStationType(
            vendor_name=boot.charge_point_vendor,
            model=boot.charge_point_model,
            # chargeBoxSerialNumber is its deprecated name
            serial_number=boot.charge_point_serial_number or boot.charge_box_serial_number or None,
            firmware_version=boot.firmware_version or None,
            modem=modem,
        ),
        reason="Unknown",
    )


def _status(report: m.StatusNotificationRequest, payload: bytes) -> ConnectorReport:
    if not is_place(report.connector_id):
        raise OcppError("PropertyConstraintViolation", "No connector has this number.")
    error = report.vendor_error_code or report.error_code
    return ConnectorReport(
        evse_id=report.connector_id,
        connector_id=CONNECTOR if report.connector_id else 0,
        status=ConnectorStatus.OCCUPIED if report.status in _STATES else ConnectorStatus(report.status),
        at=None if report.timestamp is UNSET else instant(report.timestamp),
        charging_state=_STATES.get(report.status),
        error=None if report.error_code == _NO_ERROR and not report.vendor_error_code else error,
        detail=report.info or None,
        raw=payload,
        digest=transactions.digest(report),
    )


def _heartbeat_answer(answer: HeartbeatAnswer) -> bytes:
    return b'{"currentTime":"' + text(answer.now).encode() + b'"}'


def _transfer_answer(answer: words.DataTransferResponse) -> bytes:
    """Data is text in 1.6: what is none is written in JSON."""
    data = answer.data
    told = UNSET if data is None else data if isinstance(data, str) else _encode(data).decode()
    return _encode(m.DataTransferResponse(status=answer.status, data=told))


def _firmware(told: m.FirmwareStatusNotificationRequest, _: bytes) -> words.FirmwareStatusNotificationRequest:
    return words.FirmwareStatusNotificationRequest(status=told.status)


def _signed_firmware(
    told: m.SignedFirmwareStatusNotificationRequest, _: bytes
) -> words.FirmwareStatusNotificationRequest:
    request_id = None if told.request_id is UNSET else told.request_id
    return words.FirmwareStatusNotificationRequest(status=told.status, request_id=request_id)


def _diagnostics(
    told: m.DiagnosticsStatusNotificationRequest, _: bytes
) -> words.LogStatusNotificationRequest:
    return words.LogStatusNotificationRequest(status=_UPLOADS[told.status])


def _nothing(_: object) -> bytes:
    return EMPTY


def _transfer(request: m.DataTransferRequest, _: bytes) -> words.DataTransferRequest:
    return words.DataTransferRequest(
        vendor_id=request.vendor_id, message_id=request.message_id or None, data=request.data or None
    )


INBOUND = {
    **transactions.INBOUND,
    "Authorize": Inbound(_authorize, _authorized),
    "BootNotification": Inbound(_boot, _encode),
    "DataTransfer": Inbound(_transfer, _transfer_answer),
    "DiagnosticsStatusNotification": Inbound(_diagnostics, _nothing),
    "FirmwareStatusNotification": Inbound(_firmware, _nothing),
    "Heartbeat": Inbound(lambda _, __: _HEARTBEAT, _heartbeat_answer),
    "SignedFirmwareStatusNotification": Inbound(_signed_firmware, _nothing),
    "StatusNotification": Inbound(_status, _nothing),
}
