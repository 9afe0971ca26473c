"""What goes wrong, what strangers do and what people ask, each at random moments."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random

from csms.domain.profile import ChargingProfile, InstallProfile, Period, Purpose
from csms.errors import CsmsError
from csms.store import stations as rows
from csms.wire import words
from csms.wire.dialect import RawCall
from tests.simulation.house import hashed, station_row
from tests.simulation.network import Link, Weather
from tests.simulation.stations import Line, Station
from tests.simulation.websocket import BINARY, Knock
from tests.simulation.world import World

Mishap = Callable[[World, Random], Awaitable[None]]
MISHAPS: dict[str, Mishap] = {}


def _mishap(name: str) -> Callable[[Mishap], Mishap]:
    def remember(mishap: Mishap) -> Mishap:
        MISHAPS[name] = mishap
        return mishap

    return remember


async def happen(world: World) -> None:
    """Mishaps of the seed's kinds, until it grows calm."""
    random = Random(f"mishaps {world.seed}")
    kinds = [kind for kind in MISHAPS if random.random() < 0.5]
    while kinds:
        await asyncio.sleep(random.expovariate(1 / world.plan.mishap_every_s))
        if world.calm:
            return
        kind = random.choice(kinds)
        world.note("mishap", kind)
        await MISHAPS[kind](world, random)


def _link(world: World, random: Random) -> Link | None:
    links = [station.link for station in world.stations if station.online and station.link is not None]
    return random.choice(links) if links else None


# ---- the network


@_mishap("reset")
async def _reset(world: World, random: Random) -> None:
    if (link := _link(world, random)) is not None:
        link.cut()


@_mishap("cut")
async def _cut(world: World, random: Random) -> None:
    """In the middle of some message to come."""
    if (link := _link(world, random)) is not None:
        link.touched = True
        pipe = random.choice((link.client.pipe, link.server.pipe))
        pipe.cut_after = random.randrange(1, 400)


@_mishap("dark")
async def _dark(world: World, random: Random) -> None:
    """A half-open socket: the station notices at once, later or never, the server only by itself."""
    if (link := _link(world, random)) is None:
        return
    link.darken(up=(way := random.choice(("both", "up", "down"))) != "down", down=way != "up")
    notices_s = random.choice((0.0, 3.0, 15.0, 120.0))
    world.job(_notice(link, notices_s))


async def _notice(link: Link, after_s: float) -> None:
    await asyncio.sleep(after_s)
    link.client.reset()


@_mishap("stall")
async def _stall(world: World, random: Random) -> None:
    if (link := _link(world, random)) is not None:
        link.stall(world.now + random.choice((2.0, 6.0, 15.0, 50.0)))


@_mishap("deaf")
async def _deaf(world: World, random: Random) -> None:
    """A station that does not read for a while; perhaps it goes on talking."""
    station = random.choice(world.stations)
    line = station.line
    if line is None or not line.up or station.link is None:
        return
    station.link.touched = True
    line.stop_reading()
    if random.random() < 0.5:
        for number in range(random.choice((4, 300))):
            line.say(f"nonsense {number}")
    await asyncio.sleep(random.choice((1.0, 10.0)))
    line.read_on()


# ---- the server's machine


@_mishap("slow disk")
async def _slow_disk(world: World, random: Random) -> None:
    world.disk.slowness_s = random.choice((0.2, 2.0, 8.0, 45.0))
    world.disk.slow_until = world.now + random.choice((1.0, 10.0, 40.0))


@_mishap("bad disk")
async def _bad_disk(world: World, random: Random) -> None:
    world.disk.failing = True
    world.disk.reads_fail = random.random() < 0.3
    await asyncio.sleep(random.choice((0.01, 0.5, 3.0, 20.0)))
    world.disk.failing = False


@_mishap("kill")
async def _kill(world: World, random: Random) -> None:
    """SIGKILL, or the plug is pulled: then the stations are not told."""
    world.disk.power_off()
    world.network.sever(told=random.random() < 0.6)
    world.house_at = world.now
    await world.house.die()
    await asyncio.sleep(random.choice((0.1, 3.0, 30.0)))
    world.house_at = world.now
    world.house.start()


@_mishap("stop")
async def _stop(world: World, random: Random) -> None:
    """A graceful restart."""
    await world.stop_house()
    await asyncio.sleep(random.choice((0.1, 3.0)))
    world.house_at = world.now
    world.house.start()


# ---- strangers


