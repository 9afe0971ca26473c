"""A charging station as OCPP 2.0.1 wants it: it queues while offline, and says again what was not answered.

What it gets up to beside that is in `mishaps`.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.network import Link, Weather
from tests.simulation.websocket import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    Deflater,
    Head,
    Knock,
    Reader,
    close_payload,
    frame,
    read_head,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

DIAL_TIMEOUT_S = 20.0
DEAF_AFTER_S = 45.0


class Lost(Exception):
    """The line is gone."""


class Line(asyncio.Protocol):
    """The station's end of one connection."""

    def __init__(self, knock: Knock, hear: Callable[[str], None], random: Random) -> None:
        self.head: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.pongs = True
        self.code: int | None = None
        self._knock, self._hear, self._random = knock, hear, random
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._reader: Reader | None = None
        self._deflater: Deflater | None = None
        self._closing = False

    @property
    def up(self) -> bool:
        """Whether it can be spoken on, as far as the station knows."""
        return self._reader is not None and not self._closing and not self.gone.is_set()

    def say(self, text: str) -> None:
        """One message, perhaps in fragments, perhaps compressed."""
        self.put(TEXT, text.encode())

    def put(self, kind: int, payload: bytes) -> None:
        """One message of this kind."""
        if not self.up or self._transport is None:
            return
        packed = self._deflater is not None and self._random.random() < 0.7
        if packed and self._deflater is not None:
            payload = self._deflater(payload)
        if len(payload) > 1 and self._random.random() < 0.03:
            middle = self._random.randrange(1, len(payload))
            self.raw(frame(kind, payload[:middle], fin=False, rsv1=packed))
            self.raw(frame(0, payload[middle:]))
        else:
            self.raw(frame(kind, payload, rsv1=packed))

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hang_up(self, *, politely: bool) -> None:
        """End it: with a CLOSE, or by cutting off."""
        if self._transport is None or self.gone.is_set():
            return
        if politely and self.up:
            self.raw(frame(CLOSE, close_payload(1000)))
            self._closing = True
            self._transport.close()
        else:
            self._transport.abort()

    def stop_reading(self) -> None:
        """Whatever comes, it stays in the socket."""
        if self._transport is not None:
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Knock."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._knock.text())

    def data_received(self, data: bytes) -> None:
        """From the server."""
        if self._reader is None:
            self._data += data
            head = read_head(self._data)
            if head is None:
                return
            data = bytes(self._data)
            self._reader = Reader(deflates=head.deflates)
            self._deflater = Deflater() if head.deflates else None
            if not self.head.done():
                self.head.set_result(head)
            if head.status != 101:
                return
        for message in self._reader.feed(data):
            if message.kind == TEXT:
                self._hear(message.payload.decode())
            elif message.kind == PING and self.pongs:
                self.raw(frame(PONG, message.payload))
            elif message.kind == CLOSE:
                self.code = int.from_bytes(message.payload[:2], "big") if message.payload else 1005
                if not self._closing:
                    self._closing = True
                    self.raw(frame(CLOSE, message.payload))

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if not self.head.done():
            self.head.cancel()
        self.gone.set()


@dataclass
class Transaction:
    """One that runs at the station."""

    id: str
    evse_id: int
    seq_no: int = 0


@dataclass
class Queued:
    """A transaction message that must get there."""

    payload: dict[str, Any]
    attempts: int = 0
    id: str = ""


@dataclass
class Manners:
    """How a station behaves; chances are for each occasion."""

    repeats: float = 0.0
    reorders: float = 0.0
    conflicts: float = 0.0
    nonsense: float = 0.0
    unsolicited: float = 0.0
    floods: float = 0.0
    deaf: float = 0.0
    bad_answers: float = 0.0
    slow_answers: float = 0.0
    same_id: float = 0.5
    deflate: bool = False
    poison: float = 0.0


