"""The charging sessions of one stay: begun with permission, paused and gone on with, ended from either side.

A paused session is gone on with under its own id. Whoever sleeps is woken by the one who put it to sleep:
a vehicle by its driver, a station when power may flow again.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

from chargepoint_sim.clock import Timer, deadline
from chargepoint_sim.ev.vehicle import Vehicle
from chargepoint_sim.iso15118.outlet import Ending
from chargepoint_sim.iso15118.secc import NO_SESSION, Memory
from chargepoint_sim.station.equipment import Equipment, HighLevel
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.hookup import DirectHookup, Hookup, Terms, in_memory, on_the_wire

_GOODBYE_S = 30.0  # what a vehicle gets to end its session in order


class Sleeper(StrEnum):
    """Who has wanted a pause; the values are the charging states that it leads to."""

    VEHICLE = "SuspendedEV"
    STATION = "SuspendedEVSE"


class Sessions:
    """`ended` hears how each session came to its end, with who wanted the pause if it is one."""

    def __init__(
        self,
        equipment: Equipment,
        evse: Evse,
        vehicle: Vehicle,
        ended: Callable[[Ending, Sleeper | None], None],
    ) -> None:
        self.sleeper: Sleeper | None = None
        self._equipment = equipment
        self._evse = evse
        self._vehicle = vehicle
        self._ended = ended
        self._hookup: Hookup | None = None
        self._memory = Memory()
        self._session_id = NO_SESSION
        self._allowed = asyncio.Event()
        self._awake = asyncio.Event()
        self._awake.set()
        self._over = asyncio.Event()
        self._tired: Timer | None = None
        self._asked_to_pause = Sleeper.VEHICLE

    async def run(self) -> None:
        """One session after the other, each after a new permission or a pause."""
        while True:
            await self._allowed.wait()
            await self._awake.wait()
            if not self._allowed.is_set():
                continue
            self._over.clear()
            self._hookup = hookup = self._make_hookup()
            ending = await hookup.run()
            self._hookup = None
            self._over.set()
            if ending is Ending.PAUSED:
                self._session_id, self.sleeper = hookup.session_id, self._asked_to_pause
                # What was wanted when it fell asleep may be over by now.
                if self.sleeper is Sleeper.STATION and self._evse.limit_w != 0.0:
                    self.wake()
                else:
                    self._awake.clear()
            else:
                self._session_id = NO_SESSION
                self._allowed.clear()
            self._asked_to_pause = Sleeper.VEHICLE
            self._ended(ending, self.sleeper if ending is Ending.PAUSED else None)

    def _make_hookup(self) -> Hookup:
        equipment = self._equipment
        ends = self._evse, self._vehicle
        terms = Terms(
            equipment.message_clock,
            equipment.loop_period_s,
            equipment.control,
            self._session_id,
            self._memory,
        )
        match equipment.high_level:
            case HighLevel.NONE:
                return DirectHookup(*ends, equipment.loop_period_s)
            case HighLevel.MEMORY:
                return in_memory(*ends, terms)
            case over:
                return on_the_wire(*ends, terms, tls=over is not HighLevel.WIRE)

    def allow(self) -> None:
        """A session may begin."""
        self._allowed.set()

    def forbid(self) -> None:
        """No other session begins; a paused one is forgotten."""
        self._allowed.clear()
        self._stay_awake()
        self._memory.session_id = self._session_id = NO_SESSION
        self.wake()

    def nudge(self) -> None:
        """Something has changed: speak soon."""
        if self._hookup is not None:
            self._hookup.nudge()

    def pause(self, by: Sleeper) -> None:
        """One end wants to sleep until it is woken."""
        if self._hookup is not None:
            self._asked_to_pause = by
            self._hookup.pause(by_station=by is Sleeper.STATION)

    def wake(self) -> None:
        """Go on with what was paused."""
        self.sleeper = None
        self._awake.set()

    def renegotiate(self, by_station: bool) -> None:
        """Talk about needs and schedule again (K16, K17)."""
        if self._hookup is not None:
            self._hookup.renegotiate(by_station)

    def offer(self) -> None:
        """The EVSE may now do something else with its vehicle."""
        if self._hookup is not None:
            self._hookup.offer()

    def follow(self, limit_w: float) -> None:
        """A limit holds: a station whose limit stays zero lets the vehicle sleep, and wakes it again."""
        self.nudge()
        after_s = self._equipment.sleep_after_s
        if limit_w != 0.0:
            self._stay_awake()
            if self.sleeper is Sleeper.STATION:
                self.wake()
        elif after_s is not None and self._tired is None:
            self._tired = self._equipment.clock.call_later(after_s, self._fall_asleep)

    def _fall_asleep(self) -> None:
        self._tired = None
        self.pause(Sleeper.STATION)

    def _stay_awake(self) -> None:
        if self._tired is not None:
            self._tired.cancel()
            self._tired = None

    async def end_by_driver(self) -> None:
        """The driver ends it."""
        if self._hookup is not None:
            self._hookup.stop()
            await self._until_over()

    async def end_by_station(self) -> None:
        """The station ends it, and begins no other one."""
        self.forbid()
        if self._hookup is not None:
            self._hookup.terminate()
            await self._until_over()

    def vanish(self) -> None:
        """The vehicle is torn off."""
        if self._hookup is not None:
            self._hookup.vanish()

    def cancel(self) -> None:
        """The stay is over."""
        self._stay_awake()

    async def _until_over(self) -> None:
        try:
            async with deadline(self._equipment.clock, _GOODBYE_S):
                await self._over.wait()
        except TimeoutError:
            self._evse.set_contactor(False)
