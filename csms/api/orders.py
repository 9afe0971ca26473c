"""What a person may tell a station by a raw call: the guard before power and credentials (pure).

The grid loop orders discharge by its own way. A raw call with a negative limit needs an administrator and a
reason, and even then it is a lease: a TxProfile that ends by itself within 900 s (V-02).
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from csms.domain.profile import LEASE_MAX_S
from csms.errors import Unsafe

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
_DECIDED_ELSEWHERE = frozenset({"ExternalSetpoint", "ExternalLimits", "LocalFrequency", "LocalLoadBalancing"})


def credential(action: str, payload: Mapping[str, object]) -> bool:
    """Whether a call touches the station's credentials, firmware or network, which is for administrators."""
    if action in _CREDENTIALS:
        return True
    if action == "ChangeConfiguration":
        return str(payload.get("key", "")).lower() in _SECURED_KEYS
    if action != "SetVariables":
        return False
    return any(str(one.get("name", "")).lower() in _SECURED for one in _mappings(payload))


def discharges(action: str, payload: object) -> bool:
    """Whether any charging schedule in a payload has a negative power, or lets others decide (2.1).

    A DER control bounds an inverter and orders nothing: its negative setpoint is of reactive power (R04).
    """
    if action == "SetDERControl":
        return False
    return any(_negative(one) or one.get("operationMode") in _DECIDED_ELSEWHERE for one in _mappings(payload))


def check_lease(action: str, payload: Mapping[str, object], now: datetime) -> None:
    """A manual discharge order must be a lease; raises `Unsafe` (V-02)."""
    profile = payload.get("chargingProfile", payload.get("csChargingProfiles"))
    if action != "SetChargingProfile" or not isinstance(profile, Mapping):
        raise Unsafe("V-02", "Only SetChargingProfile may carry a negative limit.")
    if profile.get("chargingProfilePurpose") != "TxProfile":
        raise Unsafe("V-02", "A negative limit may stand in a TxProfile only.")
    if profile.get("chargingProfileKind") not in ("Absolute", "Dynamic"):
        raise Unsafe("V-02", "A profile with a negative limit must be Absolute.")
    valid_to = _time(profile.get("validTo"))
    if valid_to is None or not now < valid_to <= now + timedelta(seconds=LEASE_MAX_S):
        raise Unsafe(
            "V-02", f"A profile with a negative limit must have validTo within {LEASE_MAX_S} s from now."
        )
    schedules = profile.get("chargingSchedule")
    for schedule in schedules if isinstance(schedules, list | tuple) else [schedules]:
        duration = schedule.get("duration") if isinstance(schedule, Mapping) else None
        if not isinstance(duration, int) or not 0 < duration <= LEASE_MAX_S:
            raise Unsafe(
                "V-02", f"A schedule with a negative limit must have a duration of at most {LEASE_MAX_S} s."
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


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
