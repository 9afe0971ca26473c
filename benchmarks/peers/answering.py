"""A scripted server: answers every OCPP 2.0.1 request of a station with the least that the standard wants."""

from datetime import UTC, datetime
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from benchmarks.peers.pipe import obey, tell
from benchmarks.processes import on_fast_loop, raise_file_limit


def _answer(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    match action:
        case "BootNotification":
            return {"currentTime": now, "interval": 300, "status": "Accepted"}
        case "Heartbeat":
            return {"currentTime": now}
        case "Authorize":
            return {"idTokenInfo": {"status": "Accepted"}}
        case "TransactionEvent" if "idToken" in payload:
            return {"idTokenInfo": {"status": "Accepted"}}
        case "NotifyEVChargingNeeds":
            return {"status": "Accepted"}
        case _:
            return {}


async def converse(socket: ServerConnection) -> None:
    """Answer what is asked."""
    async for message in socket:
        kind, message_id, *rest = orjson.loads(message)
        if kind == 2:
            await socket.send(orjson.dumps([3, message_id, _answer(*rest)]).decode())


async def main() -> None:
    """Serve until told to end."""
    raise_file_limit()
    async with serve(
        converse,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol("ocpp2.0.1")],
        compression=None,
        ping_interval=None,
        backlog=1024,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tell({"event": "ready", "ocpp": f"ws://127.0.0.1:{port}/ocpp"})
        await obey()


if __name__ == "__main__":
    on_fast_loop(main())
