"""Run by Alembic. The connection comes from `Database.migrate`; there is no ini file and no URL here."""

from alembic import context
from sqlalchemy import Connection, text

from csms.store.migrations.tables import METADATA

_ONE_AT_A_TIME = 7_262_401  # any number, but the same on every node


def run() -> None:
    """Migrate over the connection that was handed in, inside its transaction."""
    connection: Connection = context.config.attributes["connection"]
    if connection.dialect.name == "postgresql":
        # nodes that start together migrate one after another
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    # The transaction is the caller's: SQLite's BEGIN IMMEDIATE keeps other processes out meanwhile.
    context.run_migrations()


run()
