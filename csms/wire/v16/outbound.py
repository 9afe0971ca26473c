"""House words -> OCPP 1.6 calls, and the answers back. What 1.6 has no word for is `NotSupportedByDialect`.

Where the security extension (white paper, edition 3) says the same as the core, the core is spoken: every
station understands it. Configuration, profiles and certificates have files of their own.
"""

import msgspec
from msgspec import UNSET, UnsetType

from csms.errors import NotSupportedByDialect
from csms.wire import words
from csms.wire.dialect import Outbound, by_ask
from csms.wire.times import moment, moment_or_unset
from csms.wire.v16 import certificates, configuration, profiles
from csms.wire.v16 import messages as m
from csms.wire.v16.profiles import remote_start_profile, transaction_number
from csms.wire.v16.tokens import TAG_MAX, tag, tag_info_of_word
from csms.wire.v16.transactions import CONNECTOR


def _status_info(reason: str | None) -> words.StatusInfoType | None:
    return None if reason is None else words.StatusInfoType(reason_code=reason)


def _optional(number: int | None) -> int | UnsetType:
    return UNSET if number is None else number


def connector_of(evse: words.EVSEType | None) -> int | None:
    """The connector of 1.6 that is meant; None for the whole station. Raises `NotSupportedByDialect`."""
    if evse is None:
        return None
    if evse.connector_id not in (None, CONNECTOR):
        raise NotSupportedByDialect("", "an EVSE of an OCPP 1.6 station has one connector")
    return evse.id


# ---- remote control


def _reset(ask: words.ResetRequest) -> m.ResetRequest:
    if ask.evse_id is not None:
        raise NotSupportedByDialect("", "OCPP 1.6 resets a station as a whole")
    if ask.type == "ImmediateAndResume":
        raise NotSupportedByDialect("", "OCPP 1.6 does not resume transactions after a reset")
    return m.ResetRequest(type="Hard" if ask.type == "Immediate" else "Soft")


def _was_reset(answer: m.ResetResponse) -> words.ResetResponse:
    return words.ResetResponse(status=answer.status)


def _availability(ask: words.ChangeAvailabilityRequest) -> m.ChangeAvailabilityRequest:
    return m.ChangeAvailabilityRequest(connector_id=connector_of(ask.evse) or 0, type=ask.operational_status)


def _available(answer: m.ChangeAvailabilityResponse) -> words.ChangeAvailabilityResponse:
    return words.ChangeAvailabilityResponse(status=answer.status)


def _unlock(ask: words.UnlockConnectorRequest) -> m.UnlockConnectorRequest:
    connector = connector_of(words.EVSEType(id=ask.evse_id, connector_id=ask.connector_id))
    return m.UnlockConnectorRequest(connector_id=connector or 0)


def _unlocked(answer: m.UnlockConnectorResponse) -> words.UnlockConnectorResponse:
    unlocked = answer.status == "Unlocked"
    return words.UnlockConnectorResponse(
        status="Unlocked" if unlocked else "UnlockFailed",
        status_info=_status_info("NotSupported" if answer.status == "NotSupported" else None),
    )


_PLAIN_TRIGGERS: dict[str, m.TriggerMessageRequestedMessage] = {
    "BootNotification": "BootNotification",
    "FirmwareStatusNotification": "FirmwareStatusNotification",
    "Heartbeat": "Heartbeat",
    "MeterValues": "MeterValues",
    "StatusNotification": "StatusNotification",
}
_EXTENDED_TRIGGERS: dict[str, m.ExtendedTriggerMessageRequestedMessage] = {
    "LogStatusNotification": "LogStatusNotification",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}


def _trigger(ask: words.TriggerMessageRequest) -> tuple[str, msgspec.Struct]:
    connector_id = _optional(connector_of(ask.evse))
    plain = _PLAIN_TRIGGERS.get(ask.requested_message)
    if plain is not None:
        return "TriggerMessage", m.TriggerMessageRequest(requested_message=plain, connector_id=connector_id)
    extended = _EXTENDED_TRIGGERS.get(ask.requested_message)
    if extended is None:
        raise NotSupportedByDialect("", f"OCPP 1.6 cannot trigger {ask.requested_message}")
    return "ExtendedTriggerMessage", m.ExtendedTriggerMessageRequest(
        requested_message=extended, connector_id=connector_id
    )


