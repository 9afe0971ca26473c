"""Probes: how a charger takes orders, found out on an attended vehicle and followed to its end."""

from typing import Annotated

import msgspec
import structlog
from fastapi import APIRouter, BackgroundTasks, Request
from pydantic import Field

from csms.api.auth import OPERATOR, User
from csms.api.shapes import Body, Number, Shape, Whole
from csms.api.stations import registered
from csms.api.wiring import Wired, Wiring
from csms.domain.dialect_record import DialectRecord, Discharge
from csms.domain.facts import RequestChanged
from csms.domain.probe import Finding, Step
from csms.errors import Conflict, CsmsError, Invalid
from csms.grid.probe import Prober, Wish
from csms.store import dialect_records, requests
from csms.store.edits import append_rows
from csms.store.requests import COMPLETE, FAILED, RequestPartRow

log = structlog.get_logger()
router = APIRouter(tags=["stations"])

KIND = "dialect probe"


class NewProbe(Body):
    """What to probe. `attended`: somebody stands at the vehicle, its driver agrees, and both watch.

    `powerW` is a magnitude; `discharge` is the form to try, by default what the OCPP version suggests. Beyond
    step 6 somebody must cut the network (7), the station restarts (8), its flash is written ten times (9).
    """

    evse_id: Annotated[Whole, Field(ge=1, le=1000)] = 1
    power_w: Annotated[Number, Field(ge=500, le=5000)] = 1500.0
    discharge: Discharge | None = None
    through: Annotated[Whole, Field(ge=1, le=9)] = 6
    attended: bool = False


class ProbeBegun(Shape):
    """The request under which the probe is followed: `/stations/{id}/requests/{requestId}`."""

    request_id: int
    kind: str
    state: str


@router.post("/stations/{identity}/probe", status_code=202, openapi_extra=OPERATOR)
async def begin_probe(
    identity: str, body: NewProbe, request: Request, tasks: BackgroundTasks, wired: Wired
) -> ProbeBegun:
    """Find out on an attended vehicle how the station takes orders; writes its dialect record at the end."""
    station = await registered(wired, identity)
    if not body.attended:
        raise Invalid("attended", "A probe discharges a vehicle: somebody must stand there who agrees.")
    form = body.discharge or _form(station.version)
    if form in (Discharge.NONE, Discharge.DATA_TRANSFER):
        raise Invalid("discharge", "This form cannot be probed.")
    wish = Wish(station.identity, body.evse_id, body.power_w, form, Step(body.through))
    prober = Prober(wired.db, wired.bus, wired.clock)
    ready = await prober.ready(wish)
    if await requests.open_of(wired.db, station.identity, KIND):
        raise Conflict("The station is being probed already.")
    row = await dialect_records.get(wired.db, station.identity)
    user: User = request.state.user
    async with wired.db.begin() as conn:
        request_id = await requests.open(conn, station.identity, KIND, wired.clock.now())
        await requests.change(conn, station.identity, request_id, detail=f"by {user.name}")
    record = dialect_records.standing_of(row, ready).record
    tasks.add_task(_run, wired, prober, wish, record, request_id)
    return ProbeBegun(request_id=request_id, kind=KIND, state=requests.OPEN)


async def _run(wired: Wiring, prober: Prober, wish: Wish, record: DialectRecord, request_id: int) -> None:
    count = 0

    async def told(finding: Finding) -> None:
        nonlocal count
        count += 1
        passed = "passed" if finding.passed else "failed"
        status = f"step {finding.step.value} of {wish.through.value} {passed}: {finding.told}"
        payload: dict[str, object] = {
            "step": finding.step.value,
            "name": finding.step.name.lower(),
            "passed": finding.passed,
        }
        await _note(wired, wish, request_id, payload | {"told": finding.told}, status=status, parts=count)

    try:
        after = await prober.run(wish, record, told)
    except CsmsError as error:
        log.warning("probe ended early", station_id=wish.station_id, error=repr(error))
        await _note(wired, wish, request_id, None, status=f"ended early: {error}"[:255], state=FAILED)
        return
    proven = after.may_discharge
    status = f"discharge {after.discharge.value}" if proven else "not proven: charges only"
    await _note(wired, wish, request_id, None, status=status, state=COMPLETE if proven else FAILED)


async def _note(
    wired: Wiring, wish: Wish, request_id: int, payload: dict[str, object] | None, **fields: object
) -> None:
    now = wired.clock.now()
    async with wired.db.begin() as conn:
        if payload is not None:
            text = msgspec.json.encode(payload).decode()
            part = RequestPartRow(identity=wish.station_id, request_id=request_id, at=now, payload=text)
            await append_rows(conn, [part])
        await requests.change(conn, wish.station_id, request_id, changed_at=now, **fields)
    wired.bus.publish(RequestChanged(now, wish.station_id, request_id))


def _form(version: str | None) -> Discharge:
    return Discharge.NATIVE_2_1 if version == "2.1" else Discharge.NEGATIVE_LIMIT
