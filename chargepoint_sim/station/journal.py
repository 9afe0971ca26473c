"""What a station writes down: what happened, and apart from that what concerns security."""

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

SECURITY = "SecurityLog"
DIAGNOSTICS = "DiagnosticsLog"
_LINES = 100


@dataclass
class Journal:
    """The last lines of each log."""

    _lines: dict[str, deque[tuple[datetime, str]]] = field(default_factory=dict)

    def write(self, kind: str, at: datetime, event: str, fields: dict[str, object]) -> None:
        """Add a line; the oldest makes room."""
        lines = self._lines.setdefault(kind, deque(maxlen=_LINES))
        lines.append((at, json.dumps({"event": event} | fields, default=str, separators=(",", ":"))))

    def text(self, kind: str, oldest: datetime | None = None, latest: datetime | None = None) -> str:
        """The lines of a time."""
        return "".join(
            f"{at.isoformat(timespec='milliseconds')} {line}\n"
            for at, line in self._lines.get(kind, ())
            if (oldest is None or at >= oldest) and (latest is None or at <= latest)
        )
