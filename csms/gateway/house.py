"""What the gateway is given by `app`: the rooms below it, and its settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from csms.blocks.context import Policy
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.gateway.tls import TlsSettings
from csms.store.database import Database
from csms.store.writer import Writer
from csms.wire.dialect import Dialect
from csms.wire.router import Router


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Where to listen and what to bear. Times are real seconds: a socket does not know the house clock."""

    plain: bool = True
    """Whether to listen without TLS (security profile 1)."""
    host: str = "127.0.0.1"
    port: int = 9000
    tls: TlsSettings | None = None
    path: str = "/ocpp"
    allow_insecure_bind: bool = False
    max_message_bytes: int = 256 * 1024  # row 27
    max_message_before_accepted_bytes: int = 64 * 1024
    upgrade_timeout_s: float = 10.0  # section 2.2, row 14
    first_message_timeout_s: float = 60.0
    ping_interval_s: float = 20.0  # row 28
    ping_timeout_s: float = 20.0
    close_timeout_s: float = 5.0
    probe_timeout_s: float = 5.0  # section 2.2, row 2
    write_buffer_bytes: int = 512 * 1024
    retry_after_s: int = 10  # and up to twice as long, by station
    max_unauthenticated: int = 8192  # peers that have sent no request yet
    max_handshakes: int = 64  # requests whose credentials are looked up at once
    max_waiting_handshakes: int = 4096  # and those that wait for that; more are sent away with 503
    failed_per_identity: int = 10
    failed_per_address: int = 300
    failed_window_s: float = 60.0
    frames_kept: int = 2000
    """In the frame log, for each station; 0: none."""


@dataclass(frozen=True, slots=True)
class House:
    """The rooms below, as every connection needs them. `dialects` are in our order of preference."""

    db: Database
    writer: Writer
    bus: Bus
    clock: Clock
    router: Router
    dialects: Sequence[Dialect]
    policy: Policy
    settings: GatewaySettings = field(default_factory=GatewaySettings)
