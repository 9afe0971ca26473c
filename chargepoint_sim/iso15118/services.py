"""Energy transfer services and control modes, whatever protocol they are spoken of in."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from chargepoint_sim.ev.vehicle import Current


class Control(IntEnum):
    """Who decides on the power; the numbers of -20's parameter `ControlMode`."""

    SCHEDULED = 1
    """The vehicle, within an offered schedule and the limits of every answer."""
    DYNAMIC = 2
    """The station, within what the vehicle can do and needs."""


@dataclass(frozen=True)
class Service:
    """One energy transfer service; the numbers of -20."""

    id: int
    current: Current
    bidirectional: bool


SERVICES = {
    service.id: service
    for service in (
        Service(1, Current.AC, False),
        Service(2, Current.DC, False),
        Service(5, Current.AC, True),
        Service(6, Current.DC, True),
    )
}


def service_for(current: Current, bidirectional: bool) -> Service:
    """The service for this current and direction."""
    return next(
        one for one in SERVICES.values() if (one.current, one.bidirectional) == (current, bidirectional)
    )


class Wish(StrEnum):
    """What one end wants of a running session. The station's reach the vehicle with the next answer."""

    GO_ON = "go on"
    STOP = "stop"
    PAUSE = "pause"
    NEW_SCHEDULE = "new schedule"
    """Talk about needs and schedule again; energy goes on flowing."""
    NEW_SERVICE = "new service"
    """Talk about services again, with the contactor open, in the same session."""
