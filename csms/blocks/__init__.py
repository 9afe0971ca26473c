"""OCPP's functional blocks: one router out of all that is served, and what follows from answered calls."""

from csms.blocks import (
    authorization,
    availability,
    battery_swap,
    bidirectional,
    certificates,
    charging_state,
    data_transfer,
    der_control,
    device_model,
    diagnostics,
    display,
    event_streams,
    firmware,
    local_list,
    meter_values,
    monitoring,
    numbering,
    payment,
    provisioning,
    reservation,
    security,
    smart_charging,
    station_tariffs,
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
    payment,  # C
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
    event_streams,  # N
    display,  # O
    data_transfer,  # P
    bidirectional,  # Q
    der_control,  # R
    battery_swap,  # S
):
    ROUTER.include(_block.router)

AFTER = After()
for _table in (
    provisioning,  # B
    device_model,  # B
    local_list,  # D
    reservation,  # H
    station_tariffs,  # I
    certificates,  # M
    monitoring,  # N
    event_streams,  # N
    display,  # O
    bidirectional,  # Q
    der_control,  # R
):
    AFTER.include(_table.after)
