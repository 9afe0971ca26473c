"""Events are found by their transaction's number.

Numbers grow, so what transactions that run at one time tell goes to the same few pages of the key. By the
stations' own names each had a page of its own, and pages are what a commit costs. The old events are copied:
that takes a while where there are many.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NAMES = (
    "seq_no, identity, transaction_id, type, trigger, at, received_at, offline, digest, answer_status, "
    "payload, evse_id, read_at, power_w, import_wh, export_wh, soc, context"
)
_NUMBER = (
    '(SELECT number FROM "transaction" AS of_it WHERE of_it.identity = before.identity '
    "AND of_it.transaction_id = before.transaction_id)"
)
_BY_AGE = "row_number() OVER (ORDER BY started_at, identity, transaction_id)"


def upgrade() -> None:
    """Number the transactions by age, and copy the events."""
    op.add_column("transaction", sa.Column("number", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        f'UPDATE "transaction" SET number = aged.number FROM '  # noqa: S608 - no values
        f'(SELECT identity, transaction_id, {_BY_AGE} AS number FROM "transaction") AS aged '
        'WHERE "transaction".identity = aged.identity AND "transaction".transaction_id = aged.transaction_id'
    )
    op.create_index("ix_transaction_number", "transaction", ["number"], unique=True)
    _copied(
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        into=f"(number, {_NAMES})",
        selected=f"{_NUMBER}, {_NAMES}",
    )


def downgrade() -> None:
    """By the stations' names, as before."""
    _copied(
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("transaction_id", sa.String, primary_key=True),
        sa.Column("seq_no", sa.BigInteger, primary_key=True, autoincrement=False),
        into=f"({_NAMES})",
        selected=_NAMES,
    )
    op.drop_index("ix_transaction_number", "transaction")
    op.drop_column("transaction", "number")


def _copied(*key: sa.Column[object], into: str, selected: str) -> None:
    """The events in a table with this key."""
    op.rename_table("transaction_event", "before")
    op.create_table(
        "transaction_event",
        *key,
        sa.Column("type", sa.String, nullable=False),
        sa.Column("trigger", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("offline", sa.Boolean, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("answer_status", sa.String),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("evse_id", sa.Integer),
        sa.Column("read_at", sa.BigInteger),
        sa.Column("power_w", sa.Float),
        sa.Column("import_wh", sa.Float),
        sa.Column("export_wh", sa.Float),
        sa.Column("soc", sa.Float),
        sa.Column("context", sa.String),
    )
    op.execute(f"INSERT INTO transaction_event {into} SELECT {selected} FROM before")  # noqa: S608 - no values
    op.drop_table("before")
