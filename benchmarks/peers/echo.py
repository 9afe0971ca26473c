"""The ceiling: a websockets server on uvloop that sends back what comes, and does nothing else.

With a certificate and a key as arguments: over TLS.
"""

import ssl
import sys

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from benchmarks.peers.pipe import obey, tell
from benchmarks.processes import on_fast_loop, raise_file_limit


async def echo(socket: ServerConnection) -> None:
    """Send back what comes."""
    async for message in socket:
        await socket.send(message)


async def main(certificate: str = "", key: str = "") -> None:
    """Serve until told to end."""
    raise_file_limit()
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    protocol = [Subprotocol("ocpp2.0.1")]
    async with serve(
        echo,
        "127.0.0.1",
        0,
        subprotocols=protocol,
        compression=None,
        ping_interval=None,
        backlog=1024,
        ssl=context,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        scheme = "wss" if context else "ws"
        tell({"event": "ready", "ocpp": f"{scheme}://127.0.0.1:{port}/ocpp"})
        await obey()


if __name__ == "__main__":
    on_fast_loop(main(*sys.argv[1:]))