@_mishap("twin")
async def _twin(world: World, random: Random) -> None:
    """Somebody who has a station's identity and password, too."""
    station = random.choice(world.stations)
    world.job(_be_twin(world, station, random.choice((1.0, 30.0, 90.0)), random.random() < 0.7))


async def _be_twin(world: World, station: Station, for_s: float, pongs: bool) -> None:
    identity = station.identity
    world.twins[identity] += 1
    world.conflicts_allowed.add(identity)
    heard: list[str] = []
    line = Line(Knock(identity, station.password), heard.append, Random(f"twin {world.now}"))
    line.pongs = pongs
    try:
        link = await world.network.dial(line, "10.9.9.9", Weather())
        async with asyncio.timeout(15):
            head = await line.head
        world.note("twin", identity, head.status)
        if head.status == 101:
            line.say('[2,"twin1","Heartbeat",{}]')
            await asyncio.sleep(for_s)
            link.cut()
        line.hang_up(politely=False)
    except (TimeoutError, ConnectionRefusedError, asyncio.CancelledError):
        line.hang_up(politely=False)
    finally:
        await asyncio.sleep(30.0)
        world.twins[identity] -= 1


@_mishap("stranger")
async def _stranger(world: World, random: Random) -> None:
    """Bad upgrades, from the same address as a station."""
    number = random.randrange(len(world.stations))
    station = world.stations[number]
    kind = random.choice(("guess", "unknown", "subprotocol", "silence", "noise", "half"))
    world.note(kind)
    identity = "nobody" if kind == "unknown" else station.identity
    password = "wrong" if kind == "guess" else station.password
    knock = Knock(identity, password, "ocpp1.5" if kind == "subprotocol" else "ocpp2.0.1")
    line = _Odd(knock, random, kind)
    try:
        await world.network.dial(line, f"10.0.0.{number + 1}", Weather())
        async with asyncio.timeout(15):
            head = await line.head
        if head.status == 101:
            world.blame(f"a stranger ({kind}) is let in")
    except (TimeoutError, ConnectionRefusedError):
        if not line.gone.is_set() and world.house_at < world.now - 16 and line.told:
            world.blame(f"a stranger ({kind}) may stay")
    except asyncio.CancelledError:
        if not line.gone.is_set():
            raise
    line.hang_up(politely=False)


