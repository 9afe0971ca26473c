"""Seeded fleets of honest and odd stations: what must hold at each step, seen from the stations' side.

Each seed is a fleet, one or two events, and a string of mishaps at random moments: stations that vanish,
refuse, fall mute, answer late, reboot; meters that stop; SoC that jumps, stands still, is no number or comes
from the future; drivers who opt out, raise their reserve or unplug; a server that dies and comes back.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest

from csms.domain.profile import LEASE_MAX_S, ChargingProfile, InstallProfile, Purpose
from csms.domain.program import Need, Program, Terms
from csms.domain.station import Registration
from csms.errors import StationTimeout
from csms.grid import enrolment, intake
from csms.grid.loop import GridLoop
from csms.store import programs, stations
from tests.grid.stage import PROGRAM, Car, Stage, open_stage

SECOND = "second"
RESERVE = 30.0
STEP_S = 15.0
EXPORT_W, IMPORT_W = 18_000.0, 22_000.0


@dataclass
class Witness:
    """Stands at the station's door and checks every order that comes in, whatever the station does then."""

    stage: Stage
    car: Car
    random: Random
    acknowledged: bool = False
    opted_out: bool = False
    lapses: int = 0
    lost_answers: float = 0.0
    reserve: float = RESERVE
    found: list[str] = field(default_factory=list)

    async def serve(self, ask: object, timeout_s: float) -> object:
        if isinstance(ask, InstallProfile):
            self._check(ask)
        for _ in range(self.random.choice((0, 0, 0, 3, 30))):
            await asyncio.sleep(0)
        answer = await self.car.serve(ask, timeout_s)
        if self.random.random() < self.lost_answers:
            raise StationTimeout(self.car.station_id)  # obeyed, and the answer is lost
        if isinstance(ask, InstallProfile) and ask.profile.purpose is Purpose.TX_DEFAULT:
            self.acknowledged = getattr(answer, "accepted", False)
        return answer

    def _check(self, ask: InstallProfile) -> None:
        profile, now = ask.profile, self.stage.clock.now()
        lowest_w = min(period.limit_w for period in profile.periods)
        if not all(math.isfinite(period.limit_w) for period in profile.periods):
            self.found.append("V-13 not a number")
        if profile.purpose is Purpose.TX:
            self._check_lease(profile, now)
        if lowest_w >= 0:
            return
        if profile.purpose is not Purpose.TX or ask.evse_id <= 0:
            self.found.append("V-02 negative outside a TxProfile")
        if not self.acknowledged or _in_force(self.car.held, Purpose.TX_DEFAULT, now) is None:
            self.found.append("V-04 no fallback under a discharge")
        if self.opted_out:
            self.found.append("V-07 discharge after opt-out")

    def _check_lease(self, profile: ChargingProfile, now: datetime) -> None:
        longest = timedelta(seconds=LEASE_MAX_S)
        if profile.duration_s is None or profile.valid_to is None or profile.valid_to > now + longest:
            self.found.append("V-02 lease without a near end")
        elif profile.start + timedelta(seconds=profile.duration_s) > now + longest:
            self.found.append("V-02 lease too long")

    def look(self) -> None:
        """After a step: what the order does to the vehicle."""
        if self.car.power_w < 0 and self.car.soc < self.reserve:
            self.found.append(f"V-01 discharging at {self.car.soc:.2f} %")
        if self.car.power_w < 0 and self.car.transaction is None:
            self.found.append("V-02 discharging without a transaction")


def _in_force(held: dict[int, ChargingProfile], purpose: Purpose, now: datetime) -> float | None:
    for profile in held.values():
        passed_s = (now - profile.start).total_seconds()
        over = profile.duration_s is not None and passed_s >= profile.duration_s
        if profile.purpose is purpose and not over:
            return [period.limit_w for period in profile.periods if period.start_s <= passed_s][-1]
    return None


