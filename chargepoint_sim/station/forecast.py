"""What an EVSE will be able to let flow, by its profiles: what a vehicle is offered as a schedule (K15)."""

from datetime import datetime, timedelta

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.outlet import Slot
from chargepoint_sim.profiles.composite import Window
from chargepoint_sim.profiles.profile import RateUnit
from chargepoint_sim.profiles.store import ProfileStore

_AHEAD_S = 86_400
_ROUNDING_S = 2.0


def slots(
    profiles: ProfileStore, evse_id: int, now: datetime, closed_at: datetime | None, rating: PowerLimits
) -> tuple[Slot, ...]:
    """The composite schedule of a day as limits both ways; a limit below zero is for giving."""
    start = now - timedelta(microseconds=now.microsecond)
    since = {} if closed_at is None else {evse_id: closed_at}
    steps = profiles.composite(evse_id, Window(start, _AHEAD_S), since, RateUnit.W)
    return tuple(Slot(step.start_s, _limits(step.limit or 0.0, rating)) for step in steps)


def _limits(limit_w: float, rating: PowerLimits) -> PowerLimits:
    if limit_w < 0.0:
        return PowerLimits(0.0, min(-limit_w, rating.discharge_w))
    return PowerLimits(min(limit_w, rating.charge_w), rating.discharge_w if limit_w else 0.0)


def still_holds(offer: tuple[Slot, ...], elapsed_s: float, now: tuple[Slot, ...]) -> bool:
    """Whether what was offered so long ago is what holds now, as far as it went.

    Looked at a little after each step, because steps begin at whole seconds.
    """
    steps = [0.0, *(slot.start_s for slot in now), *(slot.start_s - elapsed_s for slot in offer)]
    moments = [step + _ROUNDING_S for step in steps if 0.0 <= step < _AHEAD_S - elapsed_s - _ROUNDING_S]
    return all(_at(offer, elapsed_s + moment) == _at(now, moment) for moment in moments)


def _at(offer: tuple[Slot, ...], moment_s: float) -> PowerLimits | None:
    return next((slot.limits for slot in reversed(offer) if slot.start_s <= moment_s), None)
