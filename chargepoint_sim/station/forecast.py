"""What an EVSE will be able to let flow, by its profiles: what a vehicle is offered as a schedule (K15)."""

from datetime import datetime, timedelta
from itertools import groupby

from chargepoint_sim.ev.vehicle import PowerLimits
from chargepoint_sim.iso15118.outlet import Slot
from chargepoint_sim.profiles.composite import Window
from chargepoint_sim.profiles.profile import RateUnit
from chargepoint_sim.profiles.store import ProfileStore

_AHEAD_S = 86_400


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
    """Whether what was offered so long ago is what holds now, as far as it went."""
    left = [
        slot for slot, after in zip(offer, (*offer[1:], None), strict=True) if not _past(after, elapsed_s)
    ]
    horizon_s = _AHEAD_S - elapsed_s
    return _limits_alone(left) == _limits_alone([slot for slot in now if slot.start_s < horizon_s])


def _past(following: Slot | None, elapsed_s: float) -> bool:
    return following is not None and following.start_s <= elapsed_s


def _limits_alone(offer: list[Slot]) -> list[PowerLimits]:
    """The limits one after the other, each once."""
    return [one for one, _ in groupby(slot.limits for slot in offer)]