class _Odd(Line):
    """Knocks oddly."""

    def __init__(self, knock: Knock, random: Random, kind: str) -> None:
        super().__init__(knock, lambda text: None, random)
        self._kind = kind
        self.told = kind in ("silence", "half")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What it says instead of a knock."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        whole = self._knock.text()
        text = {"silence": b"", "noise": b"\x16\x03\x01\x02\x00\r\n\r\n", "half": whole[: len(whole) // 2]}
        transport.write(text.get(self._kind, whole))


# ---- people


@_mishap("password")
async def _password(world: World, random: Random) -> None:
    """A new password; the technician brings it to the station a little later."""
    station = random.choice(world.stations)
    password = f"a new password {random.randrange(5)}"
    station.in_doubt = True
    while not await world.changed(station, password_hash=hashed(password)):
        await asyncio.sleep(1.0)
    await asyncio.sleep(random.choice((0.0, 5.0)))
    station.password = password
    world.changed_at[station.identity] = world.now
    station.in_doubt = False


@_mishap("registration")
async def _registration(world: World, random: Random) -> None:
    station = random.choice(world.stations)
    for registration in (random.choice(("Pending", "Rejected")), "Accepted"):
        while not await world.changed(station, registration=registration):
            await asyncio.sleep(1.0)
        await asyncio.sleep(random.choice((0.0, 20.0)))


@_mishap("remove")
async def _remove(world: World, random: Random) -> None:
    """A station is forgotten, and registered anew after a while; what it has told before stays."""
    station = random.choice(world.stations)
    identity = station.identity
    world.removed.add(identity)
    station.in_doubt = True
    while not await world.edited(station, lambda conn: rows.remove(conn, identity)):
        await asyncio.sleep(1.0)
    await asyncio.sleep(random.choice((0.0, 10.0)))
    row = station_row(identity, station.password, "Accepted", "none", world.house.clock.now())
    while not await world.edited(station, lambda conn: rows.add(conn, row)):
        await asyncio.sleep(1.0)
    station.in_doubt = False


async def people(world: World) -> None:
    """Operators ask stations, until it grows calm."""
    random = Random(f"people {world.seed}")
    pause_s = random.choice((2.0, 5.0, 20.0))
    while not world.calm:
        await asyncio.sleep(random.expovariate(1 / pause_s))
        for _ in range(random.choice((1, 1, 1, 4))):
            world.job(_ask(world, random.choice(world.stations).identity, random))


async def _ask(world: World, identity: str, random: Random) -> None:
    timeout_s = random.choice((0.05, 1.0, 5.0, 30.0, 60.0))
    ask = world.ledger.ask(identity, world.now + timeout_s)
    question = _question(world, f"ask-{ask.number}", ask.number, random)
    bus = world.house.bus
    if bus is None:
        return
    try:
        answer = await bus.ask(identity, question, timeout_s=timeout_s)
    except CsmsError as error:
        ask.outcome = type(error).__name__
        if ask.outcome == "AskSuperseded" and ask.sent:
            world.blame(f"ask {ask.number} was superseded after it was sent")
        if ask.line is not None and ask.line.ended_at < world.now - 0.001:
            world.blame(f"ask {ask.number} waits for a dead connection")
    else:
        ask.outcome = "answered"
        if not ask.sent:
            world.blame(f"ask {ask.number} is answered by {answer!r} and was never sent")
    if world.now > ask.deadline + 0.001:
        world.blame(f"ask {ask.number} took {world.now - ask.deadline:.3f} s longer than it may")
    world.note("asked", ask.number, identity, ask.outcome)


def _question(world: World, mark: str, number: int, random: Random) -> object:
    kind = random.randrange(4)
    component, variable = words.ComponentType(name="C"), words.VariableType(name=mark)
    if kind == 0:
        wanted = words.GetVariableDataType(component=component, variable=variable)
        return words.GetVariablesRequest(get_variable_data=(wanted,))
    if kind == 1:
        data = words.SetVariableDataType(attribute_value="1", component=component, variable=variable)
        return words.SetVariablesRequest(set_variable_data=(data,))
    if kind == 2:
        text = "x" * random.choice((1, 3000))
        return RawCall("DataTransfer", {"vendorId": "v", "messageId": mark, "data": text})
    profile = ChargingProfile(
        number, Purpose.TX, 1, world.house.clock.now(), (Period(0, 1000.0),), 300, None, mark
    )
    return InstallProfile(random.randint(1, 2), profile)


# ---- stations that misbehave


async def misbehave(world: World, station: Station) -> None:
    """What a wrong station does beside its business, until it grows calm."""
    random, manners = Random(f"mischief {world.seed} {station.identity}"), station.manners
    deeds = [deed for chance, deed in ((manners.nonsense, _nonsense), (manners.unsolicited, _unsolicited),
                                       (manners.floods, _flood)) if chance]  # fmt: skip
    while deeds and not world.calm:
        await asyncio.sleep(random.expovariate(1 / 15.0))
        if station.line is not None and station.line.up:
            random.choice(deeds)(station, station.line, random)


def _nonsense(station: Station, line: Line, random: Random) -> None:
    texts = (
        "", "{}", "[]", "[2]", '[2,"x"]', '[2,"x","Heartbeat"]', '[2,7,"Heartbeat",{}]', "[9,\"x\",{}]",
        '[2,"' + "i" * 37 + '","Heartbeat",{}]', '[6,"s","Heartbeat",{}]', '[5,"s","X","",{}]', "\u0000",
        '[2,"x",3,{}]',
    )  # fmt: skip
    if random.random() < 0.2:
        line.put(BINARY, b"\x00\x01")
    else:
        line.say(random.choice(texts))
    number = random.randrange(10**9)
    calls = (
        f'[2,"n{number}","NoSuchAction",{{}}]', f'[2,"n{number}","Reset",{{"type":"Immediate"}}]',
        f'[2,"n{number}","Heartbeat",{{"extra":1}}]', f'[2,"n{number}","MeterValues",{{"evseId":"one"}}]',
        f'[2,"n{number}","TransactionEvent",{{"seqNo":-1}}]', f'[2,"n{number}","Heartbeat",null]',
    )  # fmt: skip
    line.say(random.choice(calls))


def _unsolicited(station: Station, line: Line, random: Random) -> None:
    line.say(
        random.choice(('[3,"no-such-call",{}]', '[4,"1-1","GenericError","",{}]', '[3,"1-1",{}]', "[3]"))
    )


def _flood(station: Station, line: Line, random: Random) -> None:
    """Several calls at once: up to eight may wait, more is too much."""
    for place in range(random.choice((3, 7, 12, 40))):
        id = f"{station.identity}.f{random.randrange(10**9)}.{place}"
        line.say(json.dumps([2, id, "Heartbeat", {}], separators=(",", ":")))
