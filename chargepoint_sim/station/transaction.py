"""One OCPP transaction as the station counts it: its events and their numbers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chargepoint_sim.meter import SampledValue
from chargepoint_sim.profiles.profile import Mode
from chargepoint_sim.station.evse import Flow
from chargepoint_sim.station.words import EventType, IdToken, StoppedReason, TransactionNews, Trigger


@dataclass
class Transaction:
    """A running transaction. `cost` is what the server last said that it costs."""

    id: str
    evse_id: int
    connector_id: int
    started_at: datetime
    elapsed: Callable[[], float]
    """Seconds that only ever grow: the time of day may be set meanwhile."""
    id_token: IdToken | None = None
    remote_start_id: int | None = None
    path_closed_at: datetime | None = None
    charging_state: str = "EVConnected"
    operation_mode: str = Mode.CHARGING_ONLY
    cost: float | None = None
    _seq_no: int = 0
    _token_to_tell: IdToken | None = field(default=None)
    _reservation_to_tell: int | None = None
    _charged_s: float = 0.0
    _charging_since: float | None = None

    def authorized(
        self, token: IdToken, remote_start_id: int | None, reservation_id: int | None = None
    ) -> None:
        """The driver is known, and which reservation they use; the next event says so."""
        self.id_token = self._token_to_tell = token
        self.remote_start_id = remote_start_id
        self._reservation_to_tell = reservation_id

    def ended_by(self, token: IdToken) -> None:
        """Somebody has shown a token to end it; the next event says whose (E07)."""
        self._token_to_tell = token

    @property
    def time_charging_s(self) -> float:
        """How long energy has flowed until now."""
        running_s = 0.0 if self._charging_since is None else self.elapsed() - self._charging_since
        return self._charged_s + running_s

    def flows(self, flow: Flow) -> None:
        """Follow what the power path does."""
        self._charged_s = self.time_charging_s
        self._charging_since = self.elapsed() if flow is Flow.CHARGING else None
        self.charging_state = flow.value

    def event(
        self,
        kind: EventType,
        trigger: Trigger,
        at: datetime,
        samples: tuple[SampledValue, ...],
        stopped: StoppedReason | None = None,
        earlier: tuple[tuple[datetime, tuple[SampledValue, ...]], ...] = (),
    ) -> TransactionNews:
        """The next event, with the next number."""
        news = TransactionNews(
            event=kind,
            trigger=trigger,
            seq_no=self._seq_no,
            at=at,
            transaction_id=self.id,
            evse_id=self.evse_id,
            connector_id=self.connector_id,
            charging_state=self.charging_state,
            time_charging_s=round(self.time_charging_s),
            samples=samples,
            id_token=self._token_to_tell,
            stopped=stopped,
            remote_start_id=self.remote_start_id if trigger is Trigger.REMOTE_START else None,
            operation_mode=self.operation_mode,
            reservation_id=self._reservation_to_tell,
            earlier=earlier,
        )
        self._seq_no += 1
        self._token_to_tell = self._reservation_to_tell = None
        return news
