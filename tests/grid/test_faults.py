"""Stations that refuse, ignore, turn the sign around, fall silent or vanish."""

import pytest

from csms.domain.facts import SecurityAlarmRaised
from csms.domain.station import Registration
from csms.errors import StoreUnavailable
from csms.store import dispatches, profiles, stations
from tests.grid.stage import Stage


async def _parts(stage: Stage, event_id: str) -> dict[str, str]:
    return {row.identity: row.state for row in await dispatches.participation(stage.db, event_id)}


async def test_refusal_takes_the_evse_out_and_the_others_share(stage: Stage) -> None:
    good = [await stage.car(f"cs{number}") for number in range(2)]
    bad = await stage.car("bad", manner="refuse", wish_w=3000.0)
    event = await stage.event(-12_000, duration_s=600)
    await stage.turn()
    await stage.live(30)
    assert (await _parts(stage, event.id))["bad"] == "refused"
    assert sum(car.power_w for car in good) < -11_900
    assert len(bad.leases) == 1
    # its driver charges as before
    assert bad.held == {}
    assert bad.power_w == 3000.0


async def test_ignored_profile_is_found_by_the_meter(stage: Stage) -> None:
    good = [await stage.car(f"cs{number}") for number in range(2)]
    bad = await stage.car("bad", manner="ignore")
    event = await stage.event(-12_000, duration_s=600)
    await stage.turn()
    await stage.live(60)
    assert (await _parts(stage, event.id))["bad"] == "not_following"
    await stage.live(30)
    assert sum(car.power_w for car in good) < -11_900
    assert bad.held == {}
    station = await stations.get(stage.db, "bad")
    assert station is not None
    assert station.hold is None


async def test_correcting_an_order_gives_no_new_time_to_ignore_it(stage: Stage) -> None:
    """V-10: the loop asks a lone idle station for more and more, and finds it out all the same."""
    bad = await stage.car("bad", manner="ignore")
    event = await stage.event(-5_000, duration_s=600)
    await stage.turn()
    await stage.live(45, step_s=5.0)
    assert min(profile.periods[0].limit_w for profile in bad.discharges) < -5_400.0
    assert (await _parts(stage, event.id))["bad"] == "not_following"


async def test_wrong_sign_raises_an_alarm_and_holds_the_station(stage: Stage) -> None:
    bad = await stage.car("bad", manner="invert")
    event = await stage.event(-8_000, duration_s=600)
    await stage.turn()
    await stage.live(50)
    assert (await _parts(stage, event.id))["bad"] == "not_following"
    assert bad.held == {}
    assert [fact.station_id for fact in stage.facts if isinstance(fact, SecurityAlarmRaised)] == ["bad"]
    station = await stations.get(stage.db, "bad")
    assert station is not None
    assert station.hold is not None
    asked = len(bad.leases)
    await stage.event(-8_000, duration_s=600)
    await stage.live(60)
    assert len(bad.leases) == asked


async def test_station_that_vanishes_is_replaced_and_taken_back(stage: Stage) -> None:
    cars = [await stage.car(f"cs{number}") for number in range(3)]
    event = await stage.event(-12_000, duration_s=900)
    await stage.turn()
    await stage.live(60)
    lost = cars[0]
    lost.manner = "gone"
    await stage.connected(lost, up=False)
    await stage.live(30)
    assert (await _parts(stage, event.id))[lost.station_id] == "offline"
    # its last word is believed as long as it is fresh enough, then the others carry the load
    await stage.live(200)
    assert sum(car.power_w for car in cars[1:]) < -11_900
    # the lease ended it
    await stage.live(100)
    assert lost.power_w == 0
    lost.manner = "obey"
    await stage.connected(lost, up=True, epoch=2)
    await stage.live(30)
    assert (await _parts(stage, event.id))[lost.station_id] == "following"
    assert lost.power_w < 0
    assert -13_000 < stage.net_w() < -11_000


