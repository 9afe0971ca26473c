"""OCPP 1.6: what stations say, each message in plain JSON at a real gateway, and what becomes of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from csms.domain.facts import RequestChanged
from csms.store import requests
from tests.conformance.lab import PATH, Json
from tests.conformance.lab16 import BOOT, TAG, Lab16, lab16
from tests.flows.gateway.front import STATION, now_text


@pytest.fixture
async def lab() -> AsyncIterator[Lab16]:
    async with lab16() as running:
        yield running


def energy(shown: Json, register: str = "Import") -> float:
    """What has flowed, by the transaction's first and last register."""
    return float(shown[f"last{register}Wh"] - shown[f"first{register}Wh"])


SERVED: list[tuple[str, Json, Json | None]] = [
    ("Authorize", {"idTag": TAG}, {"idTagInfo": {"status": "Invalid"}}),
    ("BootNotification", BOOT, None),
    ("DataTransfer", {"vendorId": "nobody", "data": "x"}, {"status": "UnknownVendorId"}),
    ("DiagnosticsStatusNotification", {"status": "Idle"}, {}),
    ("FirmwareStatusNotification", {"status": "Idle"}, {}),
    ("Heartbeat", {}, None),
    ("LogStatusNotification", {"status": "Idle"}, {}),
    (
        "MeterValues",
        {"connectorId": 0, "meterValue": [{"timestamp": now_text(), "sampledValue": [{"value": "1"}]}]},
        {},
    ),
    ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": now_text()}, {}),
    ("SignCertificate", {"csr": "no CSR"}, None),
    ("SignedFirmwareStatusNotification", {"status": "Idle"}, {}),
    (
        "StartTransaction",
        {"connectorId": 1, "idTag": TAG, "meterStart": 0, "timestamp": now_text()},
        None,
    ),
    ("StatusNotification", {"connectorId": 0, "errorCode": "NoError", "status": "Available"}, {}),
    ("StopTransaction", {"transactionId": 5, "meterStop": 0, "timestamp": now_text()}, {}),
]


@pytest.mark.parametrize(("action", "payload", "answer"), SERVED, ids=[one[0] for one in SERVED])
async def test_every_call_of_a_1_6_station_is_answered(
    lab: Lab16, action: str, payload: Json, answer: Json | None
) -> None:
    said = await lab.says(action, payload)
    assert answer is None or said == answer


async def test_a_boot_tells_time_interval_and_who_the_station_is(lab: Lab16) -> None:
    said = await lab.says("BootNotification", {**BOOT, "iccid": "89", "meterType": "DBT NQC-ACDC"})
    assert said["status"] == "Accepted"
    assert said["interval"] == 300
    assert said["currentTime"].endswith("Z")
    shown = await lab.get(PATH)
    assert (shown["vendor"], shown["model"], shown["firmware"]) == ("V", "M", "1.0")
    assert shown["version"] == "1.6"
    assert (await lab.house.station()).serial_number == "S-1"


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_a_station_that_is_not_accepted_may_boot_and_nothing_else(registration: str) -> None:
    async with lab16(boot=False, registration=registration) as lab:
        assert (await lab.says("BootNotification", BOOT))["status"] == registration
        frame = await lab.station.call("Heartbeat", {})
        assert (frame[0], frame[2]) == (4, "SecurityError")


async def test_codes_are_spelled_as_1_6_has_them(lab: Lab16) -> None:
    missing = await lab.station.call("Authorize", {})
    assert missing[2] == "OccurenceConstraintViolation"
    unknown = await lab.station.call("Authorize", {"idTag": "x", "more": 1})
    assert unknown[2] == "FormationViolation"
    later = await lab.station.call("TransactionEvent", {})
    assert later[2] == "NotImplemented"


# ---- tokens


