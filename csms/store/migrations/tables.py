"""All row classes, imported so that their tables are in one metadata."""

from sqlmodel import SQLModel

from csms.store import (
    dispatches,
    drivers,
    grid_events,
    journal,
    leader,
    profiles,
    programs,
    requests,
    settlements,
    stations,
    tokens,
    transaction_rows,
    users,
)

ROOMS = (
    dispatches,
    drivers,
    grid_events,
    journal,
    leader,
    profiles,
    programs,
    requests,
    settlements,
    stations,
    tokens,
    transaction_rows,
    users,
)
METADATA = SQLModel.metadata
