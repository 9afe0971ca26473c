"""One charging station: what it does by itself in a conversation with a server, whatever the OCPP version."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chargepoint_sim.clock import Clock, RealClock, deadline
from chargepoint_sim.dice import dice
from chargepoint_sim.iso15118.services import Control
from chargepoint_sim.meter import Context
from chargepoint_sim.profiles.composite import Local
from chargepoint_sim.profiles.store import ProfileStore
from chargepoint_sim.station import quirks
from chargepoint_sim.station.cabinet import Cabinet, Order, local_amperes
from chargepoint_sim.station.device_model import DeviceModel, Place
from chargepoint_sim.station.equipment import Equipment, HighLevel, Observe
from chargepoint_sim.station.evse import Evse
from chargepoint_sim.station.journal import DIAGNOSTICS, SECURITY
from chargepoint_sim.station.knobs import Knobs
from chargepoint_sim.station.link import Address, BackOff, Link
from chargepoint_sim.station.outbox import Outbox
from chargepoint_sim.station.variables import Fixed
from chargepoint_sim.station.versions import KITS
from chargepoint_sim.station.words import (
    Dialect,
    IdToken,
    News,
    NoAnswer,
    Offline,
    Refused,
    Registration,
    SecurityNews,
    Socket,
    TokenInfo,
    Trigger,
)

_LINK = "OCPPCommCtrlr"
_ASK_AGAIN_S = 5.0  # real: the server did not answer a boot
_FLUSH_S = 5.0  # real: what a restart gives the last messages
_LONGEST_WAIT_S = 3600.0
_RESTART = "restart"
_LATE_S = 0.001


@dataclass(frozen=True)
class Behaviour:
    """How a station is run. Real seconds in `back_off`; all others are simulated. `seed`: of its dice."""

    high_level: HighLevel = HighLevel.MEMORY
    loop_period_s: float = 5.0
    control: Control = Control.DYNAMIC
    sleep_after_s: float | None = None
    reboot_s: float = 5.0
    back_off: BackOff = field(default_factory=BackOff)
    compress: bool = True
    validate_every: int = 1
    seed: str = "0"


class Station:
    """A station. `run` it in a task, plug vehicles into `cabinet`; `booted` is set once it is accepted."""

    def __init__(self, fixed: Fixed, url: str, clock: Clock, observe: Observe, behaviour: Behaviour) -> None:
        self.identity = fixed.identity
        self.clock = clock
        self.booted = asyncio.Event()
        self.cabinet = _cabinet(fixed, clock, self._observed(observe), behaviour)
        equipment = self.cabinet.equipment
        self.outbox = Outbox(equipment.model, equipment.knobs, equipment.observe)
        self.cabinet.messages_waiting = self.outbox.waiting_for
        self._speaker = KITS[fixed.version].speaker(self.cabinet, behaviour.validate_every)
        self.ghosts: dict[str, asyncio.Task[None]] = {}
        equipment.emit, equipment.authorize = self._say, self._authorize
        equipment.online = lambda: self.outbox.online
        self.cabinet.instruments.furnish(url, fixed)
        self._first_back_off = self._told_back_off()
        self._behaviour = behaviour
        self._dice = dice(behaviour.seed, fixed.identity)
        self.link = Link(self._address, self.back_off_s, equipment.knobs)
        self._boot_reason: str | None = "PowerUp"
        self._dialect: Dialect | None = None
        self._online = asyncio.Event()
        self._boot_now = asyncio.Event()
        self._restarted = False

    def _observed(self, observe: Observe) -> Observe:
        def timed(event: str, fields: dict[str, object]) -> None:
            at = self.clock.now().isoformat(timespec="milliseconds")
            observe(event, {"at": at, "station": self.identity} | fields)
            self.cabinet.equipment.journal.write(DIAGNOSTICS, self.clock.now(), event, fields)

        return timed

    def _say(self, news: News) -> None:
        if isinstance(news, SecurityNews):
            fields: dict[str, object] = {"detail": news.detail}
            self.cabinet.equipment.journal.write(SECURITY, news.at, news.kind, fields)
        self.outbox.put(news)

    def _address(self) -> Address:
        """Where to connect now."""
        model, instruments = self.cabinet.equipment.model, self.cabinet.instruments
        profile = instruments.networks.current
        return Address(
            profile.url,
            self.identity,
            lambda: model.text("SecurityCtrlr", "BasicAuthPassword"),
            self._speaker.subprotocol,
            self._behaviour.compress,
            lambda: model.integer(_LINK, "WebSocketPingInterval") or None,
            security_profile=profile.security_profile,
            context=lambda: instruments.credentials.context(profile.security_profile),
        )

    def _told_back_off(self) -> BackOff:
        """What the device model says."""
        names = ("RetryBackOffWaitMinimum", "RetryBackOffRandomRange", "RetryBackOffRepeatTimes")
        first, spread, times = (self.cabinet.equipment.model.integer(_LINK, name) for name in names)
        return BackOff(first, spread, times)

    def back_off_s(self, failures: int) -> float:
        """Draw how long to wait after so many failures in a row: as the server has set it, else as made."""
        told = self._told_back_off()
        back_off = self._behaviour.back_off if told == self._first_back_off else told
        return back_off.wait_s(failures, self._dice)

    async def run(self) -> None:
        """Live until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self.cabinet.tasks = tasks
                tasks.create_task(self.link.run(self._converse, self._no_connection))
                tasks.create_task(self.outbox.run(self._ready, self.cabinet.heard))
                tasks.create_task(self._beat())
                tasks.create_task(self._align("Interval", self._tell_aligned))
                tasks.create_task(self._align("TxEndedInterval", self.cabinet.keep_aligned))
                tasks.create_task(self._obey())
        finally:
            for ghost in self.ghosts.values():
                ghost.cancel()

    def _no_connection(self, why: str) -> None:
        self.cabinet.equipment.observe("connection_failed", {"why": why})
        self.cabinet.instruments.networks.failed()

    async def _converse(self, socket: Socket) -> None:
        """Hold one connection."""
        dialect = self._speaker.converse(socket)
        self.cabinet.equipment.observe("connected", {})
        async with asyncio.TaskGroup() as tasks:
            introduction = tasks.create_task(self._introduce(dialect))
            try:
                await dialect.serve()
            finally:
                self._dialect = None
                self._online.clear()
                self.outbox.online = False
                self.cabinet.went_offline()
                introduction.cancel()
        self.cabinet.equipment.observe("disconnected", {})

    async def _introduce(self, dialect: Dialect) -> None:
        """Be accepted, then say how the connectors are. Nothing else is said before (B02, B03)."""
        try:
            if self._boot_reason is None:
                self.clock.set(await dialect.heartbeat())
            else:
                await self._boot(dialect, self._boot_reason)
        except (Offline, NoAnswer, Refused):
            await self.link.cut()
            return
        self._dialect = dialect
        self.cabinet.registered = True
        self.cabinet.instruments.networks.connected()
        self.outbox.online = True
        self.cabinet.came_online()
        for evse_id in self.cabinet.evses:
            self.cabinet.tell_status(evse_id)
        self._online.set()
        self.booted.set()
        if self._restarted:
            self._restarted = False
            self.cabinet.begin_again()

    async def _boot(self, dialect: Dialect, reason: str) -> None:
        """Send BootNotification until the server accepts."""
        while True:
            self._boot_now.clear()
            try:
                answer = await dialect.boot(reason)
            except (NoAnswer, Refused):
                await asyncio.sleep(_ASK_AGAIN_S)
                continue
            self.clock.set(answer.now)
            self.cabinet.equipment.observe("boot", {"status": answer.status.value})
            if answer.status is Registration.ACCEPTED:
                break
            await self._wait_to_boot(max(1.0, answer.interval_s))
            reason = "Triggered" if self._boot_now.is_set() else reason
        if answer.interval_s > 0.0:
            interval = str(round(answer.interval_s))
            self.cabinet.equipment.model.put(Place(_LINK), "HeartbeatInterval", interval)
            self.cabinet.equipment.model.changed.ring()
        self._boot_reason = None
        self._say(SecurityNews("StartupOfTheDevice", self.clock.now()))

    async def _wait_to_boot(self, seconds: float) -> None:
        """B02.FR.04: not before the interval is over, but at once when triggered."""
        try:
            async with deadline(self.clock, seconds):
                await self._boot_now.wait()
        except TimeoutError:
            return

    async def _ready(self) -> Dialect:
        """A conversation in which news may be told."""
        while self._dialect is None:
            await self._online.wait()
        return self._dialect

    async def _authorize(self, token: IdToken) -> TokenInfo:
        if self._dialect is None:
            raise Offline
        return await self._dialect.authorize(token)

    async def _beat(self) -> None:
        """Heartbeats, as often as HeartbeatInterval says."""
        model, last = self.cabinet.equipment.model, self.clock.monotonic()
        while True:
            interval = model.integer(_LINK, "HeartbeatInterval") or _LONGEST_WAIT_S
            if await model.changed.wait(self.clock, last + interval - self.clock.monotonic()):
                continue
            last = self.clock.monotonic()
            await self._heartbeat()

    async def _heartbeat(self) -> None:
        if self._dialect is not None:
            try:
                self.clock.set(await self._dialect.heartbeat())
            except (Offline, NoAnswer, Refused) as failure:
                self.cabinet.equipment.observe("heartbeat_failed", {"failure": repr(failure)})

    async def _align(self, variable: str, act: Callable[[], None]) -> None:
        """Act at round times of day, if a variable of AlignedDataCtrlr says so."""
        model = self.cabinet.equipment.model
        while True:
            interval = model.integer("AlignedDataCtrlr", variable)
            wait = _until_round(self.clock.now(), interval) if interval else _LONGEST_WAIT_S
            due = self.clock.monotonic() + wait
            if await model.changed.wait(self.clock, wait) or not interval:
                continue
            await self.clock.sleep(due - self.clock.monotonic() + _LATE_S)  # a timer may be early
            if model.flag("AlignedDataCtrlr", "Enabled"):
                act()

    def _tell_aligned(self) -> None:
        for evse_id in self.cabinet.evses:
            self.cabinet.tell_meter(evse_id, Trigger.METER_VALUE_CLOCK, Context.ALIGNED)

    async def _obey(self) -> None:
        """What the server wants of the conversation itself."""
        while True:
            match await self.cabinet.orders.get():
                case Order.BOOT_NOTIFICATION:
                    self._boot_now.set()
                case Order.HEARTBEAT:
                    await self._heartbeat()
                case Order.REBOOT:
                    await self._reboot()

    async def _flush(self) -> None:
        """Give the last messages a chance to get through."""
        if self._dialect is None:
            return
        try:
            async with asyncio.timeout(_FLUSH_S):
                await self.outbox.emptied()
        except TimeoutError:
            self.cabinet.equipment.observe("messages_kept", {"count": len(self.outbox)})

    async def _reboot(self) -> None:
        """End what runs, be gone for a while, start again. Profiles persist (K01.FR.27)."""
        self.cabinet.equipment.observe("reset", {})
        await self.cabinet.stop_all()
        await self._flush()
        self._boot_reason, self._restarted = self.cabinet.boot_reason, True
        self.cabinet.instruments.networks.restart()
        self.cabinet.registered = False
        self.booted.clear()
        await self.link.hold_off(_RESTART)
        await self.clock.sleep(self._behaviour.reboot_s)
        self.link.resume(_RESTART)


