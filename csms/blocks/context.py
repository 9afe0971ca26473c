"""`Context`: what every handler is given, and all that it may do besides returning its answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from csms.blocks.live import LiveTransactions
from csms.domain.facts import Fact
from csms.domain.station import StationRef
from csms.pki.trust import Trust
from csms.store.database import Database
from csms.store.writer import Change


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator has decided for all stations; times in seconds. `trust`: who vouches for whom."""

    heartbeat_interval_s: int = 300
    pending_interval_s: int = 60
    meter_interval_s: int = 30
    trust: Trust = field(default_factory=Trust)


class Context(Struct, frozen=True):
    """A handler reads through `db` and `live`, says what to `keep` and to `emit`, and returns its answer."""

    station: StationRef
    db: Database
    live: LiveTransactions
    now: datetime
    policy: Policy
    keep: Callable[[Change], None]
    emit: Callable[[Fact], None]
