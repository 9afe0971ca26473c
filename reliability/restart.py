"""How long a server with the state of a whole fleet takes until it listens, and until it is at ease.

One station tells one long transaction over its socket. Then its rows are copied in the database for as many
stations as are wanted, as if all of them had been connected and charging when the server died.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from reliability.copies import TEMPLATE, clone, copies
from reliability.crowd import PASSWORD
from reliability.databases import PostgresStore, SqliteStore, postgres
from reliability.link import Link
from reliability.server import Server

TABLES = ("station", "transaction", "transaction_event", "reading")
LOOK_S = 15.0
BOOT = json.dumps({"reason": "PowerUp", "chargingStation": {"vendorName": "Witness", "model": "W1"}})


@dataclass(frozen=True, slots=True)
class Plan:
    """How much the server has to come back with."""

    stations: int = 10_000
    events: int = 60
    """Of each station's open transaction."""
    starts: int = 3
    look_s: float = LOOK_S


@dataclass
class Start:
    """One start on that state. The first is after a clean stop, the others after SIGKILL."""

    ready_s: float
    ready_cpu_s: float
    """CPU seconds of the server until it listened: what counts where others are at work as well."""
    accepted_s: float
    """From the start of the process until the first station's boot was accepted."""
    worst_answer_s: float
    """The longest that /healthz took in the time after: the first ticks of the grid loop lie in it."""
    cpu_s: float
    """CPU seconds until then."""
    resident_mib: float


@dataclass
class Restarts:
    """All starts on one database."""

    store: str
    stations: int
    events: int
    starts: list[Start]


async def restarts_on_sqlite(folder: Path, plan: Plan, tell: Callable[[str], None]) -> Restarts:
    """On a SQLite file in this folder."""
    return await _run("SQLite", folder, plan, SqliteStore(folder), tell)


async def restarts_on_postgresql(folder: Path, plan: Plan, tell: Callable[[str], None]) -> Restarts:
    """On a PostgreSQL of its own in this folder."""
    async with postgres() as database:
        await database.create("restart")
        return await _run("PostgreSQL", folder, plan, PostgresStore(database, "restart"), tell)


async def _run(
    name: str, folder: Path, plan: Plan, store: SqliteStore | PostgresStore, tell: Callable[[str], None]
) -> Restarts:
    server = Server(folder, store.url)
    told = Restarts(name, plan.stations, plan.stations * plan.events, [])
    try:
        tell("one station tells its transaction")
        await server.start()
        await server.register([TEMPLATE], PASSWORD)
        await _tell(server, plan.events)
        await server.stop()
        tell(f"{told.events} events")
        for table in TABLES:
            await store.change(copies(table, await store.columns(table), plan.stations))
        await store.change("ANALYZE")
        for number in range(plan.starts):
            tell(f"start {number + 1}")
            told.starts.append(await _start(server, plan))
            await server.kill()
    finally:
        await server.kill()
    return told


async def _tell(server: Server, events: int) -> None:
    link = await Link.connect(server.ocpp, TEMPLATE, PASSWORD)
    await link.ask("boot", f'[2,"boot","BootNotification",{BOOT}]')
    begun = datetime.now(UTC) - timedelta(seconds=30 * events)
    for seq_no in range(events):
        at = (
            (begun + timedelta(seconds=30 * seq_no)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
        samples = [
            {"value": 60.0 * seq_no},
            {"value": 7200, "measurand": "Power.Active.Import"},
            {"value": 20 + seq_no % 60, "measurand": "SoC"},
        ]
        payload = {
            "eventType": "Updated" if seq_no else "Started",
            "timestamp": at,
            "triggerReason": "MeterValuePeriodic" if seq_no else "CablePluggedIn",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": TEMPLATE, "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": at, "sampledValue": samples}],
        }
        await link.ask(f"e{seq_no}", f'[2,"e{seq_no}","TransactionEvent",{json.dumps(payload)}]')
    link.close()


async def _start(server: Server, plan: Plan) -> Start:
    begun = time.perf_counter()
    await server.start()
    ready_s, ready_cpu_s = time.perf_counter() - begun, server.cpu_s()
    link = await Link.connect(server.ocpp, clone(1), PASSWORD)
    answer = await link.ask("boot", f'[2,"boot","BootNotification",{BOOT}]')
    if answer[0] != 3:
        raise ValueError(f"the boot was answered with {answer}")
    accepted_s = time.perf_counter() - begun
    worst_s = await _worst_answer(server, plan.look_s)
    link.close()
    return Start(ready_s, ready_cpu_s, accepted_s, worst_s, server.cpu_s(), server.resident_mib())


async def _worst_answer(server: Server, seconds: float) -> float:
    worst_s, until = 0.0, time.perf_counter() + seconds
    async with httpx.AsyncClient(base_url=server.api, timeout=60.0) as rest:
        while (asked := time.perf_counter()) < until:
            (await rest.get("/healthz")).raise_for_status()
            worst_s = max(worst_s, time.perf_counter() - asked)
            await asyncio.sleep(0.02)
    return worst_s
