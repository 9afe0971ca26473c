"""Calls with deadlines, requests to their end, the device model in full, lists, reservations, tariffs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

COLUMNS = (
    ("call", sa.Column("idempotency_key", sa.String)),
    ("call", sa.Column("deadline", sa.BigInteger)),
    ("call", sa.Column("request_id", sa.BigInteger)),
    ("id_token", sa.Column("concurrent", sa.Boolean, nullable=False, server_default=sa.true())),
    ("notified_event", sa.Column("at_text", sa.String)),
    ("notified_event", sa.Column("component_instance", sa.String)),
    ("notified_event", sa.Column("evse_id", sa.Integer)),
    ("notified_event", sa.Column("connector_id", sa.Integer)),
    ("notified_event", sa.Column("variable_instance", sa.String)),
    ("notified_event", sa.Column("origin", sa.String)),
    ("notified_event", sa.Column("severity", sa.Integer)),
    ("notified_event", sa.Column("monitor_id", sa.BigInteger)),
    ("notified_event", sa.Column("cause", sa.BigInteger)),
    ("notified_event", sa.Column("cleared", sa.Boolean)),
    ("notified_event", sa.Column("transaction_id", sa.String)),
    ("notified_event", sa.Column("tech_code", sa.String)),
    ("notified_event", sa.Column("tech_info", sa.String)),
    ("request", sa.Column("status", sa.String)),
    ("request", sa.Column("detail", sa.String)),
    ("request", sa.Column("call_id", sa.String)),
    ("site", sa.Column("enrolment_hash", sa.String)),
    ("station", sa.Column("next_password_hash", sa.String)),
    ("station", sa.Column("enrolled", sa.Boolean, nullable=False, server_default=sa.false())),
    ("station", sa.Column("tariff_id", sa.String)),
    ("variable", sa.Column("persistent", sa.Boolean)),
    ("variable", sa.Column("constant", sa.Boolean)),
    ("variable", sa.Column("min_limit", sa.Float)),
    ("variable", sa.Column("max_limit", sa.Float)),
    ("variable", sa.Column("max_elements", sa.BigInteger)),
    ("variable", sa.Column("values_list", sa.String)),
    ("variable", sa.Column("supports_monitoring", sa.Boolean)),
)


def upgrade() -> None:
    """Create the tables and add the columns."""
    for create in (
        _charging_limit,
        _display_message,
        _installed_certificate,
        _local_list,
        _local_list_entry,
        _monitor,
        _network_profile,
        _request_part,
        _reservation,
        _tariff,
        _transaction_cost,
        _vehicle_schedule,
        _wanted_variable,
    ):
        create()
    for table, column in COLUMNS:
        op.add_column(table, column._copy())


def downgrade() -> None:
    """Drop them and all that is in them."""
    for table, column in COLUMNS:
        with op.batch_alter_table(table) as batch:
            batch.drop_column(column.name)
    for table in (
        "charging_limit",
        "display_message",
        "installed_certificate",
        "local_list",
        "local_list_entry",
        "monitor",
        "network_profile",
        "request_part",
        "reservation",
        "tariff",
        "transaction_cost",
        "vehicle_schedule",
        "wanted_variable",
    ):
        op.drop_table(table)


def _charging_limit() -> None:
    op.create_table(
        "charging_limit",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("grid_critical", sa.Boolean),
        sa.Column("schedule", sa.String),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.Column("cleared_at", sa.BigInteger),
    )


def _display_message() -> None:
    op.create_table(
        "display_message",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("priority", sa.String, nullable=False),
        sa.Column("state", sa.String),
        sa.Column("start", sa.BigInteger),
        sa.Column("end", sa.BigInteger),
        sa.Column("transaction_id", sa.String),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _installed_certificate() -> None:
    op.create_table(
        "installed_certificate",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("use", sa.String, primary_key=True),
        sa.Column("hash_algorithm", sa.String, primary_key=True),
        sa.Column("issuer_name_hash", sa.String, primary_key=True),
        sa.Column("issuer_key_hash", sa.String, primary_key=True),
        sa.Column("serial_number", sa.String, primary_key=True),
        sa.Column("children", sa.String),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
    )


def _local_list() -> None:
    op.create_table(
        "local_list",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("tokens", sa.String),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _local_list_entry() -> None:
    op.create_table(
        "local_list_entry",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("token", sa.String, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("group_token", sa.String),
        sa.Column("expiry", sa.BigInteger),
    )


def _monitor() -> None:
    op.create_table(
        "monitor",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("monitor_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("component", sa.String, nullable=False),
        sa.Column("component_instance", sa.String, nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("variable", sa.String, nullable=False),
        sa.Column("variable_instance", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("in_transaction", sa.Boolean, nullable=False),
        sa.Column("origin", sa.String),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
    )


def _network_profile() -> None:
    op.create_table(
        "network_profile",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("data", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _request_part() -> None:
    op.create_table(
        "request_part",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("request_id", sa.BigInteger, nullable=False),
        sa.Column("seq_no", sa.BigInteger),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.String, nullable=False),
    )
    op.create_index("ix_request_part_identity", "request_part", ["identity"])


def _reservation() -> None:
    op.create_table(
        "reservation",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("reservation_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("evse_id", sa.Integer),
        sa.Column("connector_type", sa.String),
        sa.Column("id_token", sa.String, nullable=False),
        sa.Column("id_token_type", sa.String, nullable=False),
        sa.Column("group_token", sa.String),
        sa.Column("expiry", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("status", sa.String),
        sa.Column("transaction_id", sa.String),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _tariff() -> None:
    op.create_table(
        "tariff",
        sa.Column("tariff_id", sa.String, primary_key=True),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("start_fee", sa.String, nullable=False),
        sa.Column("energy_per_kwh", sa.String, nullable=False),
        sa.Column("export_per_kwh", sa.String, nullable=False),
        sa.Column("time_per_hour", sa.String, nullable=False),
        sa.Column("minimum", sa.String, nullable=False),
        sa.Column("update_every_s", sa.Integer, nullable=False),
        sa.Column("description", sa.String),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _transaction_cost() -> None:
    op.create_table(
        "transaction_cost",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("transaction_id", sa.String, primary_key=True),
        sa.Column("tariff_id", sa.String, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("total", sa.String, nullable=False),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _vehicle_schedule() -> None:
    op.create_table(
        "vehicle_schedule",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("schedule", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _wanted_variable() -> None:
    op.create_table(
        "wanted_variable",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("component", sa.String, primary_key=True),
        sa.Column("component_instance", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("connector_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("variable", sa.String, primary_key=True),
        sa.Column("variable_instance", sa.String, primary_key=True),
        sa.Column("attribute", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("ordered_at", sa.BigInteger, nullable=False),
    )
