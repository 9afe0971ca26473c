"""All row classes, imported so that their tables are in one metadata."""

from sqlmodel import SQLModel

from csms.store import (
    dispatches,
    displays,
    drivers,
    external_limits,
    grid_events,
    installed_certificates,
    journal,
    leader,
    local_lists,
    monitors,
    numbering,
    profiles,
    programs,
    requests,
    reservations,
    settlements,
    stations,
    tariffs,
    tokens,
    transaction_rows,
    users,
    variables,
)

ROOMS = (
    dispatches,
    displays,
    drivers,
    external_limits,
    grid_events,
    installed_certificates,
    journal,
    leader,
    local_lists,
    monitors,
    numbering,
    profiles,
    programs,
    requests,
    reservations,
    settlements,
    stations,
    tariffs,
    tokens,
    transaction_rows,
    users,
    variables,
)
METADATA = SQLModel.metadata
