"""What the fleet can give and take now."""

from fastapi import APIRouter

from csms.api.shapes import Shape, Time
from csms.api.wiring import Wired
from csms.grid import fleet

router = APIRouter(tags=["fleet"])


class Group(Shape):
    """What the plugged-in vehicles of a program or a site can do; `can...` are magnitudes in W.

    `measuredW` is signed, positive into the vehicles. `reasons` counts who cannot discharge.
    """

    id: str
    plugged_in: int
    online: int
    measured_w: float
    can_discharge_w: float
    can_charge_w: float
    available_wh: float
    reasons: dict[str, int]


class FleetShape(Shape):
    """The fleet now."""

    at: Time
    plugged_in: int
    online: int
    programs: list[Group]
    sites: list[Group]


@router.get("/fleet")
async def show_fleet(wired: Wired) -> FleetShape:
    """Vehicles plugged in, and what each program and each site could give and take now."""
    return FleetShape.model_validate(await fleet.summary(wired.db, wired.clock.now()))
