"""Vehicles whose station knows no state of charge: a word from elsewhere, carried on by the meter."""

from datetime import timedelta

import pytest

from csms.domain.soc import Said, SocSource, soc_report
from csms.errors import Conflict, NotFound
from csms.grid import soc_sources
from tests.grid.stage import Car, Stage


async def tell(
    stage: Stage, soc: float, source: SocSource = SocSource.TELEMATICS, ago_s: float = 0.0, **said: float
) -> None:
    """Somebody tells the state of charge of cs1's vehicle."""
    now = stage.clock.now()
    word = Said(soc, now - timedelta(seconds=ago_s), **said)
    report = soc_report("vehicle-cs1", source, word, now)
    await soc_sources.take(stage.db, stage.bus, stage.clock, report)


async def started(stage: Stage, **what: object) -> Car:
    """An AC vehicle in an event: nobody at the station knows its SoC."""
    car = await stage.car("cs1", soc_silent=True, **what)  # type: ignore[arg-type]
    await stage.event(-5_000, duration_s=3600)
    await stage.live(30)
    assert car.discharges == []
    return car


async def test_a_word_from_elsewhere_lets_it_discharge(stage: Stage) -> None:
    car = await started(stage)
    await tell(stage, car.soc)
    await stage.live(30)
    assert car.power_w == pytest.approx(-5_000, abs=1)
    await stage.live(900)  # far older than a SoC may be, but carried on by the register
    assert car.power_w == pytest.approx(-5_000, abs=1)


async def test_it_ends_when_the_word_says_nothing_any_more(stage: Stage) -> None:
    car = await started(stage)
    await tell(stage, car.soc, valid_for_s=600.0)
    await stage.live(300)
    assert car.power_w < 0
    await stage.live(330)
    assert car.power_w == 0.0


async def test_the_reserve_holds_by_the_least_that_may_be_there(stage: Stage) -> None:
    car = await started(stage, soc=40.0, capacity_wh=20_000.0)
    await tell(stage, 43.0, accuracy=3.0)  # as far off as it says it may be
    for _ in range(120):
        await stage.live(30, 30)
        assert car.soc >= 30.0
    assert car.export_wh > 600


async def test_what_a_person_has_read_leaves_more_room(stage: Stage) -> None:
    car = await started(stage, soc=41.0)
    await tell(stage, 41.0, SocSource.MANUAL)  # ten percent off: at the reserve, and below its margin
    await stage.live(60)
    assert car.discharges == []
    await tell(stage, 41.0)
    await stage.live(30)
    assert car.power_w < 0


async def test_a_word_from_before_it_was_plugged_in_says_nothing(stage: Stage) -> None:
    car = await started(stage)
    await tell(stage, 90.0, ago_s=600)
    await stage.live(30)
    assert car.discharges == []


async def test_a_lie_about_the_energy_is_thrown_out(stage: Stage) -> None:
    car = await started(stage, soc=45.0, capacity_wh=20_000.0)
    await tell(stage, 45.0)
    await stage.live(300)
    assert car.power_w < 0
    await tell(stage, 95.0)  # nothing has flowed in since
    await stage.live(30)
    assert car.power_w == 0.0


async def test_what_the_station_measures_goes_before(stage: Stage) -> None:
    car = await stage.car("cs1", soc=31.0)
    await tell(stage, 90.0)
    await stage.event(-5_000)
    await stage.live(60)
    assert car.discharges == []


async def test_without_an_export_register_it_grows_old(stage: Stage) -> None:
    car = await stage.car("cs1", soc_silent=True, export_silent=True)
    await tell(stage, car.soc)
    await stage.event(-5_000, duration_s=3600)
    await stage.live(60)
    assert car.power_w < 0
    await stage.live(330)
    assert car.power_w == 0.0


async def test_older_words_and_unknown_vehicles_are_refused(stage: Stage) -> None:
    await stage.car("cs1", soc_silent=True)
    await tell(stage, 50.0)
    with pytest.raises(Conflict):
        await tell(stage, 60.0, ago_s=5)
    stranger = soc_report("nobody", SocSource.MANUAL, Said(50.0), stage.clock.now())
    with pytest.raises(NotFound):
        await soc_sources.take(stage.db, stage.bus, stage.clock, stranger)


async def test_a_register_that_is_told_no_more_carries_nothing_on(stage: Stage) -> None:
    """What flows in is told all the while: that says nothing of what flows out."""
    car = await started(stage)
    await tell(stage, car.soc)
    await stage.live(60)
    assert car.power_w < 0
    car.export_silent = True
    await stage.live(330)
    assert car.power_w == 0.0
