"""States of charge of vehicles from elsewhere: telematics, or a person who has read the dashboard."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from csms.api.auth import OPERATOR
from csms.api.shapes import Body, Flag, Number, Page, Shape, Time
from csms.api.wiring import Wired
from csms.domain.soc import Said, SocSource, soc_report
from csms.errors import NotFound
from csms.grid import soc_sources
from csms.store import programs, vehicle_socs

router = APIRouter(tags=["vehicles"])


class SocBody(Body):
    """One word: percent, how far off it may be, when it was true and for how long it says anything.

    What is left out is as the source is trusted; none is believed better, or for longer, than that.
    """

    soc: Annotated[Number, Field(ge=0, le=100)]
    source: SocSource = SocSource.TELEMATICS
    at: Time | None = None
    accuracy: Annotated[Number, Field(ge=0, le=50)] | None = None
    valid_for_s: Annotated[Number, Field(gt=0)] | None = None


class Soc(Shape):
    """The newest word of one source; `ageS` in seconds, `counts` if it is the one that is believed now."""

    source: str
    soc: float
    accuracy: float
    told_at: Time
    valid_until: Time
    age_s: float
    counts: Flag


@router.get("/vehicles/{vehicle_id}/soc")
async def show(vehicle_id: str, wired: Wired) -> Page[Soc]:
    """What each source has told last of a vehicle. What its station measures goes before all of them."""
    if await programs.vehicle(wired.db, vehicle_id) is None:
        raise NotFound("vehicle", vehicle_id)
    now = wired.clock.now()
    rows = await vehicle_socs.of_vehicle(wired.db, vehicle_id)
    best = vehicle_socs.counting(row for row in rows if row.valid_until > now).get(vehicle_id)
    return Page(
        items=[
            Soc(
                source=row.source,
                soc=row.soc,
                accuracy=row.accuracy,
                told_at=row.told_at,
                valid_until=row.valid_until,
                age_s=(now - row.told_at).total_seconds(),
                counts=row is best,
            )
            for row in rows
        ]
    )


@router.post("/vehicles/{vehicle_id}/soc", status_code=201, openapi_extra=OPERATOR)
async def tell(vehicle_id: str, body: SocBody, wired: Wired) -> Page[Soc]:
    """Tell a vehicle's state of charge; 409 if a newer word of this source is known."""
    said = Said(body.soc, body.at, body.accuracy, body.valid_for_s)
    report = soc_report(vehicle_id, body.source, said, wired.clock.now())
    await soc_sources.take(wired.db, wired.bus, wired.clock, report)
    return await show(vehicle_id, wired)
