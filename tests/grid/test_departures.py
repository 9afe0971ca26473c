"""What a driver needs at departure is there, whatever becomes of this server."""

from datetime import timedelta

import pytest

from csms.domain.flexibility import FALLBACK_OVER_S
from csms.domain.program import Terms
from csms.grid.leases import fallback_until
from tests.grid.stage import Stage


@pytest.mark.parametrize("dies_after_s", [0, 10, 600, 1800, 3000])
async def test_departure_soon_after_the_event_survives_the_death_of_the_server(
    stage: Stage, dies_after_s: int
) -> None:
    leaving = stage.clock.now() + timedelta(minutes=75)
    car = await stage.car("cs1", soc=70.0, wish_w=10_000.0, departure=leaving, target_soc=70.0)
    await stage.car("cs2")
    event = await stage.event(-15_000, duration_s=3600)
    await stage.turn()
    await stage.live(dies_after_s, 30)
    stage.loops.clear()
    await stage.live((leaving - stage.clock.now()).total_seconds(), 30)
    assert car.soc >= 69.5
    over_s = FALLBACK_OVER_S + Terms().return_s
    assert fallback_until("cs1", event, Terms()) <= event.end + timedelta(seconds=over_s)


@pytest.mark.parametrize("dies_after_s", [30, 70, 400, 2000])
async def test_who_must_charge_is_not_left_under_a_fallback(stage: Stage, dies_after_s: int) -> None:
    """The server dies between the event's preparation and its start, or later."""
    leaving = stage.clock.now() + timedelta(minutes=60)
    car = await stage.car("cs1", soc=50.0, wish_w=10_000.0, departure=leaving, target_soc=60.0)
    await stage.event(-5_000, duration_s=3000, in_s=60)
    await stage.live(dies_after_s)
    stage.loops.clear()
    await stage.live((leaving - stage.clock.now()).total_seconds(), 30)
    assert car.soc >= 60.0
