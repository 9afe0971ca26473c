"""What a person may tell a station: the guard before power, credentials and signed firmware (pure).

The grid loop orders discharge by its own way. A raw call with a negative limit needs an administrator and a
reason, and even then it is a lease; what that means is for `domain.safety` to say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from csms.domain.safety import DECIDED_ELSEWHERE, ManualOrder

# These change who the station talks to, what it runs and what it trusts (O-10).
_CREDENTIALS = frozenset(
    {
        "CertificateSigned",
        "DeleteCertificate",
        "GetDiagnostics",
        "GetLog",
        "InstallCertificate",
        "PublishFirmware",
        "SetNetworkProfile",
        "SignedUpdateFirmware",
        "UpdateFirmware",
    }
)
_SECURED = frozenset({"securityctrlr", "ocppcommctrlr"})
_SECURED_KEYS = frozenset(
    {
        "additionalrootcertificatecheck",
        "authorizationkey",
        "certificatesignedmaxchainsize",
        "cponame",
        "securityprofile",
        "websocketpinginterval",
    }
)
"""Keys of OCPP 1.6 that are variables of such components later, as far as they can be set."""
_POWER = ("limit", "setpoint", "dischargeLimit", "v2xBaseline")
_REACTIVE = "setpointReactive"
_POINT = "power"  # of a curve by frequency or signal
_DECIDED_ELSEWHERE: frozenset[object] = frozenset(mode.value for mode in DECIDED_ELSEWHERE)


@dataclass(frozen=True, slots=True)
class SignedFirmware:
    """A firmware that a station shall install by its manufacturer's signature; what is not told is empty."""

    location: str
    certificate: str
    signature: str


def credential(action: str, payload: Mapping[str, object]) -> bool:
    """Whether a call touches the station's credentials, firmware or network, which is for administrators."""
    if action in _CREDENTIALS:
        return True
    if action == "ChangeConfiguration":
        return str(payload.get("key", "")).lower() in _SECURED_KEYS
    if action != "SetVariables":
        return False
    return any(str(one.get("name", "")).lower() in _SECURED for one in _mappings(payload))


def signed_firmware(action: str, payload: Mapping[str, object]) -> SignedFirmware | None:
    """The firmware that a call tells a station to install, if any of it is signed (L01)."""
    firmware = payload.get("firmware")
    if action not in ("SignedUpdateFirmware", "UpdateFirmware") or not isinstance(firmware, Mapping):
        return None
    if not {"signingCertificate", "signature"} & firmware.keys():
        return None
    location, certificate, signature = (
        str(firmware.get(name, "")) for name in ("location", "signingCertificate", "signature")
    )
    return SignedFirmware(location, certificate, signature)


def discharges(action: str, payload: object) -> bool:
    """Whether any charging schedule in a payload has a negative power, or lets others decide (2.1).

    A DER control bounds an inverter and orders nothing: its negative setpoint is of reactive power (R04).
    """
    if action == "SetDERControl":
        return False
    return any(
        _negative(one) or _DECIDED_ELSEWHERE & {one.get("operationMode"), one.get("v2xOperationMode")}
        for one in _mappings(payload)
    )


def manual(action: str, payload: Mapping[str, object], reason: str | None) -> ManualOrder:
    """A call that discharges, as the safety rules look at it; what is missing or odd is not there."""
    profile = payload.get("chargingProfile", payload.get("csChargingProfiles"))
    if action != "SetChargingProfile" or not isinstance(profile, Mapping):
        return ManualOrder(reason, profile=False)
    schedules = profile.get("chargingSchedule")
    listed = schedules if isinstance(schedules, list | tuple) else [schedules]
    return ManualOrder(
        reason=reason,
        profile=True,
        purpose=str(profile.get("chargingProfilePurpose")),
        kind=str(profile.get("chargingProfileKind")),
        evse_id=_whole(payload.get("evseId", payload.get("connectorId"))),
        valid_to=_time(profile.get("validTo")),
        durations_s=tuple(
            _whole(schedule.get("duration")) if isinstance(schedule, Mapping) else None for schedule in listed
        ),
    )


def _negative(one: Mapping[str, object]) -> bool:
    return any(
        (key == _POINT or (key.startswith(_POWER) and not key.startswith(_REACTIVE)))
        and isinstance(value, int | float)
        and not value >= 0
        for key, value in one.items()
    )


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    """Every mapping in a payload, at any depth."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
