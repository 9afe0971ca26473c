"""OCPP 1.6: the server dies between a StartTransaction and its answer; asked again it gives one id."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.store import transactions
from csms.store.database import Database
from csms.store.numbering import START
from csms.store.transaction_rows import EVENT, TRANSACTION
from tests.flows.gateway.front import PASSWORD, STATION, basic

CHILD = Path(__file__).with_name("start_child.py")
WAIT_S = 120
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
START_TRANSACTION = {
    "connectorId": 1,
    "idTag": "T",
    "meterStart": 1000,
    "timestamp": "2026-01-01T10:00:00Z",
}


@asynccontextmanager
async def server(url: str, when: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The child and its port."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        url,
        when,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(WAIT_S):
            while not (line := (await child.stdout.readline()).decode().strip()).isdecimal():
                assert line, "the server did not start"
        yield child, int(line)
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def started(port: int) -> dict[str, Any]:
    """Boot and tell the start; its answer."""
    headers = {"Authorization": basic(STATION, PASSWORD)}
    address = f"ws://127.0.0.1:{port}/ocpp/{STATION}"
    async with (
        asyncio.timeout(WAIT_S),
        connect(
            address, subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers, proxy=None
        ) as socket,
    ):
        for number, (action, payload) in enumerate(
            [("BootNotification", BOOT), ("StartTransaction", START_TRANSACTION)]
        ):
            await socket.send(json.dumps([2, str(number), action, payload]))
            frame = json.loads(await socket.recv())
            assert frame[0] == 3, frame
    answer: dict[str, Any] = frame[2]
    return answer


@pytest.mark.timeout(480)
@pytest.mark.parametrize("when", ["unwritten", "written"])
async def test_a_start_that_was_not_answered_has_the_same_id_when_it_is_told_again(
    database_url: str, db: Database, when: str
) -> None:
    async with server(database_url, when) as (child, port):
        with pytest.raises((ConnectionClosed, OSError)):
            await started(port)
        async with asyncio.timeout(WAIT_S):
            assert await child.wait() == -9
    kept = await db.all(select(START.c.transaction_id))
    assert len(kept) == (when == "written")
    async with server(database_url, "never") as (_, port):
        first = await started(port)
        assert await started(port) == first
    number = first["transactionId"]
    assert [row.transaction_id for row in await db.all(select(START.c.transaction_id))] == [number]
    assert not kept or kept[0].transaction_id == number
    rows = await db.all(select(TRANSACTION.c.transaction_id, TRANSACTION.c.conflicts))
    assert [tuple(row) for row in rows] == [(str(number), 0)]
    assert [row.seq_no for row in await db.all(select(EVENT.c.seq_no))] == [0]
    readings = await transactions.readings_of(db, STATION, str(number))
    assert [row.import_wh for row in readings] == [1000.0]
