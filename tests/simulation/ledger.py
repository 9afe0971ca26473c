"""What stations have said to the server, and what it has acknowledged: the witness of the database.

Kept by the taps at the server's ends of the links, so that nothing a station model believes counts here.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.tap import Conversation

Key = tuple[str, str, int]


@dataclass
class Ask:
    """What an operator asks of one station. `deadline` in seconds of the loop."""

    number: int
    identity: str
    deadline: float
    sent: int = 0
    outcome: str = ""
    line: "Conversation | None" = None
    """On which it was sent."""


@dataclass
class Ledger:
    """Everything by what makes it one thing; a value says whether it was acknowledged."""

    events: dict[Key, dict[bytes, bool]] = field(default_factory=dict)
    meters: dict[tuple[str, bytes], bool] = field(default_factory=dict)
    statuses: dict[tuple[str, int, int], list[tuple[str, str, bool]]] = field(default_factory=dict)
    security: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    boots_heard: Counter[str] = field(default_factory=Counter)
    boots_answered: Counter[str] = field(default_factory=Counter)
    asks: dict[int, Ask] = field(default_factory=dict)
    heard_count: int = 0
    answered_count: int = 0

    def heard(self, identity: str, action: str, payload: bytes) -> None:
        """The server was given this call."""
        self.heard_count += 1
        self._note(identity, action, payload, answered=False)
        if action == "BootNotification":
            self.boots_heard[identity] += 1

    def answered(self, identity: str, action: str, payload: bytes, *, repeated: bool) -> None:
        """The server has answered this call with a result: from now on it must be on disk."""
        self.answered_count += 1
        self._note(identity, action, payload, answered=True)
        if action == "BootNotification" and not repeated:
            self.boots_answered[identity] += 1

    def ask(self, identity: str, deadline: float) -> Ask:
        """A new ask with a number of its own."""
        made = Ask(len(self.asks) + 1, identity, deadline)
        self.asks[made.number] = made
        return made

    def _note(self, identity: str, action: str, payload: bytes, *, answered: bool) -> None:
        try:
            said = json.loads(payload)
            if action == "TransactionEvent":
                key = (identity, said["transactionInfo"]["transactionId"], said["seqNo"])
                variants = self.events.setdefault(key, {})
                variants[payload] = variants.get(payload, False) or answered
            elif action == "MeterValues":
                self.meters[identity, payload] = self.meters.get((identity, payload), False) or answered
            elif action == "StatusNotification":
                place = (identity, said["evseId"], said["connectorId"])
                self.statuses.setdefault(place, []).append(
                    (said["timestamp"], said["connectorStatus"], answered)
                )
            elif action == "SecurityEventNotification" and answered:
                self.security[identity, payload] += 1
        except (ValueError, LookupError, TypeError):
            pass  # no such message: it must have been refused
