"""A disk that takes no more: a small file system that is full, or the kernel refusing every write.

Nothing is acknowledged that was not committed, stations are sent away, and all goes on by itself once there
is room.
"""

import asyncio
import ctypes
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reliability.audit import audit
from reliability.crowd import Crowd, Experience
from reliability.databases import SqliteStore
from reliability.server import Server
from reliability.station import Habits

DISK_MIB = 192
LEFT_BYTES = 3 * 2**20
GROWTH_BYTES = 256 * 1024
FULL, REFUSED = "disk full", "I/O error"
CALM_S = 0.5
FILL_S = 60.0
BACK_S = 30.0


class NoSmallDisk(Exception):
    """Only a superuser can mount one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long the disk takes nothing, once the last station is cut off."""

    full_s: float
    times: int = 1
    stations: int = 24
    seed: int = 20261122


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own. Raises `NoSmallDisk`."""
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    size = f"size={DISK_MIB}m".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, size) != 0:
        raise NoSmallDisk(os.strerror(ctypes.get_errno()))
    try:
        yield folder
    finally:
        libc.umount2(os.fsencode(folder), 2)


class _Ballast:
    """Fills a small disk but for a little, and leaves."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._file = disk / "ballast"

    def hurt(self) -> None:
        free = shutil.disk_usage(self._disk).free
        self._file.write_bytes(bytes(max(0, free - LEFT_BYTES)))

    def mend(self) -> None:
        self._file.unlink()


class _Limit:
    """Lets no file of the server grow."""

    def __init__(self, server: Server, store: SqliteStore) -> None:
        self._server = server
        self._store = store

    def hurt(self) -> None:
        sizes = [path.stat().st_size for path in self._store.path.parent.glob("csms.db*")]
        self._server.limit_files_to(max(sizes) + GROWTH_BYTES)

    def mend(self) -> None:
        self._server.limit_files_to(None)


async def full_disk(folder: Path, plan: Plan, tell: Callable[[str], None]) -> list[Experience]:
    """A file system that is full. Raises `NoSmallDisk`."""
    with small_disk(folder / "disk") as disk:
        store = SqliteStore(disk)
        server = Server(folder, store.url)
        return await _run(FULL, plan, server, store, _Ballast(disk), tell)


async def refused_writes(folder: Path, plan: Plan, tell: Callable[[str], None]) -> list[Experience]:
    """The kernel answers each write that would make a file longer with an error (RLIMIT_FSIZE)."""
    store = SqliteStore(folder)
    server = Server(folder, store.url)
    return await _run(REFUSED, plan, server, store, _Limit(server, store), tell)


async def _run(
    name: str,
    plan: Plan,
    server: Server,
    store: SqliteStore,
    harm: _Ballast | _Limit,
    tell: Callable[[str], None],
) -> list[Experience]:
    told = []
    try:
        await server.start()
        crowd = Crowd(server, store, plan.stations, plan.seed, Habits(patience_s=0.5))
        await crowd.register()
        for _ in range(plan.times):
            tell(name)
            told.append(await _fill_and_free(name, plan, crowd, harm))
        code, _ = await server.stop()
        if code != 0:
            told[-1].faults.append(f"the server stopped with {code}")
        if not await store.sound():
            told[-1].faults.append("the file is damaged")
        told[-1].faults += server.complaints()
    finally:
        await server.kill()
    return told


async def _fill_and_free(name: str, plan: Plan, crowd: Crowd, harm: _Ballast | _Limit) -> Experience:
    experience = Experience(name)
    async with crowd.at_work():
        await asyncio.sleep(CALM_S)
        parted = crowd.parted()
        harm.hurt()
        begun = time.perf_counter()
        cut_at = await crowd.cut_since(parted, begun + FILL_S)
        if cut_at is None:
            experience.faults.append("the disk never was full")
        else:
            experience.cut_s = cut_at - begun
        await asyncio.sleep(plan.full_s)
        experience.longest_queue = crowd.queued()
        experience.faults += (await audit(crowd.store, crowd.stations, touched_only=True)).faults
        harm.mend()
        mended = time.perf_counter()
        await crowd.all_connected(BACK_S)
        experience.back_s = time.perf_counter() - mended
        await asyncio.sleep(CALM_S)
    return await crowd.judged_apart(experience, parted)
