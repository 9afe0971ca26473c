"""Open transactions lie together: each event rewrites one, and pages are what a commit costs.

By its key, every station's newest transaction lay on a page of its own; by age, a dozen share one. Nobody
asks for transactions by token, and each rewrite of a row wrote its place in that index anew.
"""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_APART = " WITHOUT ROWID"


def upgrade() -> None:
    """Drop the index by token; SQLite keeps the table by age."""
    op.drop_index("ix_transaction_id_token", "transaction")
    _rebuild(lambda text: text.replace(_APART, ""))


def downgrade() -> None:
    """By key, as before."""
    _rebuild(lambda text: text.rstrip() + _APART)
    op.create_index("ix_transaction_id_token", "transaction", ["id_token"])


def _rebuild(changed: Callable[[str], str]) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    of_it = sa.text("SELECT type, sql FROM sqlite_master WHERE tbl_name = 'transaction' AND sql IS NOT NULL")
    texts = connection.execute(of_it).all()
    op.rename_table("transaction", "transaction_before")
    (table,) = (text for kind, text in texts if kind == "table")
    op.execute(changed(table))
    op.execute('INSERT INTO "transaction" SELECT * FROM transaction_before ORDER BY started_at, identity')
    op.drop_table("transaction_before")
    for kind, text in texts:
        if kind == "index":
            op.execute(text)
