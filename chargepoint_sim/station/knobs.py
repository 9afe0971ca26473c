"""Where a station can be made to misbehave. All off: it obeys the standard."""

import math
from dataclasses import dataclass
from enum import StrEnum

_IMPOSSIBLE_SOC = 250.0


class SocReport(StrEnum):
    """How a station reports the vehicle's state of charge."""

    TRUE = "true"
    MISSING = "missing"
    NAN = "nan"
    STALE = "stale"
    IMPOSSIBLE = "impossible"


@dataclass
class Knobs:
    """One station's misbehaviour."""

    answer_delay_s: float = 0.0
    """How late it answers the server, in real seconds."""
    reject_profiles: bool = False
    """It refuses every charging profile."""
    ignore_profiles: bool = False
    """It accepts charging profiles and does not follow them."""
    reject_negative: bool = False
    """It refuses profiles with a negative limit."""
    ignore_negative: bool = False
    """It accepts profiles with a negative limit and takes them for no limit, as libocpp does."""
    repeat_messages: bool = False
    """It sends every transaction event twice."""
    soc: SocReport = SocReport.TRUE
    _frozen_soc: float | None = None

    def report_soc(self, soc: float | None) -> float | None:
        """What it says the state of charge is, percent."""
        match self.soc:
            case SocReport.TRUE:
                self._frozen_soc = soc
                return soc
            case SocReport.MISSING:
                return None
            case SocReport.NAN:
                return math.nan
            case SocReport.STALE:
                self._frozen_soc = soc if self._frozen_soc is None else self._frozen_soc
                return self._frozen_soc
            case SocReport.IMPOSSIBLE:
                return _IMPOSSIBLE_SOC
