"""Files from and to a server that never comes to an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chargepoint_sim.station.transfer import Transfer, TransferFailed

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"


@asynccontextmanager
async def answering() -> AsyncIterator[str]:
    """A server that answers every request with a body that takes for ever; its address."""

    at_work: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        at_work.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_HEAD)
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            at_work.discard(task)
            writer.transport.abort()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/file"
        while at_work:
            await asyncio.wait([each for each in at_work if each.cancel()])


async def test_a_file_that_trickles_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chargepoint_sim.station.transfer._WHOLE_S", 0.3)
    async with answering() as url:
        with pytest.raises(TransferFailed):
            await asyncio.wait_for(Transfer(lambda: None).download(url), 20)


async def test_what_a_server_says_of_an_upload_is_not_read_to_its_end() -> None:
    async with answering() as url:
        await asyncio.wait_for(Transfer(lambda: None).upload(url, "a.log", b"lines"), 20)
