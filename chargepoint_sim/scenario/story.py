"""What a scenario is. All times are simulated seconds after the fleet is ready."""

from dataclasses import dataclass
from enum import StrEnum

from chargepoint_sim.faults import FaultOrder
from chargepoint_sim.fleet.fleet import Plan
from chargepoint_sim.station.steering import Change


class Measure(StrEnum):
    """What an expectation may be about: sums over the stations meant, where nothing else is said."""

    ONLINE = "online"
    """Stations that may talk."""
    OFFLINE = "offline"
    """Stations that may not."""
    TRANSACTIONS = "transactions"
    """Running transactions."""
    POWER_W = "power_w"
    """Power, W, + into the vehicles."""
    IMPORTED_WH = "imported_wh"
    EXPORTED_WH = "exported_wh"
    MESSAGES_WAITING = "messages_waiting"
    """News not told yet."""
    PROFILES = "profiles"
    """Installed charging profiles."""
    LOWEST_SOC_MARGIN = "lowest_soc_margin"
    """How far above its reserve each vehicle stayed while giving, percent; the whole fleet."""
    SLOWEST_ANSWER_S = "slowest_answer_s"
    """The longest that the server took to answer so far, an open question included, real seconds."""
    BOOTS = "boots"
    """Answered BootNotifications so far."""
    PROFILES_ACCEPTED = "profiles_accepted"
    """So far."""
    PROFILES_REJECTED = "profiles_rejected"
    """So far."""
    MESSAGES_FAILED = "messages_failed"
    """Messages that got no answer or an error so far."""
    CONNECTIONS_FAILED = "connections_failed"
    """Refused or broken attempts to connect so far."""


@dataclass(frozen=True)
class Happening:
    """A fault from a time (None: before the first connect) until another (None: for good), at stations."""

    order: FaultOrder
    from_s: float | None
    until_s: float | None
    stations: tuple[int, ...] | None


@dataclass(frozen=True)
class Around:
    """From a time on grid, site or energy manager are otherwise, at stations (None: all)."""

    at_s: float
    change: Change
    stations: tuple[int, ...] | None


@dataclass(frozen=True)
class GridEvent:
    """An event that is called over the server's REST interface, for the fleet's own site. W, s, percent."""

    at_s: float
    power_w: float
    for_s: float
    lead_s: float
    program: str | None
    min_soc: float | None


@dataclass(frozen=True)
class Expectation:
    """What has to be true at a time, or all along from `from_s` to `at_s`."""

    measure: Measure
    at_s: float
    from_s: float | None
    station: int | None
    least: float | None
    most: float | None

    def holds(self, value: float | None) -> bool:
        """Whether a measured value is as expected; without a value nothing can be wrong."""
        if value is None:
            return True
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def sentence(self) -> str:
        """What is expected, for people."""
        bounds = [f"at least {self.least:g}"] if self.least is not None else []
        bounds += [f"at most {self.most:g}"] if self.most is not None else []
        where = "" if self.station is None else f" of station {self.station}"
        since = "" if self.from_s is None else f"from {self.from_s:g} s to "
        return f"{since or 'at '}{self.at_s:g} s, {self.measure}{where}: {' and '.join(bounds)}"


@dataclass(frozen=True)
class Scenario:
    """What is to be played."""

    name: str
    duration_s: float
    plan: Plan
    program: str | None = None
    happenings: tuple[Happening, ...] = ()
    events: tuple[GridEvent, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    around: tuple[Around, ...] = ()
