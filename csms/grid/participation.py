"""What becomes of each EVSE in an event.

The states of `Participation`, and which of them still hold an EVSE.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from csms.store.dispatches import Participation


class Part(StrEnum):
    """State of one EVSE with one transaction in one event."""

    PREPARED = "prepared"  # chosen, its fallback is on the way or there
    FOLLOWING = "following"
    OFFLINE = "offline"  # not connected, or gave no answer; comes back by itself
    REFUSED = "refused"  # would not take a profile; out
    NOT_FOLLOWING = "not_following"  # the meter says otherwise; out
    OPTED_OUT = "opted_out"  # by the driver, or no longer enrolled; out
    LEFT = "left"  # unplugged; out
    SUPERSEDED = "superseded"  # a stronger event took the EVSE
    RELEASED = "released"  # took part until the event was over


HOLDING = frozenset({Part.PREPARED, Part.FOLLOWING, Part.OFFLINE})
"""While an EVSE is held by a live event its lease and fallback stay.

From everything else they are withdrawn.
"""

OUT = frozenset({Part.REFUSED, Part.NOT_FOLLOWING})
"""Not asked again in this event."""


class Seat(NamedTuple):
    """The place of one EVSE with one transaction in one event."""

    event_id: str
    station_id: str
    evse_id: int
    transaction_id: str


class Roster:
    """The leader's view of who takes part: read from the store once, written by whoever changes it.

    One row object for each seat: whoever writes it later writes its newest state, never an older one.
    """

    def __init__(self) -> None:
        self._events: dict[str, dict[Seat, Participation]] = {}
        self._doubtful: set[str] = set()

    def knows(self, event_id: str) -> bool:
        """Whether the event's rows have been read."""
        return event_id in self._events and event_id not in self._doubtful

    def load(self, event_id: str, rows: Iterable[Participation]) -> None:
        """Take over what the store says of an event."""
        self._doubtful.discard(event_id)
        self._events[event_id] = {_seat(row): row for row in rows}

    def forget(self, event_ids: Iterable[str]) -> None:
        """Drop all events but these."""
        kept = set(event_ids)
        self._events = {event_id: rows for event_id, rows in self._events.items() if event_id in kept}

    def events(self) -> list[str]:
        """The events whose rows are known."""
        return list(self._events)

    def distrust(self, event_id: str) -> None:
        """Something could not be written: the event's rows have to be read from the store again."""
        self._doubtful.add(event_id)

    def rows(self, event_id: str) -> list[Participation]:
        """The event's rows."""
        return list(self._events.get(event_id, {}).values())

    def state(self, seat: Seat) -> Part | None:
        """What has become of a seat; None if nobody has taken it."""
        row = self._events.get(seat.event_id, {}).get(seat)
        return None if row is None else Part(row.state)

    def driver(self, seat: Seat) -> str | None:
        """Whose seat it is; None if not known."""
        row = self._events.get(seat.event_id, {}).get(seat)
        return None if row is None else row.driver_id

    def seats(self, event_ids: Iterable[str]) -> dict[Seat, Participation]:
        """The seats that are held in these events."""
        return {
            seat: row
            for event_id in event_ids
            for seat, row in self._events.get(event_id, {}).items()
            if row.state in HOLDING
        }

    def take(self, seat: Seat, driver_id: str | None, at: datetime) -> Participation | None:
        """Hold a seat; the row to write, None if it is held already or out for good."""
        row = self._events.setdefault(seat.event_id, {}).get(seat)
        if row is not None:
            keep = row.state in HOLDING or row.state in OUT
            return None if keep else self.mark(seat, Part.PREPARED, at)
        row = Participation(
            event_id=seat.event_id,
            identity=seat.station_id,
            evse_id=seat.evse_id,
            transaction_id=seat.transaction_id,
            driver_id=driver_id,
            state=Part.PREPARED.value,
            changed_at=at,
        )
        self._events[seat.event_id][seat] = row
        return row

    def mark(self, seat: Seat, part: Part, at: datetime, detail: str | None = None) -> Participation | None:
        """Change a seat's state; the row to write, None if nothing changed."""
        row = self._events.get(seat.event_id, {}).get(seat)
        if row is None or row.state == part:
            return None
        row.state, row.detail, row.changed_at = part.value, detail, at
        return row

    def answered(self, seat: Seat, part: Part, at: datetime, detail: str | None) -> Participation | None:
        """The same for a station's answer: it cannot bring back who was taken out while it was under way."""
        state = self.state(seat)
        if state is None or state not in HOLDING or (part is Part.PREPARED and state is Part.FOLLOWING):
            return None
        return self.mark(seat, part, at, detail)


def _seat(row: Participation) -> Seat:
    return Seat(row.event_id, row.identity, row.evse_id, row.transaction_id)
