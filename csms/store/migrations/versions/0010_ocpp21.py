"""What 2.1 stations tell: DER controls, grid alarms, particulars of transactions, streams, swaps ..."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _key(
    name: str, kind: sa.types.TypeEngine[object] | type[sa.types.TypeEngine[object]]
) -> sa.Column[object]:
    return sa.Column(name, kind, primary_key=True, nullable=False, autoincrement=False)


def _told(name: str, kind: type[sa.types.TypeEngine[object]]) -> sa.Column[object]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """Create the tables and add the columns."""
    op.create_table(
        "der_control",
        _key("identity", sa.String),
        _key("control_id", sa.String),
        _told("control_type", sa.String),
        _told("is_default", sa.Boolean),
        sa.Column("priority", sa.BigInteger),
        _told("settings", sa.String),
        _told("state", sa.String),
        sa.Column("discharge_pct", sa.Float),
        _told("changed_at", sa.BigInteger),
    )
    op.create_table(
        "der_alarm",
        _key("identity", sa.String),
        _key("control_type", sa.String),
        _key("fault", sa.String),
        _told("at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("extra_info", sa.String),
        _told("heard_at", sa.BigInteger),
    )
    op.create_table(
        "transaction_particular",
        _key("identity", sa.String),
        _key("transaction_id", sa.String),
        _key("name", sa.String),
        _told("value", sa.String),
        _told("at", sa.BigInteger),
    )
    _others()
    op.add_column("charging_needs", sa.Column("min_v2x_wh", sa.Float))
    op.add_column("charging_needs", sa.Column("max_v2x_wh", sa.Float))
    op.add_column("charging_needs", sa.Column("told", sa.String))


def _others() -> None:
    op.create_table(
        "event_stream",
        _key("identity", sa.String),
        _key("stream_id", sa.BigInteger),
        _told("monitor_id", sa.BigInteger),
        sa.Column("interval_s", sa.BigInteger),
        sa.Column("values", sa.BigInteger),
        _told("opened_at", sa.BigInteger),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("last_at", sa.BigInteger),
        sa.Column("last_value", sa.String),
        sa.Column("pending", sa.BigInteger),
    )
    op.create_table(
        "battery_swap",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("identity", sa.String, nullable=False, index=True),
        _told("request_id", sa.BigInteger),
        _told("event", sa.String),
        _told("id_token", sa.String),
        _told("batteries", sa.String),
        _told("at", sa.BigInteger),
    )
    op.create_table(
        "payment",
        _key("identity", sa.String),
        _key("reference", sa.String),
        sa.Column("transaction_id", sa.String),
        _told("status", sa.String),
        sa.Column("reason", sa.String),
        _told("amount", sa.Float),
        _told("settled_at", sa.BigInteger),
        sa.Column("receipt_id", sa.String),
        sa.Column("receipt_url", sa.String),
        sa.Column("vat_number", sa.String),
        _told("heard_at", sa.BigInteger),
    )
    op.create_table(
        "station_tariff",
        _key("identity", sa.String),
        _key("evse_id", sa.Integer),
        _key("tariff_id", sa.String),
        _told("kind", sa.String),
        sa.Column("content", sa.String),
        _told("changed_at", sa.BigInteger),
    )


def downgrade() -> None:
    """Remove them."""
    for name in ("told", "max_v2x_wh", "min_v2x_wh"):
        op.drop_column("charging_needs", name)
    for name in (
        "station_tariff", "payment", "battery_swap", "event_stream", "transaction_particular", "der_alarm",
        "der_control",
    ):  # fmt: skip
        op.drop_table(name)