def _triggered(
    _: words.TriggerMessageRequest, answer: m.TriggerMessageResponse | m.ExtendedTriggerMessageResponse
) -> words.TriggerMessageResponse:
    return words.TriggerMessageResponse(status=answer.status)


def _start(ask: words.RequestStartTransactionRequest) -> m.RemoteStartTransactionRequest:
    """A group is not told: the station learns it by the answer to its StartTransaction."""
    return m.RemoteStartTransactionRequest(
        connector_id=_optional(ask.evse_id),
        id_tag=tag(ask.id_token),
        charging_profile=remote_start_profile(ask.charging_profile),
    )


def _started(answer: m.RemoteStartTransactionResponse) -> words.RequestStartTransactionResponse:
    return words.RequestStartTransactionResponse(status=answer.status)


def _stop(ask: words.RequestStopTransactionRequest) -> m.RemoteStopTransactionRequest:
    return m.RemoteStopTransactionRequest(transaction_id=transaction_number(ask.transaction_id))


def _stopped(answer: m.RemoteStopTransactionResponse) -> words.RequestStopTransactionResponse:
    return words.RequestStopTransactionResponse(status=answer.status)


# ---- reservations and local lists


def _reserve(ask: words.ReserveNowRequest) -> m.ReserveNowRequest:
    if ask.connector_type is not None:
        raise NotSupportedByDialect("", "OCPP 1.6 cannot reserve a kind of connector")
    group = ask.group_id_token
    return m.ReserveNowRequest(
        connector_id=ask.evse_id or 0,
        expiry_date=moment(ask.expiry_date_time),
        id_tag=tag(ask.id_token),
        parent_id_tag=UNSET if group is None else tag(group),
        reservation_id=ask.id,
    )


def _reserved(answer: m.ReserveNowResponse) -> words.ReserveNowResponse:
    return words.ReserveNowResponse(status=answer.status)


def _list(ask: words.SendLocalListRequest) -> m.SendLocalListRequest:
    """Tokens that are too long for an idTag are left out: no 1.6 station can be shown one."""
    entries = tuple(
        m.LocalAuthorizationList(
            id_tag=one.id_token.id_token,
            id_tag_info=UNSET if one.id_token_info is None else tag_info_of_word(one.id_token_info, moment),
        )
        for one in ask.local_authorization_list or ()
        if len(one.id_token.id_token) <= TAG_MAX
    )
    return m.SendLocalListRequest(
        list_version=ask.version_number,
        update_type=ask.update_type,
        local_authorization_list=entries or UNSET,
    )


def _listed(answer: m.SendLocalListResponse) -> words.SendLocalListResponse:
    if answer.status == "NotSupported":
        return words.SendLocalListResponse(status="Failed", status_info=_status_info("NotSupported"))
    return words.SendLocalListResponse(status=answer.status)


def _list_version(_: words.GetLocalListVersionRequest) -> m.GetLocalListVersionRequest:
    return m.GetLocalListVersionRequest()


def _list_version_told(answer: m.GetLocalListVersionResponse) -> words.GetLocalListVersionResponse:
    return words.GetLocalListVersionResponse(version_number=answer.list_version)  # -1: it has no lists


# ---- firmware, logs, vendor messages


def _firmware(ask: words.UpdateFirmwareRequest) -> tuple[str, msgspec.Struct]:
    firmware = ask.firmware
    retries, pause = _optional(ask.retries), _optional(ask.retry_interval)
    if firmware.signing_certificate is None or firmware.signature is None:
        if firmware.install_date_time is not None:
            raise NotSupportedByDialect("", "OCPP 1.6 has an install time for signed firmware only")
        return "UpdateFirmware", m.UpdateFirmwareRequest(
            location=firmware.location,
            retrieve_date=moment(firmware.retrieve_date_time),
            retries=retries,
            retry_interval=pause,
        )
    return "SignedUpdateFirmware", m.SignedUpdateFirmwareRequest(
        request_id=ask.request_id,
        retries=retries,
        retry_interval=pause,
        firmware=m.Firmware(
            location=firmware.location,
            retrieve_date_time=moment(firmware.retrieve_date_time),
            install_date_time=moment_or_unset(firmware.install_date_time),
            signing_certificate=firmware.signing_certificate,
            signature=firmware.signature,
        ),
    )


