"""A SQLite file as a whole: is it sound, and a copy of it while it is in use."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from csms.errors import Refused, StoreUnavailable
from csms.store.database import Database


async def check_whole(db: Database) -> None:
    """Read the whole file through; other databases look after themselves. Raises `StoreUnavailable`."""
    if db.dialect == "sqlite":
        await asyncio.to_thread(_check, Path(str(db.url.database)))


async def copy(db: Database, target: Path) -> None:
    """Copy a SQLite database to a new file while it is in use. Raises `Refused`."""
    if db.dialect != "sqlite":
        raise Refused("PostgreSQL has its own way: pg_dump.")
    await asyncio.to_thread(_copy, Path(str(db.url.database)), target)


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise StoreUnavailable(f"{path}: {found}")


def _copy(source: Path, target: Path) -> None:
    try:
        target.touch(mode=0o600, exist_ok=False)  # it holds password hashes
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except FileExistsError:
        raise Refused(f"{target} exists already.") from None
    except (OSError, sqlite3.Error) as error:
        raise Refused(f"{target} cannot be written: {error}") from None