@dataclass
class Play:
    """One seed."""

    stage: Stage
    random: Random
    witnesses: list[Witness] = field(default_factory=list)
    epoch: int = 1
    tight_until: float = 0.0

    async def raise_curtain(self) -> None:
        await self.stage.site(export_w=EXPORT_W, import_w=IMPORT_W)
        lease_s = self.random.choice((60, 300, 900, 3000))
        terms = Terms(lease_s=lease_s, fallback_w=self.random.choice((0.0, 1_400.0)))
        await self.stage.program(terms)
        async with self.stage.db.begin() as conn:
            await programs.put(conn, Program(SECOND, SECOND, Terms()))
        for number in range(self.random.randint(2, 5)):
            await self._enter(f"cs{number}")

    async def _enter(self, name: str) -> None:
        random = self.random
        both = (PROGRAM, SECOND) if random.random() < 0.5 else (PROGRAM,)
        manner = random.choice((*["obey"] * 8, "refuse", "mute", "ignore", "invert"))
        car = await self.stage.car(
            name,
            reserve=RESERVE,
            programs_=both,
            bidirectional=len(self.witnesses) < 2 or random.random() < 0.8,
            soc=random.uniform(28, 50),
            capacity_wh=random.choice((10_000.0, 10_000.0, 60_000.0)),
            wish_w=0.0 if random.random() < 0.7 else 4_000.0,
            manner=manner,
        )
        if random.random() < 0.3:
            car.soc_told = car.soc  # and there it stays
        witness = Witness(self.stage, car, Random(random.random()), lost_answers=random.choice((0.0, 0.3)))
        await self.stage.stack.enter_async_context(self.stage.bus.answer(name, witness.serve))
        self.witnesses.append(witness)

    async def run(self) -> None:
        events = [await self._event(PROGRAM)]
        mishaps = sorted(self.random.sample(range(4, 70), self.random.choice((4, 12))))
        for step in range(80):
            if step in mishaps:
                await self.random.choice(_MISHAPS)(self, self.random.choice(self.witnesses), events)
            await self.stage.live(STEP_S, STEP_S)
            self._look(step)

    async def _event(self, program_id: str) -> str:
        target_w = self.random.choice((-6_000.0, -15_000.0, -15_000.0, -15_000.0, +5_000.0))
        event = await self.stage.event(
            target_w,
            duration_s=self.random.choice((200, 700, 1200)),
            in_s=self.random.choice((0, 60)),
            program_id=program_id,
            priority=self.random.choice((1, 100)),
        )
        return event.id

    def _look(self, step: int) -> None:
        for witness in self.witnesses:
            witness.look()
            assert witness.found == [], (step, witness.car)
        export_w = -sum(min(0.0, each.car.power_w) for each in self.witnesses)
        assert export_w <= EXPORT_W + 1, step

    async def curtain(self) -> None:
        """Long after: every vehicle has what its driver wants, and no order of ours is left anywhere."""
        for witness in self.witnesses:
            witness.car.meter_stuck = False
            if witness.car.manner != "ignore":
                witness.car.manner = "obey"
            witness.lost_answers = 0.0
            await self.stage.connected(witness.car, True, self._next_epoch())
        await self.stage.live(2_400, 60)
        for witness in self.witnesses:
            assert witness.car.held == {}, witness.car
            assert witness.car.power_w == witness.car.wish_w

    def _next_epoch(self) -> int:
        self.epoch += 1
        return self.epoch

    # ---- mishaps

    async def vanish_or_return(self, witness: Witness, _: list[str]) -> None:
        back = witness.car.manner == "gone"
        witness.car.manner = "obey" if back else "gone"
        await self.stage.connected(witness.car, back, self._next_epoch() if back else self.epoch)

    async def change_manner(self, witness: Witness, _: list[str]) -> None:
        if witness.car.manner != "gone":
            witness.car.manner = self.random.choice(("obey", "refuse", "mute", "ignore", "invert"))

    async def reboot(self, witness: Witness, _: list[str]) -> None:
        booted = stations.booted(
            witness.car.station_id,
            vendor="v",
            model="m",
            serial=None,
            firmware=None,
            reason="PowerUp",
            at=self.stage.clock.now(),
            registration=Registration.ACCEPTED,
        )
        if witness.car.manner != "gone":
            if self.random.random() < 0.5:
                witness.car.held.clear()
            witness.acknowledged = False
            await self.stage.writer.commit([booted])

    async def stop_the_meter(self, witness: Witness, _: list[str]) -> None:
        witness.car.meter_stuck = not witness.car.meter_stuck

    async def lie_about_soc(self, witness: Witness, _: list[str]) -> None:
        car = witness.car
        car.soc_told = self.random.choice((None, car.soc + 1.9, car.soc, 95.0))
        car.soc_refused = self.random.random() < 0.2
        car.soc_silent = self.random.random() < 0.2
        car.stamp_ahead_s = self.random.choice((0.0, 0.0, 8.0, 60.0))

    async def opt_out(self, witness: Witness, events: list[str]) -> None:
        name, bus, clock = f"driver-{witness.car.station_id}", self.stage.bus, self.stage.clock
        for program_id in (PROGRAM, SECOND):
            await enrolment.opt_out(self.stage.db, bus, clock, name, program_id)
        witness.opted_out = True

    async def opt_out_at_work(self, witness: Witness, events: list[str]) -> None:
        """While a tick is going on: whatever it had in mind, the order is stopped."""
        for loop in self.stage.loops:
            await loop.tick(self.stage.tasks)
        await self.opt_out(witness, events)

    async def unplug_or_plug(self, witness: Witness, _: list[str]) -> None:
        if witness.car.transaction is None:
            witness.car.soc = self.random.uniform(28, 60)
            witness.car.soc_told = None
            witness.car.seq_no += 1
            await self.stage.plug_in(witness.car)
        else:
            await self.stage.unplug(witness.car)

    async def raise_the_reserve(self, witness: Witness, _: list[str]) -> None:
        name = f"driver-{witness.car.station_id}"
        await enrolment.set_need(self.stage.db, self.stage.bus, self.stage.clock, name, Need(50.0))

    async def another_event(self, _: Witness, events: list[str]) -> None:
        events.append(await self._event(self.random.choice((PROGRAM, SECOND))))

    async def cancel(self, _: Witness, events: list[str]) -> None:
        await intake.cancel(self.stage.db, self.stage.bus, self.stage.clock, self.random.choice(events))

    async def kill_or_start_the_server(self, _: Witness, events: list[str]) -> None:
        if self.stage.loops:
            self.stage.loops.clear()
        else:
            node = f"node-{len(events)}-{self._next_epoch()}"
            self.stage.loops.append(GridLoop(self.stage.db, self.stage.bus, self.stage.clock, node))


_MISHAPS: tuple[Callable[[Play, Witness, list[str]], Awaitable[None]], ...] = (
    Play.vanish_or_return,
    Play.vanish_or_return,
    Play.change_manner,
    Play.change_manner,
    Play.reboot,
    Play.stop_the_meter,
    Play.lie_about_soc,
    Play.lie_about_soc,
    Play.opt_out,
    Play.opt_out_at_work,
    Play.unplug_or_plug,
    Play.unplug_or_plug,
    Play.raise_the_reserve,
    Play.another_event,
    Play.another_event,
    Play.cancel,
    Play.kill_or_start_the_server,
)


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_the_invariants_hold_at_the_stations(seed: int) -> None:
    async with open_stage() as stage:
        play = Play(stage, Random(seed))
        await play.raise_curtain()
        await play.run()
        if not stage.loops:
            stage.loops.append(GridLoop(stage.db, stage.bus, stage.clock, "node-last"))
        await play.curtain()
