"""States of charge that telematics or people tell."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "vehicle_soc",
        sa.Column("vehicle_id", sa.String, primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("soc", sa.Float, nullable=False),
        sa.Column("accuracy", sa.Float, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("valid_until", sa.BigInteger, nullable=False),
        sa.Column("identity", sa.String),
        sa.Column("transaction_id", sa.String),
        sa.Column("export_wh", sa.Float),
        sa.Column("read_at", sa.BigInteger),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("vehicle_soc")
