"""Verify by metering (V-10): `Accepted` proves nothing, only the meter does."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from csms.domain.flexibility import EvseView
from csms.domain.tracking import Following, follows
from csms.grid.leases import EvseKey, Line
from csms.grid.pace import Steps, slices
from csms.grid.participation import Seat


class Compliance:
    """Remembers who was found out once.

    The wrong direction is judged at once, the wrong size by two readings.
    """

    def __init__(self) -> None:
        self._doubted: dict[Seat, datetime] = {}

    def judge(
        self, event_id: str, views: Sequence[EvseView], lines: Mapping[EvseKey, Line]
    ) -> Steps[list[tuple[Seat, Following]]]:
        """The seats whose meter does not agree with their lease."""
        found: list[tuple[Seat, Following]] = []
        for part in slices(views):
            for view in part:
                verdict = _verdict(view, lines.get((view.station_id, view.evse_id)))
                if verdict is Following.NOT_YET:
                    continue
                seat = Seat(event_id, view.station_id, view.evse_id, view.transaction_id)
                if verdict is Following.YES:
                    self._doubted.pop(seat, None)
                elif verdict is Following.WRONG_SIGN or self._again(seat, view):
                    self._doubted.pop(seat, None)
                    found.append((seat, verdict))
            yield
        return found

    def _again(self, seat: Seat, view: EvseView) -> bool:
        """Whether an earlier reading said so too."""
        assert view.power_at is not None
        return self._doubted.setdefault(seat, view.power_at) < view.power_at


def _verdict(view: EvseView, line: Line | None) -> Following:
    if line is None or line.lease is None or line.unproven or line.ordered_at is None:
        return Following.NOT_YET
    if line.lease.transaction_id != view.transaction_id:
        return Following.NOT_YET
    return follows(line.lease.limit_w, view.power_w, line.ordered_at, view.power_at, line.lowered_at)
