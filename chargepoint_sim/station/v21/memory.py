"""What a 2.1 station remembers between connections: who may discharge, and its DER controls."""

from collections.abc import Iterable
from datetime import datetime

from chargepoint_sim.profiles.amounts import lump_sum
from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.der import LIMIT_MAX_DISCHARGE, DerControls
from chargepoint_sim.station.notices import DerAlarmNews, DerRunNews
from chargepoint_sim.station.visit import Visit
from chargepoint_sim.station.words import IdToken

_MOST_TOKENS = 1000
_LONGEST_WAIT_S = 60.0
_V2X = "V2XChargingCtrlr"


class Memory:
    """One station's."""

    def __init__(self, cabinet: Cabinet) -> None:
        self.der = DerControls()
        self._cabinet = cabinet
        self._allowed: dict[str, frozenset[str]] = {}
        self._alarm = False

    # Who may discharge (Q01, Q02)

    def allow(self, token: IdToken, transfers: Iterable[str] | None) -> None:
        """What the server allows a driver's vehicle; without a word of it charging only (Q01.FR.09)."""
        self._allowed.pop(token.value, None)
        self._allowed[token.value] = frozenset(transfers or ())
        if len(self._allowed) > _MOST_TOKENS:
            del self._allowed[next(iter(self._allowed))]

    def may_give_back(self, token: IdToken | None) -> bool:
        """Whether energy may come back from a driver's vehicle."""
        if token is None or not self._cabinet.equipment.model.flag(_V2X, "Enabled"):
            return False
        return _both_ways(self._allowed.get(token.value, frozenset()))

    def permit(self, visit: Visit, transfers: list[str]) -> None:
        """The server has changed its mind about a transaction (Q02.FR.06)."""
        if visit.holder is not None:
            self.allow(visit.holder.token, transfers)
        enabled = self._cabinet.equipment.model.flag(_V2X, "Enabled")
        visit.permit(enabled and _both_ways(transfers))

    # DER controls (R04, R05)

    async def run(self) -> None:
        """Let DER controls begin and end in time, connected or not, and follow what changes."""
        equipment = self._cabinet.equipment
        while True:
            again_at, wait = self.turn_controls(), _LONGEST_WAIT_S
            if again_at is not None:
                wait = min(wait, (again_at - equipment.clock.now()).total_seconds() + 0.01)
            await equipment.profiles_changed.wait(equipment.clock, max(0.05, wait))

    def turn_controls(self) -> datetime | None:
        """Let controls begin and end, follow what they say; when to look again."""
        equipment = self._cabinet.equipment
        now = equipment.clock.now()
        for turn in self.der.turn(now):
            equipment.emit(DerRunNews(turn.control.id, turn.started, now, turn.superseded))
        rated_w = max(evse.rating.discharge_w for evse in self._cabinet.evses.values())
        most_w = self.der.most_discharge_w(rated_w, now)
        if most_w != equipment.around.most_discharge_w:
            equipment.around.most_discharge_w = most_w
            equipment.profiles_changed.ring()
        self._tell_alarm(most_w, now)
        return self.der.next_at(now)

    def _tell_alarm(self, most_w: float | None, now: datetime) -> None:
        """Say once that a control, not the profile, decides on the power, and once that it is over."""
        wanted = [self._wanted_w(visit, now) for visit in self._cabinet.visits.values()]
        deviates = most_w is not None and any(one < -most_w for one in wanted)
        if deviates is not self._alarm:
            self._alarm = deviates
            self._cabinet.equipment.emit(DerAlarmNews(LIMIT_MAX_DISCHARGE, not deviates, now))

    def _wanted_w(self, visit: Visit, now: datetime) -> float:
        """What the profiles want of an EVSE, W; a ceiling counts as nothing."""
        evse = visit.evse
        found = self._cabinet.equipment.profiles.limit_at(evse.evse_id, now, None, evse.soc)
        return 0.0 if found.values.setpoint is None else lump_sum(found.values.setpoint)


def _both_ways(transfers: Iterable[str]) -> bool:
    """Whether a list of energy transfers lets energy come back."""
    return any("BPT" in one for one in transfers)