async def test_what_a_tag_is_worth(lab: Lab16) -> None:
    await lab.add_tag("good", groupIdToken="FAMILY")
    await lab.add_tag("blocked", status="Blocked")
    await lab.add_tag("old", expiry="2020-01-01T00:00:00Z")
    good = await lab.says("Authorize", {"idTag": "GOOD"})
    assert good == {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
    for tag, status in [("blocked", "Blocked"), ("old", "Expired"), ("unknown", "Invalid")]:
        assert (await lab.says("Authorize", {"idTag": tag}))["idTagInfo"]["status"] == status


async def test_a_tag_in_use_elsewhere_is_concurrent(lab: Lab16) -> None:
    await lab.add_tag(concurrent=False)
    first = await lab.start()
    assert first["idTagInfo"]["status"] == "Accepted"
    second = await lab.start(connectorId=2, meterStart=7)
    assert second["idTagInfo"]["status"] == "ConcurrentTx"
    assert second["transactionId"] != first["transactionId"]


# ---- transactions


async def test_a_transaction_from_start_to_stop(lab: Lab16) -> None:
    await lab.add_tag()
    begun = await lab.start()
    number = begun["transactionId"]
    assert begun["idTagInfo"]["status"] == "Accepted"
    assert 0 < number < 2**31
    assert (
        await lab.meter(
            number,
            {"value": "3.5", "unit": "kWh"},
            {"value": "-6950", "measurand": "Power.Active.Import", "unit": "W"},
            {"value": "250", "measurand": "Energy.Active.Export.Register"},
            {"value": "61", "measurand": "SoC", "unit": "Percent", "location": "EV"},
            {"value": "junk", "measurand": "Voltage"},
        )
        == {}
    )
    open_ = await lab.get(f"/transactions/{number}")
    assert (open_["powerW"], open_["soc"], open_["evseId"]) == (-6950.0, 61.0, 1)
    assert await lab.stop(number, reason="EVDisconnected", idTag=TAG) == {"idTagInfo": {"status": "Accepted"}}
    ended = await lab.get(f"/transactions/{number}")
    assert ended["stoppedReason"] == "EVDisconnected"
    assert energy(ended) == 4000.0
    assert ended["idToken"].lower() == TAG.lower()
    listed = await lab.get("/transactions")
    assert [one["transactionId"] for one in listed["items"]] == [str(number)]


async def test_a_start_that_is_told_again_is_the_same_transaction(lab: Lab16) -> None:
    await lab.add_tag()
    at = now_text()
    first = await lab.start(timestamp=at)
    again = await lab.start(timestamp=at)
    spelled = await lab.start(timestamp=at.replace("Z", "+00:00"), idTag=TAG.lower())
    assert first == again == spelled
    number = first["transactionId"]
    await lab.stop(number)
    assert await lab.start(timestamp=at) == first
    other = await lab.start(timestamp=at, meterStart=1001)
    assert other["transactionId"] != number
    shown = await lab.get(f"/transactions/{number}")
    assert (shown["conflicts"], shown["endedAt"] is not None) == (0, True)


async def test_meter_values_and_stops_told_again_change_nothing(lab: Lab16) -> None:
    number = (await lab.start())["transactionId"]
    at = now_text()
    for _ in range(3):
        await lab.meter(number, {"value": "2000"}, at=at)
    stop = {"timestamp": now_text()}
    for _ in range(2):
        await lab.stop(number, **stop)
    await lab.meter(number, {"value": "2000"}, at=at)
    readings = (await lab.get(f"/transactions/{number}/readings"))["items"]
    assert [one["importWh"] for one in readings] == [1000.0, 2000.0, 5000.0]
    shown = await lab.get(f"/transactions/{number}")
    assert (energy(shown), shown["conflicts"]) == (4000.0, 0)


async def test_another_stop_of_one_transaction_is_a_conflict_and_kept(lab: Lab16) -> None:
    number = (await lab.start())["transactionId"]
    await lab.stop(number)
    assert await lab.stop(number, meterStop=9000) == {}
    shown = await lab.get(f"/transactions/{number}")
    assert (energy(shown), shown["conflicts"]) == (4000.0, 1)


async def test_transaction_data_of_a_stop_is_read(lab: Lab16) -> None:
    number = (await lab.start(timestamp="2026-01-01T10:00:00Z", meterStart=0))["transactionId"]
    data = [
        {
            "timestamp": "2026-01-01T10:30:00Z",
            "sampledValue": [
                {"value": "10", "measurand": "Energy.Active.Export.Register", "context": "Transaction.Begin"},
                {"value": "a signature", "format": "SignedData"},
            ],
        },
        {
            "timestamp": "2026-01-01T11:00:00Z",
            "sampledValue": [{"value": "900", "measurand": "Energy.Active.Export.Register"}],
        },
    ]
    await lab.stop(number, timestamp="2026-01-01T11:00:00Z", meterStop=50, transactionData=data)
    shown = await lab.get(f"/transactions/{number}")
    assert (energy(shown), energy(shown, "Export")) == (50.0, 890.0)


async def test_a_stop_of_a_transaction_that_nobody_knows_is_kept(lab: Lab16) -> None:
    assert await lab.stop(77) == {}
    shown = await lab.get("/transactions/77")
    assert (shown["startedAt"], shown["endedAt"] is not None) == (None, True)


async def test_meter_values_without_a_transaction_are_of_the_connector(lab: Lab16) -> None:
    await lab.meter(None, {"value": "7", "unit": "kWh"}, connector=2)
    await lab.meter(0, {"value": "8", "unit": "kWh"}, connector=2)  # 0: none, to some stations
    assert (await lab.get("/transactions"))["items"] == []


@pytest.mark.parametrize("transaction", [{}, {"transactionId": -1}])
async def test_signed_values_outside_transactions_are_kept_to_the_byte(lab: Lab16, transaction: Json) -> None:
    sampled = [{"value": "7", "unit": "kWh"}, {"value": "T0NNRnx7IkZWIjoi\u00e4", "format": "SignedData"}]
    value = {"timestamp": now_text(), "sampledValue": sampled}
    text = json.dumps({"connectorId": 2, **transaction, "meterValue": [value]}, indent=1)
    for number in ("a", "b"):  # told twice it is kept once
        await lab.station.send(f'[2,"{number}","MeterValues",{text}]')
        assert (await lab.station.receive())[:2] == [3, number]
    await lab.meter(None, {"value": "8", "unit": "kWh", "format": "Raw"}, connector=2)
    (kept,) = (await lab.get(f"{PATH}/signed-meter-values"))["items"]
    assert (kept["evseId"], kept["message"]) == (2, text)


async def test_the_clock_is_judged_by_what_cannot_have_waited(lab: Lab16) -> None:
    """What is older than the connection may come out of a queue: it says nothing of the station's clock."""
    old = (await lab.start(timestamp="2026-01-01T10:00:00Z"))["transactionId"]
    await lab.stop(old, timestamp="2026-01-01T11:00:00Z")
    assert (await lab.house.station()).clock_skew_s is None
    await lab.start()
    skew_s = (await lab.house.station()).clock_skew_s
    assert skew_s is not None
    assert abs(skew_s) < 5


# ---- status


@pytest.mark.parametrize(
    ("told", "status", "state"),
    [
        ("Preparing", "Occupied", "EVConnected"),
        ("Charging", "Occupied", "Charging"),
        ("SuspendedEV", "Occupied", "SuspendedEV"),
        ("SuspendedEVSE", "Occupied", "SuspendedEVSE"),
        ("Finishing", "Occupied", "EVConnected"),
        ("Faulted", "Faulted", None),
        ("Reserved", "Reserved", None),
        ("Unavailable", "Unavailable", None),
    ],
)
async def test_a_status_says_how_the_connector_is_and_how_charging_goes_on(
    lab: Lab16, told: str, status: str, state: str | None
) -> None:
    number = (await lab.start())["transactionId"]
    for _ in range(2):
        await lab.says(
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": told, "timestamp": now_text()},
        )
    connectors = (await lab.get(PATH))["connectors"]
    assert [(one["evseId"], one["connectorId"], one["status"]) for one in connectors] == [(1, 1, status)]
    assert (await lab.get(f"/transactions/{number}"))["chargingState"] == state


async def test_an_error_is_an_event_of_the_connector(lab: Lab16) -> None:
    told = {
        "connectorId": 1,
        "errorCode": "OtherError",
        "vendorErrorCode": "E42",
        "info": "wet",
        "status": "Faulted",
        "timestamp": now_text(),
    }
    for _ in range(2):
        await lab.says("StatusNotification", told)
    (event,) = (await lab.get(f"{PATH}/events"))["items"]
    assert (event["variable"], event["value"], event["evseId"]) == ("Problem", "E42", 1)


# ---- what follows from what we have asked


async def followed(lab: Lab16, kind: str, **fields: Any) -> int:
    async with lab.house.db.begin() as conn:
        number = await requests.open(conn, STATION, kind, lab.house.gateway.house.clock.now())
        if fields:
            await requests.change(conn, STATION, number, **fields)
        return number


@pytest.mark.parametrize(
    ("action", "kind", "words", "state"),
    [
        ("FirmwareStatusNotification", "firmware update", ["Downloading", "Installed"], "complete"),
        ("FirmwareStatusNotification", "firmware update", ["DownloadFailed"], "failed"),
        ("DiagnosticsStatusNotification", "log", ["Uploading", "Uploaded"], "complete"),
        ("DiagnosticsStatusNotification", "log", ["UploadFailed"], "failed"),
    ],
)
async def test_a_follow_up_without_a_number_is_of_the_newest_open_request(
    lab: Lab16, action: str, kind: str, words: list[str], state: str
) -> None:
    older, newer = await followed(lab, kind), await followed(lab, kind)
    for word in words:
        await lab.says(action, {"status": word})
    await lab.house.fact(RequestChanged, len(words))
    assert (await lab.request(newer))["state"] == state
    assert (await lab.request(older))["state"] == "open"


async def test_a_signed_firmware_follow_up_names_its_request(lab: Lab16) -> None:
    older, newer = await followed(lab, "firmware update"), await followed(lab, "firmware update")
    await lab.says("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": older})
    assert (await lab.request(older))["state"] == "complete"
    assert (await lab.request(newer))["state"] == "open"
