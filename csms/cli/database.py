"""`csms db ...`: migrate, check, backup."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from csms.cli.options import Json
from csms.cli.outcome import Failed, as_json, say
from csms.cli.serve import ConfigOption
from csms.settings import load
from csms.store import programs
from csms.store.database import Database

app = typer.Typer(help="The database.", no_args_is_help=True)
T = TypeVar("T")


@app.command()
def migrate(config: ConfigOption = None, json: Json = False) -> None:
    """Bring the schema to the newest revision; `serve` does the same at its start."""
    _with_database(config, lambda db: db.migrate())
    as_json({"migrated": True}) if json else say("The schema is at its newest revision.")


@app.command()
def check(config: ConfigOption = None, json: Json = False) -> None:
    """Say whether the database can be reached, is whole and has its tables."""

    async def look(db: Database) -> int:
        if db.dialect == "sqlite":
            await asyncio.to_thread(_integrity, Path(str(db.url.database)))
        return len(await programs.listing(db))

    count = _with_database(config, look)
    as_json({"ok": True, "programs": count}) if json else say("The database is in order.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to; it must not exist.")],
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Copy a SQLite database while it is in use. For PostgreSQL use pg_dump."""
    if file.exists():
        raise Failed(f"{file} exists already.")

    async def copy(db: Database) -> None:
        if db.dialect != "sqlite":
            raise Failed("PostgreSQL has its own way: pg_dump.")
        await asyncio.to_thread(_copy, Path(str(db.url.database)), file)

    _with_database(config, copy)
    as_json({"file": str(file)}) if json else say(f"Copied to {file}.")


def _with_database(config: Path | None, act: Callable[[Database], Awaitable[T]]) -> T:
    settings = load(config)

    async def main() -> T:
        db = await Database.open(settings.store.url)
        try:
            return await act(db)
        finally:
            await db.close()

    return asyncio.run(main())


def _integrity(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise Failed(f"{path}: {found}")


def _copy(source: Path, target: Path) -> None:
    try:
        target.touch(mode=0o600, exist_ok=False)  # it holds password hashes
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except (OSError, sqlite3.Error) as error:
        raise Failed(f"{target} cannot be written: {error}") from None
