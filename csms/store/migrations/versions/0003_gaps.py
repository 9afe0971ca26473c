"""An index on transactions with gaps: they are asked for at each connection of their station."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HAS_GAPS = sa.text("seen LIKE '%,%'")


def upgrade() -> None:
    """Add the index."""
    op.create_index(
        "ix_transaction_gaps",
        "transaction",
        ["identity"],
        sqlite_where=HAS_GAPS,
        postgresql_where=HAS_GAPS,
    )


def downgrade() -> None:
    """Remove the index."""
    op.drop_index("ix_transaction_gaps", "transaction")
