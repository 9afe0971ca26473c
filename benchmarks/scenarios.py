"""The scenarios: who is measured with what, in which order, and which ratios follow."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.figures import Round, Series
from benchmarks.plan import Plan
from benchmarks.processes import Child
from benchmarks.subjects import (
    ECHO,
    FORGETFUL,
    GATEWAY,
    POSTGRESQL,
    README,
    RPC,
    SECURE,
    SECURE_ECHO,
    SQLITE,
    Subject,
    Yard,
)
from benchmarks.writer import writer_alone

HANDSHAKES_AT_ONCE = 64
FAN_OUT_IN_FLIGHT = 200  # as many as the grid loop has
FIRST_STATIONS = 10
WARM_UP_S = 1.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario works with. `step` tells that one measurement more is done."""

    yard: Yard
    load: Child
    plan: Plan
    step: Callable[[str], None]


Scenario = Callable[[Bench], Awaitable[list[Series]]]
Measurement = Callable[[Subject], Awaitable[Round]]


async def connect(bench: Bench, subject: Subject, part: slice = slice(None)) -> dict[str, Any]:
    """Connect and boot a subject's stations (or a part of them); seconds and rate."""
    return await bench.load.ask(
        do="connect",
        set=subject.name,
        url=subject.url,
        stations=subject.stations[part],
        at_once=HANDSHAKES_AT_ONCE,
        boot=True,
        echo=subject.echo,
    )


async def start_all(
    bench: Bench, stack: AsyncExitStack, names: Sequence[str], count: int
) -> dict[str, Subject]:
    """Start those that are here, one after the other, with all their stations connected."""
    subjects = {}
    for name in names:
        if name in bench.yard.missing:
            continue
        bench.step(f"starting {name}")
        subject = await stack.enter_async_context(bench.yard.start(name, count))
        stack.push_async_callback(bench.load.ask, do="close", set=name)
        await connect(bench, subject)
        subjects[name] = subject
    return subjects


async def under_load(bench: Bench, subject: Subject, **command: object) -> Round:
    """One measurement by the generator, and what it cost the server in CPU time."""
    before = subject.child.cpu_s()
    answer: Round = await bench.load.ask(set=subject.name, **command)
    answer["server_us"] = (subject.child.cpu_s() - before) / max(1.0, answer["count"]) * 1e6
    return answer


async def interleaved(
    bench: Bench, name: str, runs: Sequence[tuple[Subject, str, dict[str, Any]]], rounds: int
) -> list[Series]:
    """A B C A B C; before the first round each runs once for a second that does not count."""
    series = [Series(name, subject.name, command["kind"]) for subject, _, command in runs]
    for number in range(rounds + 1):
        for (subject, label, command), each in zip(runs, series, strict=True):
            bench.step(f"{name}: {label}, round {number} of {rounds}")
            if number == 0:
                await under_load(bench, subject, **{**command, "seconds": min(WARM_UP_S, command["seconds"])})
            else:
                each.rounds.append(await under_load(bench, subject, **command))
    return series


async def _durable(bench: Bench, name: str, count: int) -> list[Series]:
    plan = bench.plan
    async with AsyncExitStack() as stack:
        subjects = await start_all(bench, stack, (ECHO, SQLITE, POSTGRESQL, README, RPC), count)
        command = {"do": "closed", "kind": "event", "seconds": plan.seconds}
        runs = [(each, each.name, command) for each in subjects.values()]
        return await interleaved(bench, name, runs, plan.rounds)


async def durable_few(bench: Bench) -> list[Series]:
    """Durable TransactionEvents, 100 stations."""
    return await _durable(bench, "durable-100", bench.plan.few)


async def durable_many(bench: Bench) -> list[Series]:
    """Durable TransactionEvents, 1,000 stations."""
    return await _durable(bench, "durable-1000", bench.plan.many)


async def validated(bench: Bench) -> list[Series]:
    """Validated and not stored: Heartbeats, and TransactionEvents with a writer that forgets."""
    plan = bench.plan
    async with AsyncExitStack() as stack:
        subjects = await start_all(bench, stack, (ECHO, SQLITE, FORGETFUL, README, RPC), plan.few)
        runs = []
        for kind in ("heartbeat", "event"):
            left_out = FORGETFUL if kind == "heartbeat" else SQLITE
            command = {"do": "closed", "kind": kind, "seconds": plan.seconds}
            runs += [
                (each, f"{each.name}, {kind}", command) for each in subjects.values() if each.name != left_out
            ]
        return await interleaved(bench, "validated", runs, plan.rounds)