def _until_round(now: datetime, interval_s: int) -> float:
    """Seconds until the next multiple of the interval since midnight."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    passed = (now - midnight) / timedelta(seconds=interval_s)
    return (int(passed) + 1 - passed) * interval_s


def _cabinet(fixed: Fixed, clock: Clock, observe: Observe, behaviour: Behaviour) -> Cabinet:
    """The station's inside; how it tells and asks is filled in by the station."""
    evses = {one: Evse(one, fixed.rating, clock) for one in range(1, fixed.evses + 1)}
    local = Local(fixed.rating.charge_w, local_amperes(fixed.rating))
    knobs = Knobs(f"{behaviour.seed}/{fixed.identity}/faults")
    kit = KITS[fixed.version]
    profiles = ProfileStore(dict.fromkeys(evses, local), kit.capability, reading=quirks.reading(knobs))
    profiles.one_a_level = kit.one_a_level
    equipment = Equipment(
        clock=clock,
        message_clock=RealClock(),
        model=DeviceModel(kit.variables(fixed)),
        profiles=profiles,
        emit=lambda news: None,
        authorize=_nobody,
        new_id=lambda: str(uuid.uuid4()),
        high_level=behaviour.high_level,
        loop_period_s=behaviour.loop_period_s,
        control=behaviour.control,
        sleep_after_s=behaviour.sleep_after_s,
        knobs=knobs,
        observe=observe,
    )
    return Cabinet(fixed.identity, equipment, evses)


async def _nobody(token: IdToken) -> TokenInfo:
    """Before there is a conversation nobody is authorised."""
    raise Offline
