"""Block Q, K21 to K29 (2.1): who may discharge, priority of a driver, frequency signals, dynamic profiles."""

from datetime import datetime

import msgspec
import structlog

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.blocks.times import written
from csms.domain.dialect_record import Discharge
from csms.store import particulars, profiles, programs, stations
from csms.store.database import Database
from csms.store.edits import Connection
from csms.store.particulars import PRIORITY
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()
after = After()

ONE_WAY: tuple[words.EnergyTransferModeEnumType, ...] = (
    "AC_single_phase",
    "AC_two_phase",
    "AC_three_phase",
    "DC",
)
BOTH_WAYS: tuple[words.EnergyTransferModeEnumType, ...] = (*ONE_WAY, "AC_BPT", "DC_BPT")


async def transfers(
    db: Database, station_id: str, token: str
) -> tuple[words.EnergyTransferModeEnumType, ...] | None:
    """Q01: what a vehicle may choose. None leaves it at charging, as does a message that says nothing.

    Both ways where the station takes orders in 2.1's own words and the driver takes part in a program.
    """
    station = await stations.get(db, station_id)
    if station is None or station.hold is not None or station.discharge != Discharge.NATIVE_2_1:
        return None
    return BOTH_WAYS if await programs.takes_part(db, token) else None


# ---- what stations tell us


@router.on(words.NotifyPriorityChargingRequest)
async def priority(request: words.NotifyPriorityChargingRequest, ctx: Context) -> None:
    """K21, K22: the driver wants to be charged before all else, or no longer.

    While it lasts no order goes to the vehicle, as if its station were held (`grid.fleet`).
    """
    told = ((PRIORITY, msgspec.json.encode(request.activated).decode()),)
    ctx.keep(particulars.told(ctx.station.id, request.transaction_id, told, ctx.now))
    log.info("priority charging", station_id=ctx.station.id, activated=request.activated)


@router.on(words.PullDynamicScheduleUpdateRequest)
async def pulled(
    request: words.PullDynamicScheduleUpdateRequest, ctx: Context
) -> words.PullDynamicScheduleUpdateResponse:
    """K28: who idles by a dynamic lease of ours may idle on, and nobody else.

    An answer makes the profile run on from now for its whole duration (K28.FR.13). Power that flows longer
    than was ordered would be more than the envelope counts (V-05), and go past the look at the reserve
    (V-01): only the grid loop's own update does that. What has ended stays so (K28.FR.12).
    """
    row = await profiles.by_id(ctx.db, ctx.station.id, request.charging_profile_id)
    if row is None or row.role != "lease" or row.state != "accepted":
        return _rejected("No lease of this id is in force.")
    if row.valid_to is None or row.valid_to <= ctx.now:
        return _rejected("The lease of this id has ended.")
    if row.limit_w != 0:
        return _rejected("A power is lengthened by an order only.")
    return words.PullDynamicScheduleUpdateResponse(
        status="Accepted", schedule_update=words.ChargingScheduleUpdateType(setpoint=0.0)
    )


def _rejected(why: str) -> words.PullDynamicScheduleUpdateResponse:
    info = words.StatusInfoType(reason_code="InvalidProfile", additional_info=why)
    return words.PullDynamicScheduleUpdateResponse(status="Rejected", status_info=info)


# ---- what we ask of stations


def signal(value: int, at: datetime) -> words.AFRRSignalRequest:
    """Q08: a signal of the frequency service; a station turns it into power by its profile's curve."""
    return words.AFRRSignalRequest(timestamp=written(at), signal=value)


# ---- what follows from an answer


@after.on(words.NotifyAllowedEnergyTransferRequest)
async def transfer_allowed(conn: Connection, done: Answered) -> None:
    """Q02: what the vehicle may choose from now on."""
    request: words.NotifyAllowedEnergyTransferRequest = done.request
    answer: words.NotifyAllowedEnergyTransferResponse = done.answer
    if answer.status == "Accepted":
        told = "allowedEnergyTransfer", msgspec.json.encode(request.allowed_energy_transfer).decode()
        await particulars.agreed(conn, done.station.identity, request.transaction_id, told, done.at)
