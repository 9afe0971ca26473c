"""What one station knows of its own messages: all it has ever sent, and what the server has acknowledged."""

from dataclasses import dataclass, field

from reliability.story import Told

Key = tuple[str, int]


@dataclass
class Ledger:
    """By transaction and sequence number; transaction "" holds the readings outside transactions.

    A message is acknowledged once its CALLRESULT has been read; before that its fate is not known.
    """

    sent: dict[str, dict[int, Told]] = field(default_factory=dict)
    acknowledged: dict[str, dict[int, Told]] = field(default_factory=dict)
    conflicts_sent: dict[Key, set[bytes]] = field(default_factory=dict)
    conflicts: dict[Key, set[bytes]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """Transactions in which something has happened since the last look."""
    repeats: int = 0
    """Messages that were told again after their acknowledgement."""
    attempts_max: int = 0
    """The most times any one message went out before it was acknowledged."""
    refused: list[str] = field(default_factory=list)
    """CALLERRORs: for our own fault there may be none (E13)."""
    discarded: int = 0
    """Messages that a station has given up after as many errors or silences as the standard allows."""

    @property
    def count(self) -> int:
        """How many messages are acknowledged."""
        return sum(map(len, self.acknowledged.values()))

    def sends(self, told: Told) -> None:
        """It goes out now."""
        self.sent.setdefault(told.key[0], {})[told.key[1]] = told
        self.touched.add(told.key[0])

    def hears(self, told: Told, attempts: int) -> None:
        """Its acknowledgement is here."""
        self.acknowledged.setdefault(told.key[0], {})[told.key[1]] = told
        self.touched.add(told.key[0])
        self.attempts_max = max(self.attempts_max, attempts)

    def sends_conflict(self, told: Told) -> None:
        """Another content goes out under a number that is taken."""
        self.conflicts_sent.setdefault(told.key, set()).add(told.payload)
        self.touched.add(told.key[0])

    def hears_conflict(self, told: Told) -> None:
        """That one is acknowledged as well (row 34)."""
        self.conflicts.setdefault(told.key, set()).add(told.payload)
        self.touched.add(told.key[0])