def _firmware_taken(
    _: words.UpdateFirmwareRequest, answer: m.UpdateFirmwareResponse | m.SignedUpdateFirmwareResponse
) -> words.UpdateFirmwareResponse:
    if isinstance(answer, m.SignedUpdateFirmwareResponse):
        return words.UpdateFirmwareResponse(status=answer.status)
    return words.UpdateFirmwareResponse(status="Accepted")  # 1.6 has nothing else to say


def _log(ask: words.GetLogRequest) -> tuple[str, msgspec.Struct]:
    where, retries, pause = ask.log, _optional(ask.retries), _optional(ask.retry_interval)
    oldest, latest = moment_or_unset(where.oldest_timestamp), moment_or_unset(where.latest_timestamp)
    if ask.log_type == "DiagnosticsLog":
        return "GetDiagnostics", m.GetDiagnosticsRequest(
            location=where.remote_location,
            retries=retries,
            retry_interval=pause,
            start_time=oldest,
            stop_time=latest,
        )
    if ask.log_type != "SecurityLog":
        raise NotSupportedByDialect("", f"OCPP 1.6 has no {ask.log_type}")
    return "GetLog", m.GetLogRequest(
        log_type="SecurityLog",
        request_id=ask.request_id,
        retries=retries,
        retry_interval=pause,
        log=m.Log(remote_location=where.remote_location, oldest_timestamp=oldest, latest_timestamp=latest),
    )


def _log_taken(
    _: words.GetLogRequest, answer: m.GetDiagnosticsResponse | m.GetLogResponse
) -> words.GetLogResponse:
    if isinstance(answer, m.GetLogResponse):
        return words.GetLogResponse(status=answer.status, filename=answer.filename or None)
    # "This field is not present when no diagnostic information is available"
    name = answer.file_name or None
    return words.GetLogResponse(status="Rejected" if name is None else "Accepted", filename=name)


def _transfer(ask: words.DataTransferRequest) -> m.DataTransferRequest:
    if ask.data is not None and not isinstance(ask.data, str):
        raise NotSupportedByDialect("", "data of OCPP 1.6 is text")
    return m.DataTransferRequest(
        vendor_id=ask.vendor_id,
        message_id=ask.message_id or UNSET,
        data=UNSET if ask.data is None else ask.data,
    )


def _transferred(answer: m.DataTransferResponse) -> words.DataTransferResponse:
    return words.DataTransferResponse(
        status=answer.status, data=None if answer.data is UNSET else answer.data
    )


OUTBOUND: dict[type, Outbound] = {
    **certificates.OUTBOUND,
    **configuration.OUTBOUND,
    **profiles.OUTBOUND,
    words.ChangeAvailabilityRequest: Outbound("ChangeAvailability", _availability, _available),
    words.DataTransferRequest: Outbound("DataTransfer", _transfer, _transferred),
    words.GetLocalListVersionRequest: Outbound("GetLocalListVersion", _list_version, _list_version_told),
    words.GetLogRequest: by_ask(_log, _log_taken),
    words.RequestStartTransactionRequest: Outbound("RemoteStartTransaction", _start, _started),
    words.RequestStopTransactionRequest: Outbound("RemoteStopTransaction", _stop, _stopped),
    words.ReserveNowRequest: Outbound("ReserveNow", _reserve, _reserved),
    words.ResetRequest: Outbound("Reset", _reset, _was_reset),
    words.SendLocalListRequest: Outbound("SendLocalList", _list, _listed),
    words.TriggerMessageRequest: by_ask(_trigger, _triggered),
    words.UnlockConnectorRequest: Outbound("UnlockConnector", _unlock, _unlocked),
    words.UpdateFirmwareRequest: by_ask(_firmware, _firmware_taken),
}
