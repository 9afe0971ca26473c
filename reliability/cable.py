"""A TCP way from the server to PostgreSQL that can fall silent: sockets stay open, nothing passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 64 * 1024


class Cable:
    """Make it with `cable`."""

    def __init__(self, path: str) -> None:
        self.port = 0
        self._path = path
        self._well = asyncio.Event()
        self._well.set()

    def silence(self) -> None:
        """Nothing passes from now on, as with a network that drops every packet."""
        self._well.clear()

    def mend(self) -> None:
        """What was held back passes, and all after it."""
        self._well.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end has had enough."""
        try:
            back_reader, back_writer = await asyncio.open_unix_connection(self._path)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.ensure_future(self._pass_on(reader, back_writer)),
            asyncio.ensure_future(self._pass_on(back_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            back_writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._well.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def cable(path: str) -> AsyncIterator[Cable]:
    """A cable to this Unix socket, on a free port of this machine."""
    line = Cable(path)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.mend()
