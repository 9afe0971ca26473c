"""The ceiling: a websockets server on uvloop that sends back what comes, and does nothing else."""

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from benchmarks.peers.pipe import obey, tell
from benchmarks.processes import on_fast_loop, raise_file_limit


async def echo(socket: ServerConnection) -> None:
    """Send back what comes."""
    async for message in socket:
        await socket.send(message)


async def main() -> None:
    """Serve until told to end."""
    raise_file_limit()
    protocol = [Subprotocol("ocpp2.0.1")]
    async with serve(
        echo, "127.0.0.1", 0, subprotocols=protocol, compression=None, ping_interval=None, backlog=1024
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tell({"event": "ready", "ocpp": f"ws://127.0.0.1:{port}/ocpp"})
        await obey()


if __name__ == "__main__":
    on_fast_loop(main())
