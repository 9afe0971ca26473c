"""Schedules that station and vehicle agree on, and what the server hears of them (K15 to K17)."""

from collections.abc import Callable

from chargepoint_sim.iso15118.outlet import Slot, Stretch
from chargepoint_sim.profiles.profile import Period, RateUnit, Schedule
from chargepoint_sim.station.equipment import Equipment
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.forecast import slots, still_holds
from chargepoint_sim.station.notices import ScheduleNews
from chargepoint_sim.station.transaction import Transaction

_WAIT_S = 50.0  # a vehicle waits for a minute


class Agreement:
    """With one vehicle. `running` gives its transaction, `talk_again` has the schedule talked about anew."""

    def __init__(
        self,
        equipment: Equipment,
        evse: Evse,
        running: Callable[[], Transaction | None],
        talk_again: Callable[[], None],
    ) -> None:
        self._equipment = equipment
        self._evse = evse
        self._running = running
        self._talk_again = talk_again
        self._needs_at = self._offered_at = float("-inf")
        self._offered: tuple[Slot, ...] = ()

    def begin(self) -> None:
        """Answer for the EVSE."""
        self._evse.on_plan, self._evse.forecast, self._evse.waits = self.take_plan, self.offer, self.deciding

    def end(self) -> None:
        """The vehicle is gone."""
        self._evse.on_plan, self._evse.forecast, self._evse.waits = lambda plan: None, tuple, bool

    def needs_told(self) -> None:
        """The server knows what the vehicle needs from now on."""
        self._needs_at = self._equipment.clock.monotonic()

    def deciding(self) -> bool:
        """The server has a while to make up a schedule for the needs that it was told (K15.FR.07)."""
        transaction, equipment = self._running(), self._equipment
        if transaction is None or not equipment.online() or equipment.profiles.has_own(transaction.id):
            return False
        return equipment.clock.monotonic() - self._needs_at < _WAIT_S

    def offer(self) -> tuple[Slot, ...]:
        """What may flow from now on, by the profiles."""
        self._offered, self._offered_at = self._forecast(), self._equipment.clock.monotonic()
        return self._offered

    def _forecast(self) -> tuple[Slot, ...]:
        transaction, evse = self._running(), self._evse
        closed_at = None if transaction is None else transaction.path_closed_at
        return slots(
            self._equipment.profiles, evse.evse_id, self._equipment.clock.now(), closed_at, evse.rating
        )

    def check(self) -> None:
        """If what was offered does not hold any more, it is talked about again (K16)."""
        if not self._offered or not self._evse.closed:
            return
        elapsed_s = self._equipment.clock.monotonic() - self._offered_at
        if not still_holds(self._offered, elapsed_s, self._forecast()):
            self._offered = ()
            self._talk_again()

    def take_plan(self, plan: tuple[Stretch, ...]) -> None:
        """What the vehicle means to do is told (K15.FR.12, K16.FR.07)."""
        periods = tuple(Period(one.start_s, one.power_w) for one in plan)
        schedule = Schedule(1, RateUnit.W, periods)
        self._equipment.emit(ScheduleNews(self._evse.evse_id, self._equipment.clock.now(), schedule))
