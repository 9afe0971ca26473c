"""Charging profiles and remote starts of a 1.6 station."""

from typing import Any

import pytest

from tests.flows.station.steps_16 import START, STOP, Central, booted, connected, lease, measured


@pytest.mark.parametrize("transaction", [{"transactionId": 41}, {}])
async def test_a_limit_below_zero_is_a_discharge(
    csms: Any, bench: Any, central: Central, transaction: dict[str, int]
) -> None:
    _, peer = await connected(csms, bench)
    order = lease(-7000, schedule={"duration": 200}, **transaction)
    assert await peer.call("SetChargingProfile", order) == {"status": "Accepted"}
    await csms.wait_for("MeterValues", lambda p: measured(p, "Power.Active.Export") == [7000])
    question = {"connectorId": 1, "duration": 300, "chargingRateUnit": "W"}
    answer = await peer.call("GetCompositeSchedule", question)
    assert (answer["status"], answer["connectorId"]) == ("Accepted", 1)
    limits = [period["limit"] for period in answer["chargingSchedule"]["chargingSchedulePeriod"]]
    assert limits == [-7000, 11_000]
    await csms.wait_for(
        "MeterValues",
        lambda p: (
            measured(p, "Power.Active.Import") == [11_000]
            and measured(p, "Energy.Active.Export.Register") > [0]
        ),
    )


async def test_profiles_replace_each_other_by_id_and_by_level(
    csms: Any, bench: Any, central: Central
) -> None:
    one, peer = await connected(csms, bench)
    store = one.station.cabinet.equipment.profiles
    for number, level in ((1, 1), (2, 1), (2, 3), (4, 0)):
        order = lease(5000, chargingProfileId=number, stackLevel=level)
        assert await peer.call("SetChargingProfile", order) == {"status": "Accepted"}
    assert [(held.profile.id, held.profile.stack_level) for held in store.installed] == [(2, 3), (4, 0)]
    assert await peer.call("ClearChargingProfile", {"stackLevel": 0}) == {"status": "Accepted"}
    assert await peer.call("ClearChargingProfile", {"id": 9}) == {"status": "Unknown"}
    assert [held.profile.id for held in store.installed] == [2]


@pytest.mark.parametrize(
    ("order", "status"),
    [
        (lease(5000, transactionId=7), "Rejected"),
        (lease(5000, connector=0), "Rejected"),
        (lease(5000, connector=9), "Rejected"),
        (lease(5000, stackLevel=99), "Rejected"),
        (lease(5000, chargingProfilePurpose="ChargePointMaxProfile"), "Rejected"),
        (
            lease(
                5000,
                chargingProfilePurpose="ChargePointMaxProfile",
                chargingProfileKind="Absolute",
                connector=0,
                schedule={"startSchedule": "2020-01-01T00:00:00Z"},
            ),
            "Accepted",
        ),
        (lease(5000, chargingProfilePurpose="TxDefaultProfile", connector=0), "Accepted"),
        (lease(5000, chargingProfileKind="Absolute"), "Accepted"),
        (lease(5000, chargingProfileKind="Recurring", recurrencyKind="Daily"), "Accepted"),
    ],
)
async def test_what_is_taken(csms: Any, bench: Any, central: Central, order: Any, status: str) -> None:
    _, peer = await connected(csms, bench)
    assert await peer.call("SetChargingProfile", order) == {"status": status}


async def test_remote_start_with_a_profile_and_remote_stop(csms: Any, bench: Any, central: Central) -> None:
    one, peer = await booted(csms, bench)
    start = {"idTag": "TAG-9", "connectorId": 1, "chargingProfile": lease(-3000)["csChargingProfiles"]}
    assert await peer.call("RemoteStartTransaction", start) == {"status": "Accepted"}
    one.plug(token=None)
    (started,) = await csms.wait_for(START)
    assert started["idTag"] == "TAG-9"
    await csms.wait_for("MeterValues", lambda p: measured(p, "Power.Active.Export") == [3000])
    assert await peer.call("RemoteStopTransaction", {"transactionId": 40}) == {"status": "Rejected"}
    assert await peer.call("RemoteStopTransaction", {"transactionId": 41}) == {"status": "Accepted"}
    (stopped,) = await csms.wait_for(STOP)
    assert (stopped["transactionId"], stopped["reason"]) == (41, "Remote")
    await csms.wait_for("StatusNotification", lambda p: p["status"] == "Finishing")