async def open_loop(bench: Bench) -> list[Series]:
    """Latency at a fixed rate, 1,000 stations, from the moment an event was due."""
    plan = bench.plan
    async with AsyncExitStack() as stack:
        subjects = await start_all(bench, stack, (FORGETFUL, SQLITE, POSTGRESQL, RPC), plan.many)
        command = {"do": "open", "kind": "event", "seconds": plan.open_seconds, "rate": plan.open_rate}
        runs = [(each, each.name, command) for each in subjects.values()]
        return await interleaved(bench, "open-loop", runs, plan.rounds)


async def fan_out(bench: Bench) -> list[Series]:
    """One profile to all stations, every answer awaited."""
    found: list[Series] = []
    for count in bench.plan.fan_out:
        async with AsyncExitStack() as stack:
            benches: dict[str, tuple[Bench, Subject]] = {}
            for name in (GATEWAY, README):
                # a generator for each: one alone may not have files enough for the stations of both
                own = replace(bench, load=await stack.enter_async_context(bench.yard.generator()))
                subject = (await start_all(own, stack, (name,), count))[name]
                benches[name] = own, subject
            series = {name: Series("fan-out", name, f"{count}") for name in benches}
            for number in range(min(3, bench.plan.rounds) + 1):
                for name, (own, subject) in benches.items():
                    bench.step(f"fan-out to {count}: {name}, round {number}")
                    measured = await _fan_out(own, subject, count, number)
                    if number > 0:
                        series[name].rounds.append(measured)
            found += series.values()
    return found


async def _fan_out(bench: Bench, subject: Subject, count: int, number: int) -> Round:
    before = subject.child.cpu_s()
    answered = (await bench.load.ask(do="answered", set=subject.name))["count"]
    told = await subject.child.ask(in_flight=FAN_OUT_IN_FLIGHT, limit_w=-1000.0 - number)
    really = (await bench.load.ask(do="answered", set=subject.name))["count"] - answered
    if told["accepted"] != count or really != count:
        raise AssertionError(f"{subject.name}: {told['accepted']} accepted, {really} asked, of {count}")
    return {
        "seconds": told["seconds"],
        "rate": count / told["seconds"],
        "server_us": (subject.child.cpu_s() - before) / count * 1e6,
    }


async def connections(bench: Bench) -> list[Series]:
    """Handshakes with authentication and boot, and the memory of a station that then is idle."""
    return await _handshakes(bench, "connections", (ECHO, SQLITE, README, RPC))


async def tls(bench: Bench) -> list[Series]:
    """Security profile 2: handshakes and memory as without TLS, then Heartbeats and durable events."""
    plan, names = bench.plan, (SECURE_ECHO, SECURE)
    found = await _handshakes(bench, "tls", names)
    async with AsyncExitStack() as stack:
        subjects = await start_all(bench, stack, names, plan.few)
        runs = []
        for kind in ("heartbeat", "event"):
            command = {"do": "closed", "kind": kind, "seconds": plan.seconds}
            runs += [(each, f"{each.name}, {kind}", command) for each in subjects.values()]
        return found + await interleaved(bench, "tls", runs, plan.rounds)


async def _handshakes(bench: Bench, scenario: str, subjects: Sequence[str]) -> list[Series]:
    names = [name for name in subjects if name not in bench.yard.missing]
    series = {name: Series(scenario, name, "boot") for name in names}
    for number in range(bench.plan.connection_rounds):
        for name in names:
            bench.step(f"{scenario}: {name}, round {number + 1}")
            async with bench.yard.start(name, bench.plan.handshakes, fresh=True) as subject:
                series[name].rounds.append(await _connections(bench, subject))
    return list(series.values())


async def _connections(bench: Bench, subject: Subject) -> Round:
    await connect(bench, subject, slice(FIRST_STATIONS))
    memory_kib, cpu_s = subject.child.resident_kib(), subject.child.cpu_s()
    answer: Round = await connect(bench, subject, slice(FIRST_STATIONS, None))
    count = len(subject.stations) - FIRST_STATIONS
    answer["server_us"] = (subject.child.cpu_s() - cpu_s) / count * 1e6
    await asyncio.sleep(1.0)  # what a boot leaves to do is done
    answer["kib"] = (subject.child.resident_kib() - memory_kib) / count
    await bench.load.ask(do="close", set=subject.name)
    return answer


async def writer(bench: Bench) -> list[Series]:
    """The writer without sockets: events a second that it can keep."""
    return await writer_alone(bench.yard, bench.plan, bench.step)


SCENARIOS: dict[str, Scenario] = {
    "durable-100": durable_few,
    "durable-1000": durable_many,
    "validated": validated,
    "open-loop": open_loop,
    "fan-out": fan_out,
    "connections": connections,
    "tls": tls,
    "writer": writer,
}
