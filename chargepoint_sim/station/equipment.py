"""What all EVSEs of a station share."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum

from chargepoint_sim.clock import Bell, Clock
from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.profiles.store import ProfileStore
from chargepoint_sim.station.device_model import DeviceModel
from chargepoint_sim.station.journal import Journal
from chargepoint_sim.station.knobs import Knobs
from chargepoint_sim.station.steering import Balancing, Change, Surroundings
from chargepoint_sim.station.words import IdToken, News, TokenInfo

Observe = Callable[[str, dict[str, object]], None]


class HighLevel(StrEnum):
    """How station and vehicle talk: ISO 15118-20, or not at all (the station just knows)."""

    MEMORY = "memory"
    WIRE = "wire"
    """As bytes over TCP on loopback."""
    TLS = "wire+tls"
    """As bytes over TLS 1.3 on loopback, with test certificates."""
    NONE = "none"


def _unobserved(event: str, fields: dict[str, object]) -> None:
    """Nobody watches."""


@dataclass
class Equipment:
    """Shared by all EVSEs. `message_clock` times single messages between station and vehicle."""

    clock: Clock
    message_clock: Clock
    model: DeviceModel
    profiles: ProfileStore
    emit: Callable[[News], None]
    authorize: Callable[[IdToken], Awaitable[TokenInfo]]
    new_id: Callable[[], str]
    high_level: HighLevel = HighLevel.MEMORY
    loop_period_s: float = 5.0
    control: Control = Control.DYNAMIC
    sleep_after_s: float | None = None
    """How long a limit of zero may hold until the station lets the vehicle sleep; None: for ever."""
    knobs: Knobs = field(default_factory=Knobs)
    observe: Observe = _unobserved
    profiles_changed: Bell = field(default_factory=Bell)
    closed_paths: Callable[[], int] = lambda: 0
    """How many EVSEs have their power path closed."""
    around: Surroundings = field(default_factory=Surroundings)
    balancing: Callable[[], Balancing | None] = lambda: None
    """The thresholds of local load balancing, if they are set."""
    may_give_back: Callable[[IdToken | None], bool] = lambda token: True
    """Whether this driver's vehicle (None: nobody's yet) may discharge; only 2.1 asks for permission."""
    status_changed: Callable[[int], None] = lambda evse_id: None
    """An EVSE's connector may have another status now."""
    transaction_over: Callable[[], None] = lambda: None
    """A transaction has ended."""
    spawn: Callable[[Coroutine[object, object, None]], None] = lambda what: what.close()
    """Lets something go on by itself, as long as the station runs."""
    journal: Journal = field(default_factory=Journal)
    online: Callable[[], bool] = lambda: False
    """Whether the server listens."""

    def surround(self, change: Change) -> None:
        """Grid, site or energy manager are otherwise; what follows from it is followed at once."""
        self.around.take(change)
        self.observe("around", change.said())
        self.profiles_changed.ring()
