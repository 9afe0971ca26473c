"""What kinds of calls there are: with more to come than the answer, for once only, fit to be sent again."""

from collections.abc import Mapping

import msgspec

from csms.errors import Invalid
from csms.wire.dialect import RawCall, action_of
from csms.wire.redaction import without_secrets

FOLLOWED: Mapping[str, str] = {
    "CustomerInformation": "customer information",
    "GetBaseReport": "report",
    "GetChargingProfiles": "charging profiles",
    "GetDERControl": "der controls",
    "GetDisplayMessages": "display messages",
    "GetLog": "log",
    "GetMonitoringReport": "monitoring report",
    "GetReport": "report",
    "PublishFirmware": "firmware publishing",
    "RequestStartTransaction": "remote start",
    "UpdateFirmware": "firmware update",
}
"""Calls of which more than the answer is to come, and what we call the request."""

ONCE = frozenset(
    {
        "CertificateSigned",
        "DataTransfer",
        "PublishFirmware",
        "RequestBatterySwap",
        "RequestStartTransaction",
        "Reset",
        "UnlockConnector",
        "UpdateFirmware",
        "RemoteStartTransaction",
        "SignedUpdateFirmware",
    }
)
"""Calls that do something anew each time: of which nobody knows whether they were done is not sent again."""

RETRIED = frozenset(
    {
        "CancelReservation",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearDisplayMessage",
        "ClearVariableMonitoring",
        "CustomerInformation",
        "DeleteCertificate",
        "GetBaseReport",
        "GetChargingProfiles",
        "GetConfiguration",
        "GetDisplayMessages",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "GetMonitoringReport",
        "GetReport",
        "GetTransactionStatus",
        "GetVariables",
        "InstallCertificate",
        "RequestStopTransaction",
        "RemoteStopTransaction",
        "SendLocalList",
        "SetDisplayMessage",
        "SetMonitoringBase",
        "SetMonitoringLevel",
        "SetNetworkProfile",
        "SetVariableMonitoring",
        "SetVariables",
        "UnpublishFirmware",
    }
)
"""Calls that may wait and be sent again: twice is as once, and late is still what was meant.

What moves power is not among them, nor what begins something at a driver's wish: those are for now or never.
"""


def check_retry(ask: object) -> None:
    """Whether a call may be sent again by itself. Raises `Invalid`."""
    action = action_of(ask)
    if action not in RETRIED:
        raise Invalid("retryS", f"{action} is not sent again by itself: it is for now or never.")
    plain = ask.payload if isinstance(ask, RawCall) else msgspec.to_builtins(ask)
    if without_secrets(plain) != plain:
        raise Invalid("retryS", "It holds a secret, which is not kept for later.")
