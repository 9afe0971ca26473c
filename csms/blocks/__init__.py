"""OCPP's functional blocks: one router out of all that is served, and what follows from answered calls."""

from csms.blocks import (
    authorization,
    availability,
    certificates,
    charging_state,
    data_transfer,
    device_model,
    diagnostics,
    display,
    firmware,
    local_list,
    meter_values,
    monitoring,
    numbering,
    provisioning,
    reservation,
    security,
    smart_charging,
    transactions,
)
from csms.blocks.calls import After
from csms.wire.router import Router

ROUTER = Router()
for _block in (
    security,  # A
    provisioning,  # B
    device_model,  # B
    authorization,  # C
    transactions,  # E
    numbering,  # E
    availability,  # G
    charging_state,  # G
    reservation,  # H
    meter_values,  # J
    smart_charging,  # K
    firmware,  # L
    certificates,  # M
    diagnostics,  # N
    monitoring,  # N
    display,  # O
    data_transfer,  # P
):
    ROUTER.include(_block.router)

AFTER = After()
for _table in (
    provisioning,  # B
    device_model,  # B
    local_list,  # D
    reservation,  # H
    certificates,  # M
    monitoring,  # N
    display,  # O
):
    AFTER.include(_table.after)
