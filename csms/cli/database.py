"""`csms db ...`: migrate, check, backup.

The store and all that it stands on are imported when they are needed: no other command shall wait for them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from csms.cli.options import Json
from csms.cli.outcome import as_json, say
from csms.cli.serve import ConfigOption

if TYPE_CHECKING:
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
    from csms.store import backup as whole
    from csms.store import programs

    async def look(db: "Database") -> int:
        await whole.check_whole(db)
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
    from csms.store import backup as whole

    _with_database(config, lambda db: whole.copy(db, file))
    as_json({"file": str(file)}) if json else say(f"Copied to {file}.")


def _with_database(config: Path | None, act: Callable[["Database"], Awaitable[T]]) -> T:
    from csms.settings import load
    from csms.store.database import Database

    settings = load(config)

    async def main() -> T:
        db = await Database.open(settings.store.url)
        try:
            return await act(db)
        finally:
            await db.close()

    return asyncio.run(main())
