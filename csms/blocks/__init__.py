"""OCPP's functional blocks: one router out of all that is served."""

from csms.blocks import (
    authorization,
    availability,
    data_transfer,
    diagnostics,
    firmware,
    meter_values,
    provisioning,
    reservation,
    security,
    smart_charging,
    transactions,
)
from csms.wire.router import Router

ROUTER = Router()
for _block in (
    security,  # A
    provisioning,  # B
    authorization,  # C
    transactions,  # E
    availability,  # G
    reservation,  # H
    meter_values,  # J
    smart_charging,  # K
    firmware,  # L
    diagnostics,  # N
    data_transfer,  # P
):
    ROUTER.include(_block.router)
