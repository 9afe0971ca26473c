"""What one peer can cost: section 2.2 rows 13 and 14."""

import asyncio
import resource
import zlib
from contextlib import suppress

from tests.flows.gateway.front import Front, RawClient, front


def deflated_zeros(size: int) -> bytes:
    """A permessage-deflate payload that inflates to so many zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    return packer.compress(bytes(size)) + packer.flush(zlib.Z_SYNC_FLUSH)[:-4]


async def test_section_2_2_row_13_a_compression_bomb_is_1009_and_memory_stays_flat(door: Front) -> None:
    client = await door.raw(extra=("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",))
    assert b"permessage-deflate" in client.head
    assert b"server_max_window_bits=12" in client.head
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    client.send_text(deflated_zeros(200_000_000), opcode=0xC1)
    async with asyncio.timeout(10):
        head = await client.reader.readexactly(4)
    assert head[0] == 0x88
    assert int.from_bytes(head[2:4], "big") == 1009
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB
    client.abort()


async def test_section_2_2_row_13_endless_fragments_are_bounded(door: Front) -> None:
    client = await door.raw()
    client.send_text(b"", opcode=0x01)
    for _ in range(100_000):
        client.send_text(b"", opcode=0x00)
    async with asyncio.timeout(20):
        head = await client.reader.read(4)
    assert head == b"" or head[0] == 0x88
    client.abort()
    await door.connections(0)


async def test_section_2_2_row_14_slow_headers_are_cut() -> None:
    async with front(upgrade_timeout_s=0.2) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.gateway.port)
        writer.write(b"GET /ocpp/cs-1 HTTP/1.1\r\n")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_section_2_2_row_05_only_so_many_may_wait_before_they_say_who_they_are() -> None:
    async with front(max_unauthenticated=5, upgrade_timeout_s=0.5) as door, door.connected() as client:
        slow = [await asyncio.open_connection("127.0.0.1", door.gateway.port) for _ in range(20)]
        async with asyncio.timeout(5):
            ended = [await reader.read() for reader, _ in slow]  # fifteen at once, five after their time
        assert ended == [b""] * 20
        for _, writer in slow:
            writer.close()
        await client.result("Heartbeat", {})
        await door.add_station("cs-2")
        async with door.connected("cs-2"):
            assert door.gateway.connections == 2


async def test_section_2_2_row_14_who_is_silent_after_the_upgrade_is_closed() -> None:
    async with front(first_message_timeout_s=0.2) as door:
        async with door.connected(boot=False) as client:
            assert await client.closed() == 1008
        async with door.connected(boot=False) as client:
            await client.send("nonsense is no valid message")
            await client.receive()
            assert await client.closed() == 1008
        async with door.connected() as client:
            await asyncio.sleep(0.4)
            await client.result("Heartbeat", {})
        async with door.connected(boot=False) as client:  # accepted before, and idle until its next heartbeat
            await asyncio.sleep(0.4)
            await client.result("Heartbeat", {})


async def test_section_2_2_row_14_who_does_not_read_is_dropped() -> None:
    async with front(write_buffer_bytes=64 * 1024) as door:
        client = await door.raw()
        assert client.status == 101
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        flood = asyncio.create_task(_flood(client))
        async with asyncio.timeout(15):
            await door.connections(1)
            await door.connections(0)
        flood.cancel()
        client.abort()


async def _flood(client: RawClient) -> None:
    """Frames that are answered with an error each, as fast as they are taken."""
    with suppress(ConnectionError):
        while not client.writer.transport.is_closing():
            for _ in range(2000):
                client.send_text(b'[2,7,"x",{}]')
            await client.writer.drain()
