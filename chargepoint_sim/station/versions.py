"""The OCPP versions that a station can be made with, each with what speaks it."""

from collections.abc import Callable

from chargepoint_sim.station import v201
from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.words import Speaker, Version

SPEAKERS: dict[Version, Callable[[Cabinet, int], Speaker]] = {
    Version.V201: v201.Speaker,
}
