"""The ids that we give to transactions of stations that have none of their own (OCPP 1.6)."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "transaction_start",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("transaction_id", sa.Integer, nullable=False, unique=True),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("transaction_start")
