"""Block B: boot, reset, network profiles."""

import msgspec
import structlog

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.blocks.times import written
from csms.domain.dialect_choice import Plate, at_boot
from csms.domain.facts import DialectChanged, SecurityAlarmRaised, StationBooted
from csms.domain.station import Registration
from csms.store import dialect_records, stations, variables
from csms.store.edits import Connection
from csms.store.stations import StationRow
from csms.store.variables import NetworkProfileRow
from csms.wire import words
from csms.wire.redaction import without_secrets
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()
after = After()

# ---- what stations tell us


@router.on(words.BootNotificationRequest)
async def boot(request: words.BootNotificationRequest, ctx: Context) -> words.BootNotificationResponse:
    """B01, B02, B03: the answer is what the station is registered as, read anew at each boot."""
    row = await stations.get(ctx.db, ctx.station.id)
    registration = Registration.REJECTED if row is None else Registration(row.registration)
    told = request.charging_station
    known = None if row is None else row.serial_number
    if known is not None and told.serial_number is not None and known != told.serial_number:
        ctx.emit(SecurityAlarmRaised(ctx.now, ctx.station.id, "serial number differs"))
    await _alone(ctx, told.serial_number)
    ctx.keep(
        stations.booted(
            ctx.station.id,
            vendor=told.vendor_name,
            model=told.model,
            serial=known or told.serial_number,
            firmware=told.firmware_version,
            reason=request.reason,
            at=ctx.now,
            registration=registration,
        )
    )
    if row is not None:
        await _dialect(ctx, row, told)
    ctx.emit(StationBooted(ctx.now, ctx.station.id, registration.value))
    accepted = registration is Registration.ACCEPTED
    return words.BootNotificationResponse(
        current_time=written(ctx.now),  # B01.FR.06
        # of the heartbeat, or before the next boot (B02.FR.04, B03.FR.04)
        interval=ctx.policy.heartbeat_interval_s if accepted else ctx.policy.pending_interval_s,
        status=registration.value,
    )


async def _alone(ctx: Context, serial: str | None) -> None:
    """One serial number under two identities: one of them is not what it says, or was set up twice."""
    others = await stations.called_alike(ctx.db, serial, ctx.station.id) if serial else []
    if others:
        log.warning("serial number in use", station_id=ctx.station.id, others=others)
        ctx.emit(SecurityAlarmRaised(ctx.now, ctx.station.id, "serial number in use"))


async def _dialect(ctx: Context, row: StationRow, told: words.ChargingStationType) -> None:
    """Which dialect record holds from now on: another name plate voids what was proven about discharge."""
    before = dialect_records.standing_of(await dialect_records.get(ctx.db, row.identity), row)
    plate = Plate(told.vendor_name, told.model, told.firmware_version, ctx.station.version)
    after = at_boot(before, dialect_records.shipped(), plate)
    if after == before:
        return
    for change in dialect_records.stands(row.identity, after, ctx.now):
        ctx.keep(change)
    if after.void != before.void:
        log.warning("dialect record void", station_id=row.identity, reason=after.void)
    if after.discharge is not before.discharge:
        ctx.emit(DialectChanged(ctx.now, row.identity, after.discharge.value))


# ---- what follows from an answer


@after.on(words.SetNetworkProfileRequest)
async def network_profile_set(conn: Connection, done: Answered) -> None:
    """B09: what stands in a slot, if the station has taken it."""
    request: words.SetNetworkProfileRequest = done.request
    answer: words.SetNetworkProfileResponse = done.answer
    if answer.status != "Accepted":
        return
    data = msgspec.json.encode(without_secrets(msgspec.to_builtins(request.connection_data))).decode()
    row = NetworkProfileRow(
        identity=done.station.identity,
        slot=request.configuration_slot,
        data=data,
        status=answer.status,
        changed_at=done.at,
    )
    await variables.put_network_profile(conn, row)
