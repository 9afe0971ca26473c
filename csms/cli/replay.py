"""What the demo replays: a real grid event over real charging sessions. Sources: `demo_data/README.md`."""

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from csms.cli.outcome import Failed

_DATA = Path(__file__).parents[1] / "demo_data"
_EVENTS = _DATA / "pjm_synchronized_reserve_events.csv"
_SESSIONS = _DATA / "acn_jpl_thursdays_2019.csv.gz"
_EVENT = datetime(2017, 9, 21, 14, 15)  # noqa: DTZ001 - Eastern prevailing time as the list gives it
_SESSION_DAY = datetime(2019, 7, 25)  # noqa: DTZ001 - a Thursday as well
_SESSION_ZONE = ZoneInfo("America/Los_Angeles")


@dataclass(frozen=True, slots=True)
class Replay:
    """A real event's hour and length, and the instant of the sessions it is laid over."""

    title: str
    duration_s: int
    sessions: Path
    session_time: datetime

    def session_time_before(self, seconds: float) -> datetime:
        """The instant in the sessions so long before the event."""
        return datetime.fromtimestamp(self.session_time.timestamp() - seconds, _SESSION_ZONE)


def chosen() -> Replay:
    """The event of the demo, read from the list. The same time of day and weekday in both records."""
    for row in _rows():
        if row["start_ept"] == _EVENT.isoformat():
            start, end = datetime.fromisoformat(row["start_ept"]), datetime.fromisoformat(row["end_ept"])
            at = _SESSION_DAY.replace(hour=start.hour, minute=start.minute, tzinfo=_SESSION_ZONE)
            title = f"PJM synchronized-reserve event of {start:%A %d %B %Y, %H:%M} to {end:%H:%M} EPT"
            return Replay(title, int((end - start).total_seconds()), _SESSIONS, at)
    raise Failed(f"{_EVENTS.name} does not hold the event of {_EVENT.isoformat()}.")


def _rows() -> list[dict[str, str]]:
    with _EVENTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
