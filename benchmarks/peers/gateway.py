"""Our gateway with its own bus, to send one profile to all stations as the grid loop does: through the bus.

`fan_out` on standard input: `InstallProfile` to all stations, every answer awaited. The stations come as rows
of a SQLite store in memory; authentication, sessions, limits and logging are the product's.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.peers.pipe import obey, tell, told_all
from benchmarks.processes import on_fast_loop, raise_file_limit
from csms import log
from csms.blocks import ROUTER, smart_charging
from csms.blocks.context import Policy
from csms.bus.memory import MemoryBus
from csms.clock import RealClock
from csms.domain.dialect_record import Discharge, declared
from csms.domain.profile import InstallProfile, lease_profile
from csms.gateway.house import GatewaySettings, House
from csms.gateway.server import Gateway
from csms.pki.passwords import hash_password
from csms.store import stations
from csms.store.database import Database
from csms.store.stations import StationRow
from csms.store.writer import Writer
from csms.wire.v201 import DIALECT

RECORD = declared(Discharge.NEGATIVE_LIMIT)


async def register(db: Database, count: int, secret: str) -> list[str]:
    """Stations that have been accepted before."""
    identities = [f"s{number}" for number in range(count)]
    hashed, now = hash_password(secret), datetime.now(UTC)
    async with db.begin() as conn:
        for identity in identities:
            row = StationRow(
                identity=identity,
                password_hash=hashed,
                onboarding="none",
                boot_answer="Accepted",
                created_at=now,
            )
            await stations.add(conn, row, [])
    return identities


async def fan_out(bus: MemoryBus, identities: list[str], command: dict[str, Any]) -> dict[str, Any]:
    """Seconds until every station has accepted."""

    async def one(identity: str) -> bool:
        profile = lease_profile(1, "t-1", command["limit_w"], datetime.now(UTC), 300)
        return (await smart_charging.install(bus, identity, InstallProfile(1, profile, RECORD))).accepted

    begun = time.perf_counter()
    accepted = await told_all(identities, command["in_flight"], one)
    return {"seconds": time.perf_counter() - begun, "accepted": accepted}


async def main(count: int, secret: str) -> None:
    """Serve until told to end."""
    raise_file_limit()
    log.configure("info", "json")
    db = await Database.open("sqlite://")
    await db.migrate()
    identities = await register(db, count, secret)
    writer, bus = Writer(db), MemoryBus()
    settings = GatewaySettings(port=0)
    gateway = Gateway(House(db, writer, bus, RealClock(), ROUTER, [DIALECT], Policy(), settings))
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(writer.run())
        serving = group.create_task(gateway.run())
        await gateway.started.wait()
        tell({"event": "ready", "ocpp": f"ws://127.0.0.1:{gateway.port}{settings.path}"})
        await obey(lambda command: fan_out(bus, identities, command))
        serving.cancel()
        await asyncio.wait([serving])
        await writer.close()
        await writing
    await db.close()


if __name__ == "__main__":
    on_fast_loop(main(int(sys.argv[1]), sys.argv[2]))
