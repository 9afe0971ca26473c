"""A fleet's timetable from recorded sessions, and the vehicles in it."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.fleet.fleet import Fleet, Plan
from chargepoint_sim.fleet.guest import invented_stay, make_guest
from chargepoint_sim.fleet.sessions import BadSessions, Session, Stay, busiest, read_sessions, timetable
from chargepoint_sim.station.knobs import Knob

THURSDAY = datetime.fromisoformat("2019-07-18T14:00:00-07:00")
HEADER = (
    "arrival,departure,requested_energy (kWh),delivered_energy (kWh),"
    "station_id,session_id,estimated_departure,claimed"
)


def session(station: str, arrival: datetime, hours: float, delivered_wh: float = 10_000.0) -> Session:
    return Session(station, arrival, arrival + timedelta(hours=hours), delivered_wh, delivered_wh, None)


SESSIONS = [
    session("A", THURSDAY - timedelta(hours=6), 8),
    session("A", THURSDAY + timedelta(hours=3), 1),
    session("B", THURSDAY + timedelta(hours=1), 4),
    session("B", THURSDAY + timedelta(days=7, hours=-1), 4),
    session("A", THURSDAY + timedelta(days=1, hours=-1), 4),
]


def test_stations_with_a_vehicle_at_the_start_come_first_then_whole_weeks_then_other_days() -> None:
    rows = timetable(SESSIONS, THURSDAY, stations=4, horizon_s=6 * 3600)
    first = [(row[0].arrives_s / 3600, row[0].leaves_s / 3600) for row in rows]
    assert first == [(-6, 2), (-1, 3), (-1, 3), (1, 5)]
    assert [stay.arrives_s / 3600 for stay in rows[0]] == [-6, 3]


def test_more_stations_than_records_stay_empty() -> None:
    assert timetable(SESSIONS[:1], THURSDAY, stations=3, horizon_s=3600)[1:] == [[], []]


def test_what_was_delivered_before() -> None:
    one = session("A", THURSDAY - timedelta(hours=1), 5, 20_000.0)
    assert one.delivered_by(THURSDAY) == pytest.approx(6_200)
    assert one.delivered_by(THURSDAY + timedelta(hours=9)) == 20_000
    assert busiest(SESSIONS) in {one.arrival for one in SESSIONS}


def test_the_file_format(tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"
    row = (
        "2019-05-01 05:04:06-07:00,2019-05-01 17:56:21-07:00,44.85,44.875,"
        "AG-1F11,x,2019-05-01 14:09:06-07:00,True"
    )
    file.write_text(f"{HEADER}\n{row}\n")
    (one,) = read_sessions(file)
    assert (one.station, one.requested_wh, one.delivered_wh) == ("AG-1F11", 44_850, 44_875)
    assert one.expected == datetime.fromisoformat("2019-05-01 14:09:06-07:00")


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", f"{HEADER}\nsoon,later,1,1,A,x,,True\n"])
def test_what_is_no_session_file_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text(text)
    with pytest.raises(BadSessions):
        read_sessions(file)


def test_a_guest_is_the_same_for_the_same_seed_and_its_battery_follows_its_energy() -> None:
    catalogue = Catalogue()
    half_way = Stay(-3600, 7200, 7200, 20_000, 20_000, 10_000)
    arrived = Stay(-3600, 7200, 7200, 20_000, 20_000, 0)
    one, again = make_guest("7", half_way, catalogue, "s"), make_guest("7", half_way, catalogue, "s")
    earlier = make_guest("7", arrived, catalogue, "s")
    assert one.truth() == again.truth()
    gained = one.vehicle.battery.energy_wh - earlier.vehicle.battery.energy_wh
    assert gained == pytest.approx(10_000 * 0.95)
    assert one.vehicle.requests().target_wh == pytest.approx(10_000 * 0.95, rel=0.3)


def test_invented_guests_are_plausible() -> None:
    catalogue, dice = Catalogue(), random.Random(1)
    guests = [make_guest(str(number), invented_stay(dice), catalogue, "s") for number in range(200)]
    assert all(10 < guest.vehicle.battery.soc < 100 for guest in guests)
    assert {guest.vehicle.model.bidirectional for guest in guests} == {True, False}
    assert len({guest.vehicle.evccid for guest in guests}) == 200


def luck(seed: str, number: int, beside: bool = False) -> list[object]:
    """What is left to chance at one station of a fleet; `beside`: another matter draws in between."""
    station = Fleet(Plan(url="ws://x", count=2, seed=seed), lambda event, fields: None, None).stations[number]
    knobs = station.cabinet.equipment.knobs
    knobs.turn(Knob.LOSE_EVENTS, 0.5)
    if beside:
        knobs.turn(Knob.REPEAT_FRAMES, 0.5)
    drawn: list[object] = []
    for failures in range(1, 20):
        drawn.append(station.back_off_s(failures))
        drawn.append(knobs.happens(Knob.LOSE_EVENTS))
        knobs.happens(Knob.REPEAT_FRAMES)
    return drawn


def test_one_seed_is_one_run_also_for_back_off_and_faults_by_chance() -> None:
    assert luck("7", 0) == luck("7", 0) == luck("7", 0, beside=True)
    others = [luck("8", 0), luck("7", 1)]
    for part in (slice(0, None, 2), slice(1, None, 2)):  # back-off, faults
        assert all(luck("7", 0)[part] != one[part] for one in others)


def test_stations_have_names_and_passwords_of_their_own() -> None:
    plan = Plan(url="ws://x", count=3)
    fixed = [plan.fixed(index) for index in (1, 2, 3)]
    assert [one.identity for one in fixed] == ["SIM-0001", "SIM-0002", "SIM-0003"]
    assert len({one.password for one in fixed}) == 3
    assert all(len(one.password) >= 20 and one.password.isalnum() for one in fixed)
    assert plan.site().limits.charge_w == 33_000
    assert plan.with_site(20_000, None).site().limits.charge_w == 20_000
