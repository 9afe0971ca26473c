"""Calls that are sent again by themselves; signed meter values; stations by their serial number."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, the table and the indexes."""
    op.add_column("call", sa.Column("retry", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("call", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.create_index(
        "ix_call_waiting",
        "call",
        ["identity"],
        sqlite_where=sa.text("retry = 1 AND state = 'accepted'"),
        postgresql_where=sa.text("retry = true AND state = 'accepted'"),
    )
    op.create_index("ix_station_serial_number", "station", ["serial_number"])
    op.create_table(
        "signed_values",
        sa.Column("identity", sa.String, primary_key=True, nullable=False),
        sa.Column("evse_id", sa.Integer, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, primary_key=True, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_table("signed_values")
    op.drop_index("ix_station_serial_number", "station")
    op.drop_index("ix_call_waiting", "call")
    op.drop_column("call", "attempts")
    op.drop_column("call", "retry")
