"""How each station takes orders: its dialect record."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "dialect_record",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("record", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("name", sa.String),
        sa.Column("vendor", sa.String),
        sa.Column("model", sa.String),
        sa.Column("firmware", sa.String),
        sa.Column("version", sa.String),
        sa.Column("void", sa.String),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.String),
    )
    op.create_index("ix_dialect_record_changed_at", "dialect_record", ["changed_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("dialect_record")
