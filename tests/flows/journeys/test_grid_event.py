"""Journey (b) with real processes: server, simulated stations and the command line talk over loopback.

House time runs fast, so that an event of some minutes fits into some seconds.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from csms.cli.processes import Child, own_environment
from csms.cli.rest import Object, Rest

RATE = 12
DURATION_S = 300
NEEDS_S = 40.0


@dataclass
class House:
    """A running server with fleets around it."""

    folder: Path
    stack: ExitStack
    ready: Object
    key: str
    rest: Rest

    def fleet(self, prefix: str, count: int, *faults: str) -> Child:
        """So many stations, each with a vehicle that is plugged in and charging."""
        arguments = ["fleet", "--count", str(count), "--url", self.ready["ocpp"], "--prefix", prefix]
        arguments += ["--register", self.ready["api"], "--program", "default", "--speed", str(RATE)]
        arguments += ["--seed", prefix, "--meter-interval", "15", "--truth", f"{self.folder}/{prefix}.truth"]
        arguments += ["--json", *(part for fault in faults for part in ("--fault", fault))]
        child = self.stack.enter_context(
            Child("chargepoint_sim", arguments, {"CSMS_API_KEY": self.key}, self.folder)
        )
        child.expect("ready", NEEDS_S)
        return child

    def csms(self, *arguments: str) -> Object:
        """The command line, its answer as JSON."""
        done = subprocess.run(
            [sys.executable, "-m", "csms", *arguments, "--json"],
            env=own_environment({"CSMS_URL": self.ready["api"], "CSMS_API_KEY": self.key}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: Object = json.loads(done.stdout)
        return answer

    def truth(self, prefix: str) -> list[Object]:
        """What the simulator knows of each vehicle, once its fleet has ended."""
        return [json.loads(line) for line in (self.folder / f"{prefix}.truth").read_text().splitlines()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A server on free ports with fast house time."""
    settings = {"CSMS_OCPP__PORT": "0", "CSMS_API__PORT": "0", "CSMS_CLOCK__RATE": str(RATE)}
    with ExitStack() as stack:
        server = stack.enter_context(Child("csms", ["serve", "--ready-json"], settings, tmp_path))
        ready = server.expect("ready", NEEDS_S)
        key = (tmp_path / "var" / "admin.key").read_text().strip()
        yield House(tmp_path, stack, ready, key, Rest(ready["api"], key))


def frames_to(house: House, station_id: str) -> list[Object]:
    """The charging profiles that a station was sent, oldest first."""
    found = house.rest.get(f"/stations/{station_id}/messages?limit=500")["items"]
    calls = [json.loads(one["text"]) for one in found if one["way"] == "out"]
    return [call[3] for call in calls if call[0] == 2 and call[2] == "SetChargingProfile"]


def lowest_w(profile: Object) -> float:
    """The lowest limit in a SetChargingProfile."""
    schedules = profile["chargingProfile"]["chargingSchedule"]
    return min(float(period["limit"]) for one in schedules for period in one["chargingSchedulePeriod"])


@pytest.mark.timeout(240)
def test_a_fleet_with_odd_stations_delivers_and_harms_nobody(house: House) -> None:
    """Some that refuse, two that cannot tell their charge: the others take their share."""
    sound = house.fleet("sound", 8)
    house.fleet("refuses", 6, "reject-negative")  # of whose vehicles some can discharge
    house.fleet("blind", 2, "soc-nan")
    now = datetime.fromisoformat(house.rest.get("/fleet")["at"])
    start = f"{now + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}"
    power = ["--power=-15kW", f"--for={DURATION_S}s", f"--start={start}"]
    event = house.csms("event", "create", *power, "--wait")
    event = house.rest.get(f"/grid-events/{event.get('eventId') or event['id']}")
    statement = house.rest.get(f"/grid-events/{event['id']}/settlement")

    assert event["state"] == "settled"
    assert statement["performance"] > 0.9
    assert statement["exportedWh"] > 0
    assert all(line["station"].startswith("sound") for line in statement["lines"] if line["exportWh"])
    for number in (1, 2):
        assert all(lowest_w(sent) >= 0 for sent in frames_to(house, f"blind-{number:04d}"))
    performance = house.rest.get(f"/grid-events/{event['id']}/performance")
    assert "refused" in json.dumps(performance), (performance["parts"], performance["reasons"])

    sound.end()
    for vehicle in house.truth("sound"):
        lowest = vehicle["lowest_discharging_soc"]
        assert lowest is None or lowest >= vehicle["reserve_soc"]


@pytest.mark.timeout(240)
def test_a_station_hears_of_the_fallback_before_it_hears_of_discharge(house: House) -> None:
    """V-04, and what the frames must look like whatever station reads them (K01.FR.03, .16, .31, .40)."""
    house.fleet("one", 3)
    now = datetime.fromisoformat(house.rest.get("/fleet")["at"])
    start = f"{now + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}"
    power = ["--power=-6kW", f"--for={DURATION_S}s", f"--start={start}"]
    house.csms("event", "create", *power, "--wait")
    discharged = 0
    for station in house.rest.get("/stations")["items"]:
        sent = frames_to(house, station["identity"])
        first = next((number for number, each in enumerate(sent) if lowest_w(each) < 0), None)
        if first is None:
            continue
        discharged += 1
        purposes = [each["chargingProfile"]["chargingProfilePurpose"] for each in sent]
        assert "TxDefaultProfile" in purposes[:first]
        ids = {each["chargingProfile"]["id"] for each in sent if lowest_w(each) < 0}
        assert len(ids) == 1  # K01.FR.05: the same id again replaces
        for each in sent:
            profile = each["chargingProfile"]
            (schedule,) = profile["chargingSchedule"]
            assert schedule["chargingSchedulePeriod"][0]["startPeriod"] == 0  # K01.FR.31
            assert "startSchedule" in schedule  # K01.FR.40
            if lowest_w(each) < 0:
                assert profile["chargingProfilePurpose"] == "TxProfile"
                assert each["evseId"] > 0  # K01.FR.16
                assert profile["transactionId"]  # K01.FR.03
                assert schedule["duration"] <= 900
                assert "validTo" in profile
    assert discharged
