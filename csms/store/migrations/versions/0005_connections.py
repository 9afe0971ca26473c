"""How each station's connection is watched: its own ping interval, and whether its newest one wins."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("station", sa.Column("ping_interval_s", sa.Float))
    op.add_column("station", sa.Column("newest_wins", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("station", "newest_wins")
    op.drop_column("station", "ping_interval_s")
