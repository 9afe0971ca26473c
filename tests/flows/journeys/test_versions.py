"""Journey with real processes: a station of each OCPP version gives in one event, each in its own dialect."""

import json
from collections import Counter
from datetime import datetime, timedelta

import pytest

from csms.cli.processes import Child
from csms.cli.rest import Object, Rest
from tests.flows.journeys.test_grid_event import DURATION_S, NEEDS_S, RATE, House, house

__all__ = ["house"]

PASSWORD = "correct-horse-battery-staple"
MOST_W = 3000
DIALECTS = {"1.6": "negative_limit", "2.0.1": "negative_limit", "2.1": "native_2_1"}


def register(rest: Rest, version: str) -> None:
    """A station, its driver and vehicle."""
    rating = {"evseId": 1, "maxChargeW": 11_000, "maxDischargeW": MOST_W}
    station = {
        "identity": f"of-{version}",
        "password": PASSWORD,
        "site": "home",
        "discharge": DIALECTS[version],
    }
    rest.post("/stations", {**station, "registration": "Accepted", "onboarding": "none", "evses": [rating]})
    driver, vehicle = f"driver-{version}", f"vehicle-{version}"
    rest.post("/drivers", {"driverId": driver, "name": driver})
    power = {"maxChargeW": 46_000, "maxDischargeW": 10_000, "bidirectional": True}
    rest.post("/vehicles", {"vehicleId": vehicle, "driverId": driver, "capacityWh": 59_000, **power})
    token = {"idToken": f"CARD-{version}", "type": "ISO14443", "driverId": driver, "vehicleId": vehicle}
    rest.post("/id-tokens", token)
    rest.post(f"/drivers/{driver}/enrolments", {"programId": "default"})
    rest.post(f"/drivers/{driver}/needs", {"reserveSoc": 20})


def station(house: House, version: str) -> None:
    """A simulated station with a vehicle that charges."""
    register(house.rest, version)
    arguments = ["run", "--url", house.ready["ocpp"], "--identity", f"of-{version}", "--password", PASSWORD]
    arguments += ["--version", version, "--speed", str(RATE), "--meter-interval", "15", "--evses", "1"]
    arguments += ["--plug-at-start", "1", "--token", f"CARD-{version}", "--json"]
    arguments += ["--max-discharge-w", str(MOST_W)]
    child = house.stack.enter_context(Child("chargepoint_sim", arguments, {}, house.folder))
    child.expect("transaction_started", NEEDS_S)


def periods(house: House, version: str) -> list[Object]:
    """The schedule periods of all charging profiles that a station was sent."""
    found = house.rest.get(f"/stations/of-{version}/messages?limit=500")["items"]
    calls = [json.loads(one["text"]) for one in found if one["way"] == "out"]
    sent = [call[3] for call in calls if call[0] == 2 and call[2] == "SetChargingProfile"]
    profiles = [one.get("chargingProfile") or one["csChargingProfiles"] for one in sent]
    schedules = [one["chargingSchedule"] for one in profiles]
    lists = [one if isinstance(one, list) else [one] for one in schedules]
    return [period for each in lists for one in each for period in one["chargingSchedulePeriod"]]


@pytest.mark.timeout(300)
def test_three_versions_give_side_by_side_each_in_its_own_dialect(house: House) -> None:
    house.rest.post("/sites", {"siteId": "home", "importLimitW": 60_000, "exportLimitW": 60_000})
    for version in DIALECTS:
        station(house, version)
    now = datetime.fromisoformat(house.rest.get("/fleet")["at"])
    start = f"{now + timedelta(seconds=90):%Y-%m-%dT%H:%M:%SZ}"
    power = ["--power=-8kW", f"--for={DURATION_S}s", f"--start={start}"]
    event = house.csms("event", "create", *power, "--wait")
    event_id = event.get("eventId") or event["id"]
    statement = house.rest.get(f"/grid-events/{event_id}/settlement")

    exported: Counter[str] = Counter()
    for line in statement["lines"]:  # one for each clock interval
        exported[line["station"]] += line["exportWh"]
    assert {name for name, wh in exported.items() if wh > 100} == {f"of-{one}" for one in DIALECTS}
    assert statement["performance"] > 0.8

    for version in ("1.6", "2.0.1"):
        older = periods(house, version)
        assert min(period["limit"] for period in older) < 0
        assert not any("setpoint" in period for period in older)
    native = periods(house, "2.1")
    assert min(period.get("setpoint", 0) for period in native) < 0
    assert all(period.get("limit", 0) >= 0 for period in native)
    modes = {period.get("operationMode") for period in native if "setpoint" in period}
    assert modes == {"CentralSetpoint"}


@pytest.mark.timeout(120)
def test_a_fleet_mixes_versions_by_share(house: House) -> None:
    shares = ["--version", "2.1=2", "--version", "1.6=1", "--version", "2.0.1=1"]
    arguments = ["fleet", "--count", "8", "--url", house.ready["ocpp"], "--register", house.ready["api"]]
    arguments += ["--program", "default", "--speed", str(RATE), "--json", *shares]
    key = {"CSMS_API_KEY": house.key}
    fleet = house.stack.enter_context(Child("chargepoint_sim", arguments, key, house.folder))
    fleet.expect("ready", NEEDS_S)
    stations = house.rest.get("/stations")["items"]
    assert Counter(one["version"] for one in stations) == {"2.1": 4, "1.6": 2, "2.0.1": 2}
    assert {one["discharge"] for one in stations if one["version"] == "2.1"} == {"native_2_1"}
