"""Files from and to a server that never comes to an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from chargepoint_sim.station.transfer import Transfer, TransferFailed

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """A server that answers every request with a body that takes for ever; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_HEAD)
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/file"


async def test_a_file_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargepoint_sim.station.transfer._WHOLE_S", 0.3)
    async with answering() as url:
        with pytest.raises(TransferFailed):
            await asyncio.wait_for(Transfer(lambda: None).download(url), 20)


async def test_what_a_server_says_of_an_upload_is_not_read_to_its_end() -> None:
    async with answering() as url:
        await asyncio.wait_for(Transfer(lambda: None).upload(url, "a.log", b"lines"), 20)
