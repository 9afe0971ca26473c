"""A small house for the grid's tests.

Real store, real bus, a clock moved by hand, stations written by hand.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from msgspec import structs

from csms.bus.memory import MemoryBus
from csms.domain.dialect_choice import Origin, Standing
from csms.domain.dialect_record import DialectRecord
from csms.domain.facts import Fact
from csms.domain.grid_event import EventRequest, GridEvent, Scope
from csms.domain.meter import Reading
from csms.domain.profile import (
    ChargingProfile,
    ClearProfile,
    InstallProfile,
    Period,
    ProfileAnswer,
    ProfileKind,
    Purpose,
    UpdateSetpoint,
)
from csms.domain.program import Program, Terms
from csms.domain.station import EvseRating
from csms.domain.transaction import IdToken, Marks, Transaction
from csms.errors import StationOffline, StationTimeout
from csms.grid import intake
from csms.grid.loop import GridLoop
from csms.grid.settlement import Settler
from csms.store import dialect_records, programs, stations, tokens, transactions
from csms.store.database import Database
from csms.store.programs import DriverRow, NeedRow, VehicleRow
from csms.store.stations import SiteRow, StationRow
from csms.store.tokens import IdTokenRow
from csms.store.transaction_numbers import new_number
from csms.store.writer import Writer
from csms.wire import words

START = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
PROGRAM = "evening-peak"
EFFICIENCY = 0.92


class HandClock:
    """Time stands still until somebody moves it."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        bell = asyncio.Event()
        entry = (self._passed_s + seconds, bell)
        self._sleepers.append(entry)
        try:
            if seconds > 0:
                await bell.wait()
        finally:
            self._sleepers.remove(entry)

    def real_seconds(self, seconds: float) -> float:
        return seconds

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for time to pass."""
        return any(not bell.is_set() for _, bell in self._sleepers)

    def step(self, jump: timedelta) -> None:
        """The time of day jumps; what passes does not."""
        self._start += jump

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds
        for due, bell in self._sleepers:
            if due <= self._passed_s:
                bell.set()


@dataclass
class Car:
    """A station with one EVSE and a vehicle at it. `manner`: obey, refuse, ignore, invert, mute, gone."""

    station_id: str
    clock: HandClock
    manner: str = "obey"
    soc: float = 70.0
    capacity_wh: float = 60_000.0
    rating_w: float = 10_000.0
    wish_w: float = 0.0
    meter_stuck: bool = False
    import_wh: float = 1_000.0
    export_wh: float = 500.0
    power_w: float = 0.0
    held: dict[int, ChargingProfile] = field(default_factory=dict)
    asks: list[object] = field(default_factory=list)
    seq_no: int = 1
    transaction: Transaction | None = None
    gate: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    soc_told: float | None = None
    soc_refused: bool = False
    soc_silent: bool = False
    export_silent: bool = False
    known_capacity_wh: float | None = None
    stamp_ahead_s: float = 0.0
    shows: str = "honest"
    budget_s: float = 0.0
    written_at: datetime | None = None

    @property
    def installs(self) -> list[ChargingProfile]:
        return [ask.profile for ask in self.asks if isinstance(ask, InstallProfile)]

    @property
    def leases(self) -> list[ChargingProfile]:
        return [profile for profile in self.installs if profile.purpose is Purpose.TX]

    @property
    def discharges(self) -> list[ChargingProfile]:
        return [profile for profile in self.leases if profile.periods[0].limit_w < 0]

    @property
    def clears(self) -> list[int]:
        return [ask.profile_id for ask in self.asks if isinstance(ask, ClearProfile)]

    async def serve(self, ask: object, timeout_s: float) -> object:
        """What the station does with an ask."""
        if self.manner == "gone":
            raise StationOffline(self.station_id)
        self.asks.append(ask)
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.manner == "mute":
            raise StationTimeout(self.station_id)
        if isinstance(ask, words.GetCompositeScheduleRequest):
            return self._composite(ask)
        if isinstance(ask, words.ResetRequest):
            return words.ResetResponse(status="Accepted")
        if isinstance(ask, UpdateSetpoint):
            held = self.held.get(ask.profile_id)
            if held is None or held.kind is not ProfileKind.DYNAMIC:
                return ProfileAnswer(False, "InvalidProfile")
            periods = (Period(0, ask.setpoint_w),)
            self.held[held.id] = replace(held, periods=periods, start=self.clock.now())
            return ProfileAnswer(True)
        if isinstance(ask, ClearProfile):
            return ProfileAnswer(self.held.pop(ask.profile_id, None) is not None)
        assert isinstance(ask, InstallProfile)
        refusal = self._refusal(ask.profile)
        if refusal is not None:
            return refusal
        self.written_at = self.clock.now()
        dynamic = ask.profile.kind is ProfileKind.DYNAMIC  # it counts from its last update, which is now
        taken = replace(ask.profile, start=self.clock.now()) if dynamic else ask.profile
        self.held[taken.id] = taken
        return ProfileAnswer(True)

    def _refusal(self, profile: ChargingProfile) -> ProfileAnswer | None:
        """Why the station does not take this profile."""
        now = self.clock.now()
        if self.manner == "refuse_negative" and profile.lowest_w < 0:
            return ProfileAnswer(False, "InvalidSchedule")
        if self.manner == "refuse_bound" and profile.purpose is Purpose.STATION_MAX:
            return ProfileAnswer(False, "NotSupported")
        if self.manner == "refuse" and profile.purpose is Purpose.TX:
            return ProfileAnswer(False, "InvalidSchedule")
        if self.budget_s and self.written_at and (now - self.written_at).total_seconds() < self.budget_s:
            return ProfileAnswer(False, "RateLimitExceeded", f"{self.budget_s:.0f} seconds before retry")
        return None

    def _composite(self, ask: words.GetCompositeScheduleRequest) -> words.GetCompositeScheduleResponse:
        """`blind` reads a negative limit as none, `shut` has no composite schedule."""
        if self.shows == "shut":
            return words.GetCompositeScheduleResponse(status="Rejected")
        limits = {held.purpose: _limit(held, self.clock.now()) for held in self.held.values()}
        limit = limits.get(Purpose.TX)
        if limit is not None and limit < 0 and self.shows == "blind":
            limit = self.rating_w
        period = words.ChargingSchedulePeriodType(start_period=0, limit=limit)
        schedule = words.CompositeScheduleType(
            evse_id=ask.evse_id,
            duration=ask.duration,
            schedule_start=self.clock.now().isoformat(),
            charging_rate_unit="W",
            charging_schedule_period=(period,),
        )
        return words.GetCompositeScheduleResponse(status="Accepted", schedule=schedule)

    def step(self, seconds: float) -> None:
        """Live so long: power, registers, SoC."""
        now = self.clock.now()
        self.held = {
            key: held
            for key, held in self.held.items()
            if held.valid_to is None or held.valid_to > now or self.manner == "endless"
        }
        self.power_w = self._power()
        energy_wh = self.power_w * seconds / 3600
        self.import_wh += max(0.0, energy_wh)
        self.export_wh += max(0.0, -energy_wh)
        stored = energy_wh * EFFICIENCY if energy_wh > 0 else energy_wh / EFFICIENCY
        self.soc = min(100.0, max(0.0, self.soc + 100 * stored / self.capacity_wh))

    def reading(self) -> Reading:
        return Reading(
            at=self.clock.now() + timedelta(seconds=self.stamp_ahead_s),
            power_w=self.power_w,
            import_wh=self.import_wh,
            export_wh=None if self.export_silent else self.export_wh,
            soc=None if self.soc_refused or self.soc_silent else self.soc_told or self.soc,
        )

    def _power(self) -> float:
        now = self.clock.now()
        limits = {profile.purpose: _limit(profile, now) for profile in self.held.values()}
        if self.manner == "endless":
            limits = {profile.purpose: profile.periods[-1].limit_w for profile in self.held.values()}
        limit = limits.get(Purpose.TX)
        if limit is None or self.manner == "ignore":
            limit = limits.get(Purpose.TX_DEFAULT)
        if self.manner == "ignore":
            return self.wish_w
        if self.manner == "invert" and limit is not None and limit < 0:
            return min(self.rating_w, -limit)
        if limit is None:
            return self.wish_w
        if limit < 0:
            return max(limit, -self.rating_w) if self.soc > 0 else 0.0
        return min(limit, self.wish_w)


def _limit(profile: ChargingProfile, now: datetime) -> float | None:
    passed_s = (now - profile.start).total_seconds()
    over = profile.duration_s is not None and passed_s >= profile.duration_s
    if passed_s < 0 or over or (profile.valid_to is not None and now >= profile.valid_to):
        return None
    return [period.limit_w for period in profile.periods if period.start_s <= passed_s][-1]


@dataclass
class Stage:
    """Everything a test moves."""

    db: Database
    writer: Writer
    bus: MemoryBus
    clock: HandClock
    tasks: asyncio.TaskGroup
    stack: AsyncExitStack
    loop: GridLoop
    settler: Settler
    facts: list[Fact] = field(default_factory=list)
    cars: dict[str, Car] = field(default_factory=dict)
    loops: list[GridLoop] = field(default_factory=list)

    async def site(
        self,
        site_id: str = "depot",
        export_w: float | None = 1e6,
        import_w: float | None = 1e6,
        within: str | None = None,
    ) -> None:
        async with self.db.begin() as conn:
            await stations.put_site(
                conn,
                SiteRow(site_id=site_id, import_limit_w=import_w, export_limit_w=export_w, within_id=within),
            )

    async def program(self, terms: Terms = Terms(), program_id: str = PROGRAM) -> Program:
        program = Program(program_id, program_id, terms)
        async with self.db.begin() as conn:
            await programs.put(conn, program)
        return program

    async def car(
        self,
        name: str,
        site_id: str | None = "depot",
        reserve: float | None = 30.0,
        programs_: tuple[str, ...] = (PROGRAM,),
        bidirectional: bool = True,
        departure: datetime | None = None,
        target_soc: float | None = None,
        **what: object,
    ) -> Car:
        """Register a station, its driver, its vehicle; plug it in."""
        car = Car(name, self.clock, **what)  # type: ignore[arg-type]
        now = self.clock.now()
        row = StationRow(
            identity=name,
            password_hash="x",
            site_id=site_id,
            discharge="negative_limit" if bidirectional else "none",
            clock_skew_s=0.0,
            boot_epoch=1,
            created_at=now,
        )
        driver = f"driver-{name}"
        async with self.db.begin() as conn:
            await stations.add(conn, row, [EvseRating(1, car.rating_w, car.rating_w)])
            await programs.put_driver(conn, DriverRow(driver_id=driver))
            vehicle = VehicleRow(
                vehicle_id=f"vehicle-{name}",
                driver_id=driver,
                capacity_wh=car.known_capacity_wh or car.capacity_wh,
                max_charge_w=car.rating_w,
                max_discharge_w=car.rating_w,
                bidirectional=bidirectional,
            )
            await programs.put_vehicle(conn, vehicle)
            token = IdTokenRow(
                token=f"token-{name}", type="ISO14443", driver_id=driver, vehicle_id=vehicle.vehicle_id
            )
            await tokens.put(conn, token)
            need = NeedRow(
                driver_id=driver,
                reserve_soc=reserve,
                departure=departure,
                target_soc=target_soc,
                changed_at=now,
            )
            await programs.put_need(conn, need)
            for program_id in programs_:
                await programs.enrol(conn, driver, program_id, now)
        await self.writer.commit([stations.connected(name, 1, "2.0.1", now)])
        self.cars[name] = car
        await self.stack.enter_async_context(self.bus.answer(name, car.serve))
        await self.plug_in(car)
        return car

    async def dialect(self, car: Car, record: DialectRecord) -> None:
        """What is known of how the station takes orders."""
        standing = Standing(record, Origin.SET)
        async with self.db.begin() as conn:
            await dialect_records.put_standing(conn, car.station_id, standing, self.clock.now(), None)

    async def plug_in(self, car: Car) -> None:
        reading = car.reading()
        car.transaction = Transaction(
            station_id=car.station_id,
            transaction_id=f"tx-{car.station_id}-{car.seq_no}",
            number=new_number(),
            evse_id=1,
            id_token=IdToken(f"token-{car.station_id}", "ISO14443"),
            started_at=self.clock.now(),
            charging_state="Charging",
            first=reading,
        )
        await self.report(car)

    async def unplug(self, car: Car) -> None:
        assert car.transaction is not None
        ended = _with(car.transaction, ended_at=self.clock.now())
        car.held = {key: held for key, held in car.held.items() if held.purpose is not Purpose.TX}
        car.transaction = None
        await self.writer.commit([transactions.state_kept(ended)])

    async def report(self, car: Car) -> None:
        """Write a meter reading into the store, as the message path does."""
        if car.transaction is None or car.meter_stuck or car.manner == "gone":
            return
        reading = car.reading()
        soc_known = reading.soc is not None or car.soc_refused
        last, marks = _registers(car.transaction, reading)
        car.transaction = _with(
            car.transaction,
            last=last,
            marks=marks,
            power_w=reading.power_w,
            power_at=reading.at,
            soc=reading.soc if soc_known else car.transaction.soc,
            soc_at=reading.at if soc_known else car.transaction.soc_at,
            soc_refused=car.soc_refused,
            updated_at=reading.at,
        )
        car.seq_no += 1
        kept = transactions.readings_kept(
            car.station_id, 1, [reading], car.transaction.transaction_id, car.seq_no
        )
        await self.writer.commit([kept, transactions.state_kept(car.transaction)])

    async def connected(self, car: Car, up: bool, epoch: int = 1) -> None:
        at = self.clock.now()
        change = stations.connected(car.station_id, epoch, "2.0.1", at)
        await self.writer.commit([change if up else stations.disconnected(car.station_id, epoch, at)])

    async def event(
        self,
        target_w: float,
        duration_s: int = 900,
        in_s: float = 0.0,
        scope: Scope = Scope(),
        **more: object,
    ) -> GridEvent:
        request = EventRequest(
            program_id=str(more.pop("program_id", PROGRAM)),
            target_w=target_w,
            duration_s=duration_s,
            start=self.clock.now() + timedelta(seconds=in_s),
            scope=scope,
            **more,  # type: ignore[arg-type]
        )
        return await intake.accept(self.db, self.bus, self.clock, request)

    async def turn(self) -> None:
        """Tick until nothing is left to do at this instant."""
        for _ in range(8):
            for loop in self.loops:
                await loop.tick(self.tasks)
            for loop in self.loops:
                await loop.settled()
            if not any(loop.rung for loop in self.loops):
                return

    async def live(self, seconds: float, step_s: float = 10.0) -> None:
        """Let time pass: vehicles, meters, ticks."""
        left = seconds
        while left > 0:
            self.clock.advance(min(step_s, left))
            for car in self.cars.values():
                car.step(min(step_s, left))
                await self.report(car)
            left -= step_s
            await self.turn()

    def net_w(self) -> float:
        return sum(car.power_w for car in self.cars.values())


def _registers(before: Transaction, reading: Reading) -> tuple[Reading, Marks | None]:
    """The newest registers, as the fold has them: one that is told no more stays as it was read."""
    known = before.last
    if reading.export_wh is not None or known is None or known.export_wh is None:
        return reading, None
    exported_at = known.at if before.marks is None else before.marks.last_export
    marks = Marks(last_import=reading.at, last_export=exported_at)
    return structs.replace(reading, export_wh=known.export_wh), marks


def _with(transaction: Transaction, **changes: object) -> Transaction:
    return structs.replace(transaction, **changes)


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """The house, empty, with one loop."""
    db = await Database.open("sqlite://")
    await db.migrate()
    writer, bus, clock = Writer(db), MemoryBus(), HandClock()
    with suppress(asyncio.CancelledError):
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            runner = tasks.create_task(writer.run())
            loop = GridLoop(db, bus, clock, "node-1")
            stage = Stage(db, writer, bus, clock, tasks, stack, loop, Settler(db, bus, clock), loops=[loop])
            listening = asyncio.Event()
            ear = tasks.create_task(_hear(stage, listening))
            await listening.wait()
            yield stage
            ear.cancel()
            await writer.close()
            runner.cancel()
    await db.close()


async def _hear(stage: Stage, listening: asyncio.Event) -> None:
    async with stage.bus.subscribe() as facts:
        listening.set()
        async for fact in facts:
            stage.facts.append(fact)
