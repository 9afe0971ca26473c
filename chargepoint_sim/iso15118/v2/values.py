"""Physical values and status elements of -2, and what both ends count with."""

from chargepoint_sim.iso15118.services import Wish
from chargepoint_sim.iso15118.v2 import messages as m

NAMESPACE = "urn:iso:15118:2:2013:MsgDef"
CHARGE_SERVICE = 1
PHASES, PHASE_VOLTAGE_V = 3, 230.0
_LOWEST, _HIGHEST, _LARGEST = -3, 3, 32767

NOTIFICATIONS: dict[Wish, m.EVSENotificationType] = {
    Wish.GO_ON: "None",
    Wish.STOP: "StopCharging",
    Wish.PAUSE: "StopCharging",
    Wish.NEW_SCHEDULE: "ReNegotiation",
    Wish.NEW_SERVICE: "None",
}


def physical(value: float, unit: m.unitSymbolType) -> m.PhysicalValueType:
    """A value with its unit, to the thousandth where it fits; `ValueError` if it does not fit at all."""
    for multiplier in range(_LOWEST, _HIGHEST + 1):
        scaled = round(value * 10.0**-multiplier)
        if abs(scaled) <= _LARGEST:
            while multiplier < 0 and scaled % 10 == 0:
                scaled, multiplier = scaled // 10, multiplier + 1
            return m.PhysicalValueType(Multiplier=multiplier, Unit=unit, Value=scaled)
    raise ValueError(f"{value} {unit} does not fit into a PhysicalValue")


def number(value: m.PhysicalValueType) -> float:
    """The number in a physical value."""
    return float(value.Value * 10.0**value.Multiplier)


def ac_power(current_a: float) -> float:
    """What flows at a current in every phase, W."""
    return current_a * PHASES * PHASE_VOLTAGE_V


def ac_current(power_w: float) -> float:
    """The current in every phase, A."""
    return power_w / (PHASES * PHASE_VOLTAGE_V)


def ac_status(wish: Wish) -> m.AC_EVSEStatusType:
    """An AC station's state, with what it wants."""
    return m.AC_EVSEStatusType(NotificationMaxDelay=0, EVSENotification=NOTIFICATIONS[wish], RCD=False)


def dc_status(wish: Wish) -> m.DC_EVSEStatusType:
    """A DC station's state, with what it wants."""
    return m.DC_EVSEStatusType(
        NotificationMaxDelay=0,
        EVSENotification=NOTIFICATIONS[wish],
        EVSEIsolationStatus="Valid",
        EVSEStatusCode="EVSE_Ready",
    )


def whole(session_id: bytes, body: m.AnyBodyElement) -> m.V2G_Message:
    """A body in its envelope."""
    return m.V2G_Message(Header=m.MessageHeaderType(SessionID=session_id), Body=m.BodyType(BodyElement=body))