async def test_station_that_does_not_answer_is_left_alone_for_a_while(stage: Stage) -> None:
    await stage.car("cs1")
    mute = await stage.car("mute", manner="mute")
    event = await stage.event(-8_000, duration_s=600)
    await stage.turn()
    await stage.live(30)
    assert (await _parts(stage, event.id))["mute"] == "offline"
    assert len(mute.asks) == 1
    mute.manner = "obey"
    await stage.live(90)
    assert (await _parts(stage, event.id))["mute"] == "following"


async def test_unanswered_release_is_tried_until_the_lease_has_run_out(stage: Stage) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=200)
    await stage.turn()
    await stage.live(150)
    car.manner = "mute"
    await stage.live(80)
    assert len(car.clears) > 2
    assert await profiles.live_leases(stage.db, stage.clock.now()) == []
    car.manner = "obey"
    await stage.live(30)
    assert car.held == {}
    assert (await _parts(stage, event.id))["cs1"] == "released"


async def test_reboot_needs_the_fallback_anew(stage: Stage) -> None:
    car = await stage.car("cs1")
    await stage.event(-8_000, duration_s=900)
    await stage.turn()
    await stage.live(20)
    boot = stations.booted(
        "cs1",
        vendor="v",
        model="m",
        serial=None,
        firmware=None,
        reason="PowerUp",
        at=stage.clock.now(),
        registration=Registration.ACCEPTED,
    )
    await stage.writer.commit([boot])
    count = len(car.installs)
    await stage.live(20)
    assert car.installs[count].purpose == "TxDefaultProfile"
    assert car.power_w == -8_000


async def test_stale_meter_counts_as_zero(stage: Stage) -> None:
    cars = [await stage.car(f"cs{number}", capacity_wh=200_000.0) for number in range(2)]
    event = await stage.event(-10_000, duration_s=900)
    await stage.turn()
    await stage.live(60)
    cars[0].meter_stuck = True
    await stage.live(150)
    rows = await dispatches.of_event(stage.db, event.id, None, 1000)
    assert rows[-1].measured_w > -8_000


async def test_station_that_stays_away_is_not_asked_for_ever(stage: Stage) -> None:
    car = await stage.car("cs1")
    await stage.event(-8_000, duration_s=100)
    await stage.turn()
    await stage.live(20)
    car.manner = "gone"
    await stage.connected(car, up=False)
    await stage.live(400)
    assert await profiles.fallbacks(stage.db) == set()
    assert await profiles.live_leases(stage.db, stage.clock.now()) == []


async def test_held_station_is_left_alone_and_its_driver_charges(stage: Stage) -> None:
    car = await stage.car("cs1", wish_w=6_000.0)
    await stage.event(-8_000, duration_s=600)
    await stage.turn()
    await stage.live(20)
    assert car.power_w == -8_000
    async with stage.db.begin() as conn:
        await stations.change(conn, "cs1", hold="by hand")
    await stage.live(70)
    assert car.held == {}
    assert car.power_w == 6_000


async def test_store_that_fails_in_the_middle_loses_no_participant(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=600)
    put = dispatches.participation_put

    async def broken(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(dispatches, "participation_put", broken)
    await stage.turn()
    await stage.live(20)
    assert car.asks == []
    monkeypatch.setattr(dispatches, "participation_put", put)
    await stage.live(30)
    assert car.power_w == -8_000
    assert (await _parts(stage, event.id)) == {"cs1": "following"}


async def test_store_that_fails_while_stations_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    car = await stage.car("cs1")
    event = await stage.event(-8_000, duration_s=600)
    outcome = profiles.outcome

    async def broken(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(profiles, "outcome", broken)
    await stage.turn()
    await stage.live(20)
    assert car.leases == []  # an acknowledgement that is not on disk does not count (V-04)
    monkeypatch.setattr(profiles, "outcome", outcome)
    await stage.live(30)
    assert car.power_w == -8_000
    assert (await _parts(stage, event.id)) == {"cs1": "following"}
