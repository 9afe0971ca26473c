"""The hostile inputs of section 2.3 against the `ocpp` package's README server: a table for the docs.

Run by hand: `python -m tools.compare_hostile`. Our own answers are a test, in
`tests/flows/gateway/test_hostile.py`.
"""

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint as Library
from ocpp.v201 import call_result
from ocpp.v201.enums import Action
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.unit.wire.hostile import REFUSED

WAIT_S = 2.0
ALIVE = '[2,"alive","Heartbeat",{}]'


class ChargePoint(Library):  # type: ignore[misc]
    """Answers as the README does."""

    @on(Action.heartbeat)  # type: ignore[untyped-decorator]
    def on_heartbeat(self) -> Any:
        """The time."""
        return call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())

    @on(Action.meter_values)  # type: ignore[untyped-decorator]
    def on_meter_values(self, **_: Any) -> Any:
        """Taken."""
        return call_result.MeterValues()

    @on(Action.authorize)  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: Any) -> Any:
        """Accepted."""
        return call_result.Authorize(id_token_info={"status": "Accepted"})


async def _serve(socket: ServerConnection) -> None:
    try:
        await ChargePoint("cs-1", socket).start()
    except ConnectionClosed:
        return


async def _outcome(port: int, text: str | bytes) -> str:
    """What comes back, and whether the session lives."""
    url = f"ws://127.0.0.1:{port}/cs-1"
    async with connect(url, subprotocols=[Subprotocol("ocpp2.0.1")], compression=None, proxy=None) as socket:
        await socket.send(text)
        await socket.send(ALIVE)
        said, alive = "no answer", False
        try:
            async with asyncio.timeout(WAIT_S):
                while not alive:
                    frame = json.loads(await socket.recv())
                    alive = frame[1] == "alive"
                    if not alive:
                        said = "taken" if frame[0] == 3 else f"{frame[2]}, id {frame[1]}"
        except (ConnectionClosed, TimeoutError):
            return f"{said}; the session ends"
    return said


async def main() -> None:
    """Print the table."""
    for name in ("ocpp", "websockets.server"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    async with serve(_serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp2.0.1")]) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print("| input | csms | README server of `ocpp` |\n| --- | --- | --- |")
        for parameters in REFUSED:
            text, (id, code) = parameters.values[0], map(str, parameters.values[1:])
            assert isinstance(text, str | bytes)
            print(f"| {parameters.id} | {code}, id {id} | {await _outcome(port, text)} |")


if __name__ == "__main__":
    asyncio.run(main())