@dataclass
class Station:
    """One charging station with some EVSEs."""

    world: "World"
    identity: str
    password: str
    random: Random
    manners: Manners
    weather: Weather
    evses: int = 2
    pause_s: float = 10.0
    line: Line | None = None
    link: Link | None = None
    accepted: bool = False
    outbox: deque[Queued] = field(default_factory=deque)
    running: list[Transaction] = field(default_factory=list)
    import_wh: float = 1000.0
    export_wh: float = 500.0
    soc: float = 50.0
    answered_at: float = 0.0
    in_doubt: bool = False
    """Whether its password may not be the one that is registered."""

    def __post_init__(self) -> None:
        self._count = 0
        self._transactions = 0
        self._pending: dict[str, asyncio.Future[list[Any]]] = {}
        self._kick = asyncio.Event()
        self._boot_due = True
        self._said: list[str] = []
        self._hearing: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return self.identity

    @property
    def online(self) -> bool:
        """Whether it thinks that it can talk."""
        return self.line is not None and self.line.up

    def wake(self) -> None:
        """Look again at what there is to do."""
        self._kick.set()

    # ---- life: what is to be told

    async def live(self) -> None:
        """Cars come, charge and go, whatever the network does."""
        random = self.random
        while not self.world.calm:
            await asyncio.sleep(random.expovariate(1 / self.pause_s))
            choice = random.random()
            if choice < 0.2 and len(self.running) < self.evses:
                self._transactions += 1
                began = Transaction(f"{self.identity}-t{self._transactions}", len(self.running) + 1)
                self.running.append(began)
                self._event(began, "Started", "CablePluggedIn")
            elif choice < 0.9 and self.running:
                self._event(random.choice(self.running), "Updated", "MeterValuePeriodic")
            elif self.running:
                ended = self.running.pop(random.randrange(len(self.running)))
                self._event(ended, "Ended", "EVDeparted")
        for ended in self.running:
            self._event(ended, "Ended", "EVDeparted")
        self.running.clear()

    def _event(self, transaction: Transaction, kind: str, trigger: str) -> None:
        random = self.random
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": self.stamp(),
            "triggerReason": trigger,
            "seqNo": transaction.seq_no,
            "transactionInfo": {"transactionId": transaction.id},
        }
        transaction.seq_no += 1
        if not self.online:
            payload["offline"] = True
        if kind == "Started" or random.random() < 0.2:
            payload["evse"] = {"id": transaction.evse_id, "connectorId": 1}
        if kind == "Started" or random.random() < 0.05:
            payload["idToken"] = {"idToken": random.choice(("TAG1", "TAG2", "nobody")), "type": "ISO14443"}
        if random.random() < 0.5:
            payload["transactionInfo"]["chargingState"] = random.choice(("Charging", "SuspendedEV", "Idle"))
        if kind == "Ended":
            payload["transactionInfo"]["stoppedReason"] = "EVDisconnected"
        if random.random() < 0.85:
            payload["meterValue"] = [self.meter_value()]
        self.outbox.append(Queued(payload))
        if random.random() < self.manners.conflicts:
            self.outbox.append(Queued({**payload, "timestamp": self.stamp(1.0)}))
        if random.random() < self.manners.reorders and len(self.outbox) > 2:
            place = random.randrange(1, len(self.outbox))
            self.outbox[place], self.outbox[-1] = self.outbox[-1], self.outbox[place]
        self._kick.set()

    def meter_value(self) -> dict[str, Any]:
        """What the meter shows now; it only grows."""
        random = self.random
        power = random.choice((-7000.0, 0.0, 3600.0, 11000.0))
        self.import_wh = round(self.import_wh + random.random() * 50, 1)
        self.export_wh = round(self.export_wh + random.random() * 20, 1)
        self.soc = round(min(99.0, max(1.0, self.soc + random.uniform(-1, 1))), 1)
        values = [
            {"measurand": "Energy.Active.Import.Register", "value": self.import_wh},
            {"measurand": "Energy.Active.Export.Register", "value": self.export_wh},
            {"measurand": "Power.Active.Import", "value": max(power, 0.0)},
            {"measurand": "Power.Active.Export", "value": max(-power, 0.0)},
            {"measurand": "SoC", "value": self.soc, "unitOfMeasure": {"unit": "Percent"}},
        ]
        return {"timestamp": self.stamp(), "sampledValue": values}

    def stamp(self, later_s: float = 0.0) -> str:
        """Now, as text."""
        return self.world.stamp(later_s)

    # ---- talk: telling it

    async def run(self) -> None:
        """Connect, talk, connect again, until the world ends."""
        wait_s = 1.0
        while not self.world.ending:
            try:
                status, retry_after = await self._dial()
            except (Lost, ConnectionRefusedError):
                status, retry_after = 0, 0.0
            if status == 101:
                wait_s = 1.0
                await self._talk()
            retry = max(wait_s * (0.5 + self.random.random()), retry_after)
            wait_s = min(wait_s * 2, 16.0)
            await asyncio.sleep(retry)
        await self._leave()

    async def _dial(self) -> tuple[int, float]:
        world = self.world
        knock = Knock(self.identity, self.password, deflate=self.manners.deflate)
        self.line = line = Line(knock, self._hear, self.random)
        begun = world.now
        self.link = await world.network.dial(line, f"10.0.0.{world.stations.index(self) + 1}", self.weather)
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                head = await line.head
        except (TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not line.head.cancelled():
                raise
            line.hang_up(politely=False)
            world.dialled(self, begun, 0)
            raise Lost from None
        world.dialled(self, begun, head.status)
        if head.status != 101:
            line.hang_up(politely=False)
        return head.status, float(head.fields.get("retry-after", 0))

    async def _talk(self) -> None:
        line = self.line
        assert line is not None
        self.accepted = self.accepted and self.random.random() < 0.7
        self._boot_due = not self.accepted
        try:
            while True:
                if self._boot_due:
                    await self._boot()
                elif self.outbox:
                    await self._deliver()
                else:
                    await self._idle()
                if self.world.ending:
                    raise Lost
        except Lost:
            pass
        self._hang_up(line)

    def _hang_up(self, line: Line) -> None:
        for future in self._pending.values():
            future.cancel()
        self._pending.clear()
        line.hang_up(politely=self.random.random() < 0.5)

    async def _boot(self) -> None:
        payload = {
            "reason": "PowerUp",
            "chargingStation": {"model": "m", "vendorName": "v", "firmwareVersion": "1"},
        }
        answer = await self.call("BootNotification", payload)
        if answer is None or answer[0] != 3:
            await self._pause(5.0, unless_woken=False)
            return
        if answer[2]["status"] == "Accepted":
            self.accepted, self._boot_due = True, False
        else:
            await self._pause(float(answer[2]["interval"]), unless_woken=False)

    async def _deliver(self) -> None:
        """The head of the queue; it leaves it when it is answered (E13)."""
        head = self.outbox[0]
        if not head.id or self.random.random() > self.manners.same_id:
            head.id = self._new_id()
        answer = await self.call("TransactionEvent", head.payload, id=head.id)
        if answer is not None and answer[0] == 3:
            self.outbox.remove(head)
            return
        if answer is None:
            return
        if answer[2] == "SecurityError":
            self._boot_due = True
            self.accepted = False
        elif answer[2] == "RpcFrameworkError":
            head.id = ""  # the id is taken
        else:
            self.world.blame(f"{self}: its event is refused: {answer[2:4]} {head.payload}")
            self.outbox.remove(head)

    async def _idle(self) -> None:
        choice = self.random.random()
        self._kick.clear()
        if choice < 0.75:
            await self._pause(self.random.expovariate(1 / self.pause_s))
        elif choice < 0.8:
            await self.call("Heartbeat", {})
        elif choice < 0.9:
            connector = 13 if self.random.random() < self.manners.poison else self.random.randrange(1, 3)
            status = self.random.choice(("Available", "Occupied", "Faulted"))
            payload = {
                "timestamp": self.stamp(),
                "connectorStatus": status,
                "evseId": 1,
                "connectorId": connector,
            }
            await self.call("StatusNotification", payload)
        elif choice < 0.98:
            await self.call("MeterValues", {"evseId": 1, "meterValue": [self.meter_value()]})
        else:
            payload = {"type": "SettingSystemTime", "timestamp": self.stamp()}
            await self.call("SecurityEventNotification", payload)

    async def call(self, action: str, payload: dict[str, Any], *, id: str = "") -> list[Any] | None:
        """The answer's frame; None if none came in time. Raises `Lost`."""
        line = self.line
        if line is None or not line.up:
            raise Lost
        id = id or self._new_id()
        text = json.dumps([2, id, action, payload], separators=(",", ":"))
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._pending[id] = answer
        line.say(text)
        self._said.append(text)
        if self.random.random() < self.manners.repeats:
            line.say(text if self.random.random() < 0.5 else self.random.choice(self._said[-4:]))
        gone = asyncio.ensure_future(line.gone.wait())
        try:
            waits: list[asyncio.Future[Any]] = [answer, gone]
            await asyncio.wait(waits, timeout=30.0, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            self._pending.pop(id, None)
        if answer.done() and not answer.cancelled():
            self.answered_at = self.world.now
            return answer.result()
        if not line.up or self.random.random() < 0.5:
            raise Lost
        return None  # no answer, and it does not know why: once more

    async def _pause(self, seconds: float, *, unless_woken: bool = True) -> None:
        """Wait, unless the line goes or (if it matters) there is something to tell."""
        line = self.line
        assert line is not None
        waits: list[asyncio.Future[bool]] = [asyncio.ensure_future(line.gone.wait())]
        if unless_woken:
            waits.append(asyncio.ensure_future(self._kick.wait()))
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not line.up:
            raise Lost

    def _new_id(self) -> str:
        self._count += 1
        return f"{self.identity}.{self._count}"

    # ---- being asked

    def _hear(self, text: str) -> None:
        message = json.loads(text)
        if message[0] == 2:
            task = asyncio.get_running_loop().create_task(self._asked(message))
            self._hearing.add(task)
            task.add_done_callback(self._hearing.discard)
            return
        answer = self._pending.get(message[1])
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _asked(self, message: list[Any]) -> None:
        random, line = self.random, self.line
        _, id, action, payload = message
        slow = random.random() < self.manners.slow_answers
        await asyncio.sleep(random.choice((8.0, 29.0, 31.0, 90.0)) if slow else random.random() * 0.3)
        if line is None or not line.up:
            return
        if random.random() < self.manners.bad_answers:
            odd = (
                f'[3,"{id}"]',
                f'[3,"{id}",{{"status":7}}]',
                f'[4,"{id}","NoSuchCode","",{{}}]',
                f'[4,"{id}","NotSupported"]',
                '[3,"other",{}]',
            )
            line.say(random.choice(odd))
            return
        answer = _ANSWERS.get(action, {})
        if action == "SetVariables":
            answer = {"setVariableResult": [_result(each) for each in payload["setVariableData"]]}
        elif action == "GetVariables":
            answer = {"getVariableResult": [_result(each) for each in payload["getVariableData"]]}
        line.say(json.dumps([3, id, answer], separators=(",", ":")))
        if action == "TriggerMessage":
            self._boot_due = True
            self._kick.set()
        elif action == "GetBaseReport":
            await self._report(payload["requestId"])

    async def _report(self, request_id: int) -> None:
        parts = self.random.randint(1, 3)
        for part in range(parts):
            row = {
                "component": {"name": "SampledDataCtrlr"},
                "variable": {"name": "TxUpdatedInterval" if part == 0 else f"v{part}"},
                "variableAttribute": [{"value": "60", "mutability": "ReadWrite"}],
            }
            payload = {
                "requestId": request_id,
                "generatedAt": self.stamp(),
                "seqNo": part,
                "tbc": part < parts - 1,
                "reportData": [row],
            }
            try:
                await self.call("NotifyReport", payload)
            except Lost:
                return

    async def _leave(self) -> None:
        if self.line is not None:
            self.line.hang_up(politely=True)
        for task in self._hearing:
            task.cancel()


_ANSWERS: dict[str, dict[str, Any]] = {
    "SetChargingProfile": {"status": "Accepted"},
    "ClearChargingProfile": {"status": "Accepted"},
    "GetBaseReport": {"status": "Accepted"},
    "TriggerMessage": {"status": "Accepted"},
    "DataTransfer": {"status": "Accepted"},
}


def _result(each: dict[str, Any]) -> dict[str, Any]:
    named = {"component": each["component"], "variable": each["variable"], "attributeStatus": "Accepted"}
    return {**named, "attributeValue": "1"} if "attributeValue" not in each else named
