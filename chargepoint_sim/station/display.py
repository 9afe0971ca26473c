"""What the station's display shows (block O): messages by priority, state and time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from chargepoint_sim.clock import Clock
from chargepoint_sim.station.device_model import DeviceModel, Place

_CONTROLLER = "DisplayMessageCtrlr"
_FRONT = "AlwaysFront"
PRIORITIES = (_FRONT, "InFront", "NormalCycle")
STATES = ("Charging", "Faulted", "Idle", "Unavailable")
FORMATS = ("ASCII", "UTF8", "URI")


@dataclass(frozen=True)
class Message:
    """One message. Without `state` it is shown in every one, without times always."""

    id: int
    priority: str
    text: str
    format: str = "UTF8"
    language: str | None = None
    state: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    transaction_id: str | None = None


@dataclass
class Display:
    """All messages of a station; they outlive a restart. `transactions` names those that run."""

    model: DeviceModel
    clock: Clock
    transactions: Callable[[], set[str]]
    messages: dict[int, Message] = field(default_factory=dict)

    def set(self, message: Message) -> str:
        """Take a message, or say why not; one with the same number is replaced (O01, O06)."""
        if message.format not in FORMATS:
            return "NotSupportedMessageFormat"
        if message.priority not in PRIORITIES:
            return "NotSupportedPriority"
        if message.state is not None and message.state not in STATES:
            return "NotSupportedState"
        if message.transaction_id is not None and message.transaction_id not in self.transactions():
            return "UnknownTransaction"
        self.tidy()
        most = self.model.limit(_CONTROLLER, "DisplayMessages")
        if message.id not in self.messages and most is not None and len(self.messages) >= most:
            return "Rejected"
        if message.priority == _FRONT:  # O01.FR.10: there is only one
            self.messages = {key: one for key, one in self.messages.items() if one.priority != _FRONT}
        self.messages[message.id] = message
        self._count()
        return "Accepted"

    def find(self, ids: list[int] | None, priority: str | None, state: str | None) -> list[Message]:
        """The messages that are meant; what is None does not matter (O03, O04)."""
        self.tidy()
        return [
            one
            for one in self.messages.values()
            if (ids is None or one.id in ids)
            and (priority is None or one.priority == priority)
            and (state is None or one.state == state)
        ]

    def clear(self, number: int) -> bool:
        """Remove a message (O05); whether there was one."""
        self.tidy()
        gone = self.messages.pop(number, None) is not None
        self._count()
        return gone

    def shown(self, state: str) -> list[Message]:
        """What is on the display in a state: what is always in front alone, else by priority."""
        self.tidy()
        now = self.clock.now()
        fitting = [
            one
            for one in self.messages.values()
            if (one.state is None or one.state == state) and (one.start is None or one.start <= now)
        ]
        fitting.sort(key=lambda one: PRIORITIES.index(one.priority))
        return fitting[:1] if fitting and fitting[0].priority == _FRONT else fitting

    def tidy(self) -> None:
        """Remove what is over, by its time or with its transaction (O01.FR.17, O02)."""
        now, running = self.clock.now(), self.transactions()
        self.messages = {
            key: one
            for key, one in self.messages.items()
            if (one.end is None or one.end > now)
            and (one.transaction_id is None or one.transaction_id in running)
        }
        self._count()

    def _count(self) -> None:
        self.model.put(Place(_CONTROLLER), "DisplayMessages", str(len(self.messages)))
