"""Sites lie within each other, and a station may have limits of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("site", sa.Column("within_id", sa.String))
    op.add_column("station", sa.Column("import_limit_w", sa.Float))
    op.add_column("station", sa.Column("export_limit_w", sa.Float))


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("station", "export_limit_w")
    op.drop_column("station", "import_limit_w")
    op.drop_column("site", "within_id")
