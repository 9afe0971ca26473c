"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# counted up by the database; SQLite does that for INTEGER only
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create all tables."""
    for create in (
        _site,
        _station,
        _evse,
        _connector,
        _variable,
        _profile,
        _id_token,
        _program,
        _driver,
        _vehicle,
        _enrolment,
        _need,
        _opt_out,
        _transaction,
        _transaction_event,
        _transaction_event_conflict,
        _reading,
        _charging_needs,
        _grid_event,
        _grid_event_history,
        _dispatch,
        _setpoint,
        _participation,
        _settlement,
        _settlement_line,
        _call,
        _security_event,
        _notified_event,
        _frame,
        _request,
        _user,
        _idempotency,
        _leader,
        _probe,
    ):
        create()


def downgrade() -> None:
    """Drop all tables and all that is in them."""
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.drop_table(table)


def _site() -> None:
    op.create_table(
        "site",
        sa.Column("site_id", sa.String, primary_key=True),
        sa.Column("import_limit_w", sa.Float),
        sa.Column("export_limit_w", sa.Float),
    )


def _station() -> None:
    op.create_table(
        "station",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("password_hash", sa.String, nullable=False),
        sa.Column("serial_number", sa.String),
        sa.Column("security_profile", sa.Integer, nullable=False),
        sa.Column("vendor", sa.String),
        sa.Column("model", sa.String),
        sa.Column("firmware", sa.String),
        sa.Column("site_id", sa.String),
        sa.Column("registration", sa.String, nullable=False),
        sa.Column("onboarding", sa.String, nullable=False),
        sa.Column("discharge", sa.String, nullable=False),
        sa.Column("hold", sa.String),
        sa.Column("message_timeout_s", sa.Float, nullable=False),
        sa.Column("version", sa.String),
        sa.Column("boot_epoch", sa.Integer, nullable=False),
        sa.Column("booted_at", sa.BigInteger),
        sa.Column("boot_reason", sa.String),
        sa.Column("boot_answer", sa.String),
        sa.Column("last_seen_at", sa.BigInteger),
        sa.Column("connected", sa.Boolean, nullable=False),
        sa.Column("connection_epoch", sa.BigInteger, nullable=False),
        sa.Column("clock_skew_s", sa.Float),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_station_site_id", "station", ["site_id"])


def _evse() -> None:
    op.create_table(
        "evse",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("max_charge_w", sa.Float),
        sa.Column("max_discharge_w", sa.Float),
    )


def _connector() -> None:
    op.create_table(
        "connector",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("connector_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("status_at", sa.BigInteger, nullable=False),
    )


def _variable() -> None:
    op.create_table(
        "variable",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("component", sa.String, primary_key=True),
        sa.Column("component_instance", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("connector_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("variable", sa.String, primary_key=True),
        sa.Column("variable_instance", sa.String, primary_key=True),
        sa.Column("attribute", sa.String, primary_key=True),
        sa.Column("value", sa.String),
        sa.Column("mutability", sa.String),
        sa.Column("data_type", sa.String),
        sa.Column("unit", sa.String),
        sa.Column("reported_at", sa.BigInteger, nullable=False),
    )


def _profile() -> None:
    op.create_table(
        "profile",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("profile_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("limit_w", sa.Float, nullable=False),
        sa.Column("transaction_id", sa.String),
        sa.Column("valid_to", sa.BigInteger),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String),
        sa.Column("boot_epoch", sa.Integer, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _id_token() -> None:
    op.create_table(
        "id_token",
        sa.Column("token", sa.String, primary_key=True),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("group_token", sa.String),
        sa.Column("expiry", sa.BigInteger),
        sa.Column("driver_id", sa.String),
        sa.Column("vehicle_id", sa.String),
    )
    op.create_index("ix_id_token_driver_id", "id_token", ["driver_id"])


def _program() -> None:
    op.create_table(
        "program",
        sa.Column("program_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("terms", sa.String, nullable=False),
    )


def _driver() -> None:
    op.create_table(
        "driver",
        sa.Column("driver_id", sa.String, primary_key=True),
        sa.Column("name", sa.String),
    )


def _vehicle() -> None:
    op.create_table(
        "vehicle",
        sa.Column("vehicle_id", sa.String, primary_key=True),
        sa.Column("driver_id", sa.String),
        sa.Column("capacity_wh", sa.Float),
        sa.Column("max_charge_w", sa.Float),
        sa.Column("max_discharge_w", sa.Float),
        sa.Column("bidirectional", sa.Boolean, nullable=False),
    )
    op.create_index("ix_vehicle_driver_id", "vehicle", ["driver_id"])


def _enrolment() -> None:
    op.create_table(
        "enrolment",
        sa.Column("driver_id", sa.String, primary_key=True),
        sa.Column("program_id", sa.String, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def _need() -> None:
    op.create_table(
        "need",
        sa.Column("driver_id", sa.String, primary_key=True),
        sa.Column("reserve_soc", sa.Float),
        sa.Column("departure", sa.BigInteger),
        sa.Column("target_energy_wh", sa.Float),
        sa.Column("target_soc", sa.Float),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _opt_out() -> None:
    op.create_table(
        "opt_out",
        sa.Column("driver_id", sa.String, primary_key=True),
        sa.Column("program_id", sa.String, primary_key=True),
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _transaction() -> None:
    op.create_table(
        "transaction",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("transaction_id", sa.String, primary_key=True),
        sa.Column("seen", sa.String, nullable=False),
        sa.Column("evse_id", sa.Integer),
        sa.Column("connector_id", sa.Integer),
        sa.Column("id_token", sa.String),
        sa.Column("id_token_type", sa.String),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("charging_state", sa.String),
        sa.Column("stopped_reason", sa.String),
        sa.Column("remote_start_id", sa.BigInteger),
        sa.Column("updated_at", sa.BigInteger),
        sa.Column("first_import_wh", sa.Float),
        sa.Column("first_export_wh", sa.Float),
        sa.Column("last_import_wh", sa.Float),
        sa.Column("last_export_wh", sa.Float),
        sa.Column("first_at", sa.BigInteger),
        sa.Column("last_at", sa.BigInteger),
        sa.Column("power_w", sa.Float),
        sa.Column("power_at", sa.BigInteger),
        sa.Column("soc", sa.Float),
        sa.Column("soc_at", sa.BigInteger),
        sa.Column("soc_refused", sa.Boolean, nullable=False),
        sa.Column("offline", sa.Boolean, nullable=False),
        sa.Column("conflicts", sa.Integer, nullable=False),
        sa.Column("marks", sa.String),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_transaction_id_token", "transaction", ["id_token"])
    op.create_index(
        "ix_transaction_open",
        "transaction",
        ["identity"],
        sqlite_where=sa.text("open = 1"),
        postgresql_where=sa.text("open = true"),
    )
    op.create_index("ix_transaction_transaction_id", "transaction", ["transaction_id"])


def _transaction_event() -> None:
    op.create_table(
        "transaction_event",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("transaction_id", sa.String, primary_key=True),
        sa.Column("seq_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("trigger", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("offline", sa.Boolean, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("answer_status", sa.String),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def _transaction_event_conflict() -> None:
    op.create_table(
        "transaction_event_conflict",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("transaction_id", sa.String, primary_key=True),
        sa.Column("seq_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
    )


def _reading() -> None:
    op.create_table(
        "reading",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("seq_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("power_w", sa.Float),
        sa.Column("import_wh", sa.Float),
        sa.Column("export_wh", sa.Float),
        sa.Column("soc", sa.Float),
        sa.Column("context", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )


def _charging_needs() -> None:
    op.create_table(
        "charging_needs",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("transfer", sa.String, nullable=False),
        sa.Column("capacity_wh", sa.Float),
        sa.Column("soc", sa.Float),
        sa.Column("energy_request_wh", sa.Float),
        sa.Column("departure", sa.BigInteger),
        sa.Column("max_charge_w", sa.Float),
        sa.Column("max_discharge_w", sa.Float),
    )


def _grid_event() -> None:
    op.create_table(
        "grid_event",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("target_w", sa.Float, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("duration_s", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("site", sa.String),
        sa.Column("stations", sa.String, nullable=False),
        sa.Column("min_soc", sa.Float),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("source_id", sa.String),
        sa.Column("cancelled_at", sa.BigInteger),
        sa.Column("idempotency_key", sa.String),
        sa.UniqueConstraint("source", "source_id", name="uq_grid_event_source"),
    )
    op.create_index("ix_grid_event_idempotency_key", "grid_event", ["idempotency_key"])
    op.create_index("ix_grid_event_program_id", "grid_event", ["program_id"])
    op.create_index("ix_grid_event_start", "grid_event", ["start"])
    op.create_index("ix_grid_event_state", "grid_event", ["state"])


def _grid_event_history() -> None:
    op.create_table(
        "grid_event_history",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("detail", sa.String),
    )
    op.create_index("ix_grid_event_history_event_id", "grid_event_history", ["event_id"])


def _dispatch() -> None:
    op.create_table(
        "dispatch",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("target_w", sa.Float, nullable=False),
        sa.Column("corrected_w", sa.Float, nullable=False),
        sa.Column("measured_w", sa.Float, nullable=False),
        sa.Column("setpoint_w", sa.Float, nullable=False),
        sa.Column("shortfall_w", sa.Float, nullable=False),
        sa.Column("evses", sa.Integer, nullable=False),
        sa.Column("discharging", sa.Integer, nullable=False),
        sa.Column("lowest_soc_margin", sa.Float),
    )
    op.create_index("ix_dispatch_event_id", "dispatch", ["event_id"])


def _setpoint() -> None:
    op.create_table(
        "setpoint",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("dispatch_id", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("setpoint_w", sa.Float, nullable=False),
        sa.Column("measured_w", sa.Float),
        sa.Column("soc_margin", sa.Float),
        sa.Column("reason", sa.String),
    )
    op.create_index("ix_setpoint_dispatch_id", "setpoint", ["dispatch_id"])
    op.create_index("ix_setpoint_event_id", "setpoint", ["event_id"])


def _participation() -> None:
    op.create_table(
        "participation",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("transaction_id", sa.String, primary_key=True),
        sa.Column("driver_id", sa.String),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("detail", sa.String),
        sa.Column("baseline_w", sa.Float),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _settlement() -> None:
    op.create_table(
        "settlement",
        sa.Column("event_id", sa.String, primary_key=True),
        sa.Column("program_id", sa.String, nullable=False),
        sa.Column("settled_at", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("price_per_kwh", sa.Float, nullable=False),
        sa.Column("target_wh", sa.Float, nullable=False),
        sa.Column("delivered_wh", sa.Float, nullable=False),
        sa.Column("exported_wh", sa.Float, nullable=False),
        sa.Column("imported_wh", sa.Float, nullable=False),
        sa.Column("performance", sa.Float, nullable=False),
        sa.Column("payment", sa.Float, nullable=False),
        sa.Column("unmetered_intervals", sa.Integer, nullable=False),
    )


def _settlement_line() -> None:
    op.create_table(
        "settlement_line",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("driver_id", sa.String),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("transaction_id", sa.String, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("metered", sa.Boolean, nullable=False),
        sa.Column("import_wh", sa.Float),
        sa.Column("export_wh", sa.Float),
        sa.Column("baseline_wh", sa.Float),
        sa.Column("delivered_wh", sa.Float),
        sa.Column("payment", sa.Float, nullable=False),
    )
    op.create_index("ix_settlement_line_event_id", "settlement_line", ["event_id"])


def _call() -> None:
    op.create_table(
        "call",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("payload", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("answer", sa.String),
        sa.Column("error_code", sa.String),
        sa.Column("error_text", sa.String),
        sa.Column("user", sa.String),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_call_created_at", "call", ["created_at"])
    op.create_index("ix_call_identity", "call", ["identity"])


def _security_event() -> None:
    op.create_table(
        "security_event",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("type", sa.String, primary_key=True),
        sa.Column("at_text", sa.String, primary_key=True),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("tech_info", sa.String),
    )
    op.create_index("ix_security_event_received_at", "security_event", ["received_at"])


def _notified_event() -> None:
    op.create_table(
        "notified_event",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("generated_at", sa.String, primary_key=True),
        sa.Column("seq_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("component", sa.String, nullable=False),
        sa.Column("variable", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("trigger", sa.String, nullable=False),
    )


def _frame() -> None:
    op.create_table(
        "frame",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("identity", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("way", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
    )
    op.create_index("ix_frame_identity", "frame", ["identity"])


def _request() -> None:
    op.create_table(
        "request",
        sa.Column("identity", sa.String, primary_key=True),
        sa.Column("request_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("parts", sa.Integer, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
    )


def _user() -> None:
    op.create_table(
        "user",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("key_hash", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_user_key_hash", "user", ["key_hash"], unique=True)


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("user", sa.String, primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )


def _leader() -> None:
    op.create_table(
        "leader",
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("node", sa.String, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def _probe() -> None:
    op.create_table(
        "probe",
        sa.Column("probe_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ballast", sa.LargeBinary, nullable=False),
    )
