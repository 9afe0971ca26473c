"""An event's first reading lies in the event's own row.

Events are only appended. Among the readings of all EVSEs it lay on a page of its own, and pages are what a
commit costs. Readings that are there already stay where they are: whoever reads looks in both places.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = {
    "evse_id": sa.Integer,
    "read_at": sa.BigInteger,
    "power_w": sa.Float,
    "import_wh": sa.Float,
    "export_wh": sa.Float,
    "soc": sa.Float,
    "context": sa.String,
}


def upgrade() -> None:
    """Add the columns."""
    for name, kind in _COLUMNS.items():
        op.add_column("transaction_event", sa.Column(name, kind))


def downgrade() -> None:
    """Move the readings to the others, and remove the columns."""
    op.execute(
        "INSERT INTO reading "
        "(identity, evse_id, at, source, seq_no, part, power_w, import_wh, export_wh, soc, context) "
        "SELECT identity, evse_id, read_at, transaction_id, seq_no, 0, power_w, import_wh, export_wh, soc, "
        "context FROM transaction_event WHERE read_at IS NOT NULL ON CONFLICT DO NOTHING"
    )
    for name in _COLUMNS:
        op.drop_column("transaction_event", name)
