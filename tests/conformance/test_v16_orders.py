"""OCPP 1.6: what we ask of stations. The commands are those of any station; plain JSON goes out."""

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest

from csms.blocks import AFTER
from csms.blocks.calls import Desk
from csms.blocks.retries import Retries
from csms.domain.facts import ReportCompleted
from csms.wire.v16 import DIALECT
from tests.conformance.lab import PATH, Json
from tests.conformance.lab16 import BOOT, TAG, Lab16, lab16
from tests.flows.gateway.front import STATION, WAIT_S, now_text

LATER = "2030-01-01T00:00:00Z"
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "1",
}
SCHEDULE = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6900.5}]}
PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": SCHEDULE,
}


@pytest.fixture
async def lab() -> AsyncIterator[Lab16]:
    async with lab16() as running:
        yield running


# ---- every call in the station's own words

RAW: dict[str, tuple[Json, Json]] = {
    "CancelReservation": ({"reservationId": 3}, {"status": "Accepted"}),
    "CertificateSigned": ({"certificateChain": "PEM"}, {"status": "Accepted"}),
    "ChangeAvailability": ({"connectorId": 0, "type": "Inoperative"}, {"status": "Scheduled"}),
    "ChangeConfiguration": ({"key": "HeartbeatInterval", "value": "60"}, {"status": "Accepted"}),
    "ClearCache": ({}, {"status": "Accepted"}),
    "ClearChargingProfile": ({"id": 7}, {"status": "Unknown"}),
    "DataTransfer": ({"vendorId": "V", "data": "x"}, {"status": "Accepted", "data": "y"}),
    "DeleteCertificate": ({"certificateHashData": HASHES}, {"status": "NotFound"}),
    "ExtendedTriggerMessage": ({"requestedMessage": "LogStatusNotification"}, {"status": "Accepted"}),
    "GetCompositeSchedule": ({"connectorId": 1, "duration": 60}, {"status": "Rejected"}),
    "GetConfiguration": ({"key": ["X"]}, {"unknownKey": ["X"]}),
    "GetDiagnostics": ({"location": "ftp://host/x"}, {"fileName": "log.zip"}),
    "GetInstalledCertificateIds": (
        {"certificateType": "CentralSystemRootCertificate"},
        {"status": "Accepted", "certificateHashData": [HASHES]},
    ),
    "GetLocalListVersion": ({}, {"listVersion": -1}),
    "GetLog": (
        {"logType": "SecurityLog", "requestId": 9, "log": {"remoteLocation": "ftp://host/x"}},
        {"status": "Accepted"},
    ),
    "InstallCertificate": (
        {"certificateType": "ManufacturerRootCertificate", "certificate": "PEM"},
        {"status": "Accepted"},
    ),
    "RemoteStartTransaction": ({"idTag": TAG, "connectorId": 1}, {"status": "Accepted"}),
    "RemoteStopTransaction": ({"transactionId": 5}, {"status": "Rejected"}),
    "ReserveNow": (
        {"connectorId": 1, "expiryDate": LATER, "idTag": TAG, "reservationId": 4},
        {"status": "Occupied"},
    ),
    "Reset": ({"type": "Soft"}, {"status": "Accepted"}),
    "SendLocalList": ({"listVersion": 1, "updateType": "Full"}, {"status": "NotSupported"}),
    "SetChargingProfile": ({"connectorId": 1, "csChargingProfiles": PROFILE}, {"status": "NotSupported"}),
    "SignedUpdateFirmware": (
        {
            "requestId": 2,
            "firmware": {
                "location": "ftp://host/x",
                "retrieveDateTime": LATER,
                "signingCertificate": "PEM",
                "signature": "s",
            },
        },
        {"status": "Accepted"},
    ),
    "TriggerMessage": ({"requestedMessage": "Heartbeat"}, {"status": "NotImplemented"}),
    "UnlockConnector": ({"connectorId": 1}, {"status": "NotSupported"}),
    "UpdateFirmware": ({"location": "ftp://host/x", "retrieveDate": LATER}, {}),
}


def test_every_call_of_1_6_is_here() -> None:
    assert set(RAW) == DIALECT.vocabulary.asked


@pytest.mark.parametrize("action", sorted(RAW))
async def test_every_call_can_be_sent_as_it_is(lab: Lab16, action: str) -> None:
    payload, reply = RAW[action]
    why = "?override=cannot-be-read-by-us" if action == "SignedUpdateFirmware" else ""
    asked, found = await lab.asks(f"{PATH}/calls/{action}{why}", payload, (action, reply))
    assert asked == [payload]
    assert found["answer"] == reply
    assert (await lab.get(f"/calls/{found['callId']}"))["state"] == "answered"


@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        ("Reset", {"type": "Immediate"}, "type"),
        ("RemoteStartTransaction", {"idTag": "x" * 21}, "idTag"),
        ("ChangeConfiguration", {"key": "k"}, "value"),
        ("GetDiagnostics", {"location": "no address"}, "location"),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": {**PROFILE, "more": 1}}, None),
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    **PROFILE,
                    "chargingSchedule": {
                        "chargingRateUnit": "W",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6900.55}],
                    },
                },
            },
            "csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit",
        ),
    ],
)
async def test_a_payload_that_breaks_its_schema_is_not_sent(
    lab: Lab16, action: str, payload: Json, field: str | None
) -> None:
    refused = await lab.post(f"{PATH}/calls/{action}", payload, 422)
    assert field is None or [one["field"] for one in refused["errors"]] == [field]
    assert (await lab.get(f"{PATH}/calls"))["items"] == []


async def test_a_signed_firmware_that_we_cannot_read_is_not_sent(lab: Lab16) -> None:
    refused = await lab.post(f"{PATH}/calls/SignedUpdateFirmware", RAW["SignedUpdateFirmware"][0], 422)
    assert [one["field"] for one in refused["errors"]] == ["firmware.location"]
    assert (await lab.get(f"{PATH}/calls"))["items"] == []


async def test_a_negative_limit_by_hand_needs_a_reason_and_a_lease(lab: Lab16) -> None:
    number = (await lab.start())["transactionId"]
    period = {"startPeriod": 0, "limit": -3000.0}
    profile = {
        **PROFILE,
        "chargingProfilePurpose": "TxProfile",
        "transactionId": number,
        "chargingSchedule": {**SCHEDULE, "chargingSchedulePeriod": [period], "duration": 300},
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    path = f"{PATH}/calls/SetChargingProfile"
    await lab.post(path, payload, 403)
    await lab.post(f"{path}?override=because-I-say-so", payload, 403)  # no lease: it has no validTo
    assert (await lab.get(f"{PATH}/calls"))["items"] == []
    start = {"connectorId": 1, "idTag": TAG, "chargingProfile": profile}
    await lab.post(f"{PATH}/calls/RemoteStartTransaction?override=because-I-say-so", start, 403)


# ---- the operator's commands

ORDERS: list[tuple[str, object, str, Json, Json, Json]] = [
    (
        "reset",
        {"type": "Immediate"},
        "Reset",
        {"type": "Hard"},
        {"status": "Accepted"},
        {"status": "Accepted"},
    ),
    ("reset", {"type": "OnIdle"}, "Reset", {"type": "Soft"}, {"status": "Rejected"}, {"status": "Rejected"}),
    (
        "availability",
        {"status": "Inoperative", "evseId": 2},
        "ChangeAvailability",
        {"connectorId": 2, "type": "Inoperative"},
        {"status": "Scheduled"},
        {"status": "Scheduled"},
    ),
    (
        "availability",
        {"status": "Operative"},
        "ChangeAvailability",
        {"connectorId": 0, "type": "Operative"},
        {"status": "Accepted"},
        {"status": "Accepted"},
    ),
    (
        "unlock",
        {"evseId": 1},
        "UnlockConnector",
        {"connectorId": 1},
        {"status": "NotSupported"},
        {"status": "UnlockFailed", "statusInfo": {"reasonCode": "NotSupported"}},
    ),
    ("clear-cache", None, "ClearCache", {}, {"status": "Accepted"}, {"status": "Accepted"}),
    (
        "trigger",
        {"message": "MeterValues", "evseId": 1},
        "TriggerMessage",
        {"requestedMessage": "MeterValues", "connectorId": 1},
        {"status": "Accepted"},
        {"status": "Accepted"},
    ),
    (
        "trigger",
        {"message": "SignChargingStationCertificate"},
        "ExtendedTriggerMessage",
        {"requestedMessage": "SignChargePointCertificate"},
        {"status": "Accepted"},
        {"status": "Accepted"},
    ),
    (
        "logs",
        {"type": "DiagnosticsLog", "location": "ftp://host/x"},
        "GetDiagnostics",
        {"location": "ftp://host/x"},
        {"fileName": "log.zip"},
        {"status": "Accepted", "filename": "log.zip"},
    ),
    (
        "logs",
        {"type": "DiagnosticsLog", "location": "ftp://host/x"},
        "GetDiagnostics",
        {"location": "ftp://host/x"},
        {},
        {"status": "Rejected"},
    ),
    (
        "logs",
        {"type": "SecurityLog", "location": "ftp://host/x"},
        "GetLog",
        {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "ftp://host/x"}},
        {"status": "Accepted", "filename": "f"},
        {"status": "Accepted", "filename": "f"},
    ),
    (
        "firmware",
        {"location": "ftp://host/x", "retrieveAt": LATER},
        "UpdateFirmware",
        {"location": "ftp://host/x", "retrieveDate": LATER},
        {},
        {"status": "Accepted"},
    ),
    (
        "firmware?override=cannot-be-read-by-us",
        {"location": "ftp://host/x", "retrieveAt": LATER, "signingCertificate": "PEM", "signature": "s"},
        "SignedUpdateFirmware",
        RAW["SignedUpdateFirmware"][0] | {"requestId": 1},
        {"status": "InvalidCertificate"},
        {"status": "InvalidCertificate"},
    ),
    (
        "certificates",
        {"use": "CSMSRootCertificate", "certificate": "PEM"},
        "InstallCertificate",
        {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"},
        {"status": "Failed"},
        {"status": "Failed"},
    ),
    (
        "certificates/read",
        {"uses": ["CSMSRootCertificate"]},
        "GetInstalledCertificateIds",
        {"certificateType": "CentralSystemRootCertificate"},
        {"status": "Accepted", "certificateHashData": [HASHES]},
        {
            "status": "Accepted",
            "certificateHashDataChain": [
                {"certificateType": "CSMSRootCertificate", "certificateHashData": HASHES}
            ],
        },
    ),
    (
        "certificates/delete",
        HASHES,
        "DeleteCertificate",
        {"certificateHashData": HASHES},
        {"status": "Accepted"},
        {"status": "Accepted"},
    ),
    (
        "composite-schedule",
        {"evseId": 1, "durationS": 600, "unit": "W"},
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 600, "chargingRateUnit": "W"},
        {"status": "Accepted", "connectorId": 1, "scheduleStart": LATER, "chargingSchedule": SCHEDULE},
        {
            "status": "Accepted",
            "schedule": {
                "evseId": 1,
                "duration": 600,
                "scheduleStart": "2030-01-01T00:00:00.000Z",
                **SCHEDULE,
            },
        },
    ),
]


@pytest.mark.parametrize(
    ("path", "body", "action", "payload", "reply", "answer"),
    ORDERS,
    ids=[f"{number}-{one[2]}" for number, one in enumerate(ORDERS)],
)
async def test_commands_are_written_in_1_6(
    lab: Lab16, path: str, body: object, action: str, payload: Json, reply: Json, answer: Json
) -> None:
    asked, found = await lab.asks(f"{PATH}/{path}", body, (action, reply))
    assert asked == [payload]
    assert found["answer"] == answer


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("reset", {"type": "OnIdle", "evseId": 1}),
        ("availability", {"status": "Operative", "evseId": 1, "connectorId": 2}),
        ("trigger", {"message": "TransactionEvent"}),
        ("certificates", {"use": "V2GRootCertificate", "certificate": "PEM"}),
        ("certificates/read", {}),
        ("queue-status", None),
        ("profiles/report", {}),
        ("logs", {"type": "DataCollectorLog", "location": "ftp://host/x"}),
    ],
)
async def test_what_1_6_has_no_word_for_is_not_sent(lab: Lab16, path: str, body: object) -> None:
    refused = await lab.post(f"{PATH}/{path}", body, 422)
    assert "1.6" in refused["detail"]
    assert (await lab.get(f"{PATH}/calls"))["items"] == []


# ---- remote start and stop


async def test_a_transaction_that_we_have_asked_for(lab: Lab16) -> None:
    """A token of our own making, which only this station may use, and only now."""
    body = {"idToken": "ours", "evseId": 1}
    asked, found = await lab.asks(
        f"{PATH}/transactions", body, ("RemoteStartTransaction", {"status": "Accepted"})
    )
    assert asked == [{"connectorId": 1, "idTag": "ours"}]
    assert (await lab.says("Authorize", {"idTag": "OURS"}))["idTagInfo"]["status"] == "Accepted"
    begun = await lab.start(idTag="ours")
    assert begun["idTagInfo"]["status"] == "Accepted"
    number = begun["transactionId"]
    request = await lab.request(found["requestId"])
    assert (request["state"], request["detail"]) == ("complete", str(number))
    assert (await lab.says("Authorize", {"idTag": "ours"}))["idTagInfo"]["status"] == "Invalid"
    asked, _ = await lab.asks(
        f"/transactions/{number}/stop", None, ("RemoteStopTransaction", {"status": "Accepted"})
    )
    assert asked == [{"transactionId": number}]


async def test_a_remote_start_with_a_profile(lab: Lab16) -> None:
    profile = {
        "id": 3,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [{"id": 1, **SCHEDULE}],
    }
    asked, _ = await lab.asks(
        f"{PATH}/transactions",
        {"idToken": TAG, "chargingProfile": profile},
        ("RemoteStartTransaction", {"status": "Rejected"}),
    )
    sent = asked[0]["chargingProfile"]
    assert (sent["chargingProfileId"], sent["chargingProfileKind"]) == (3, "Relative")
    assert sent["chargingSchedule"] == SCHEDULE


# ---- reservations and lists


async def test_a_reservation_and_its_end(lab: Lab16) -> None:
    body = {"station": STATION, "evseId": 1, "idToken": TAG, "type": "ISO14443", "expiry": LATER}
    asked, found = await lab.asks("/reservations", body, ("ReserveNow", {"status": "Accepted"}))
    number = asked[0]["reservationId"]
    assert asked == [{"connectorId": 1, "expiryDate": LATER, "idTag": TAG, "reservationId": number}]
    assert found["answer"] == {"status": "Accepted"}
    begun = await lab.start(reservationId=number)
    shown = await lab.get(f"{PATH}/reservations/{number}")
    assert (shown["state"], shown["transactionId"]) == ("used", str(begun["transactionId"]))


async def test_a_local_list_is_brought_to_ours(lab: Lab16) -> None:
    await lab.add_tag("short", groupIdToken="FAMILY")
    await lab.add_tag("much-longer-than-a-tag-of-1-6")
    asked, found = await lab.asks(
        f"{PATH}/local-list/sync",
        None,
        ("GetLocalListVersion", {"listVersion": 0}),
        ("SendLocalList", {"status": "Accepted"}),
    )
    entry = {"idTag": "short", "idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
    assert asked[1] == {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    assert (found["status"], found["version"]) == ("Accepted", 1)


# ---- configuration keys


KEYS = [
    {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
    {"key": "meterValueSampleInterval", "readonly": False, "value": "900"},
    {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Current,Power"},
    {"key": "AuthorizationKey", "readonly": False, "value": "000102030405060708090a0b0c0d0e0f"},
    {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
    {"key": "VendorThing", "readonly": False, "value": "7"},
]


async def test_all_keys_are_the_inventory(lab: Lab16) -> None:
    asked, found = await lab.asks(
        f"{PATH}/reports", {}, ("GetConfiguration", {"configurationKey": KEYS, "unknownKey": []})
    )
    assert asked == [{}]
    await lab.house.fact(ReportCompleted)
    assert (await lab.request(found["requestId"]))["state"] == "complete"
    shown = (await lab.get(f"{PATH}/variables"))["items"]
    values = {(one["component"], one["variable"]): one["value"] for one in shown}
    assert values["OCPPCommCtrlr", "HeartbeatInterval"] == "300"
    assert values["SampledDataCtrlr", "TxUpdatedInterval"] == "900"
    assert values["SmartChargingCtrlr", "RateUnit"] == "A,W"
    assert values["SecurityCtrlr", "BasicAuthPassword"] is None
    assert values["Configuration", "NumberOfConnectors"] == "2"
    assert "000102030405" not in str(await lab.get(f"{PATH}/calls"))


async def test_variables_are_read_and_set_by_their_keys(lab: Lab16) -> None:
    places = [
        {"component": "OCPPCommCtrlr", "variable": "HeartbeatInterval"},
        {"component": "Configuration", "variable": "VendorThing"},
        {"component": "Configuration", "variable": "NoSuchThing"},
    ]
    asked, found = await lab.asks(
        f"{PATH}/variables/read",
        places,
        ("GetConfiguration", {"configurationKey": [KEYS[0], KEYS[5]], "unknownKey": ["NoSuchThing"]}),
    )
    assert asked == [{"key": ["HeartbeatInterval", "VendorThing", "NoSuchThing"]}]
    assert [(one["value"], one["status"]) for one in found["items"]] == [
        ("300", "Accepted"),
        ("7", "Accepted"),
        (None, "UnknownVariable"),
    ]
    orders = [{**place, "value": "60"} for place in places]
    asked, found = await lab.asks(
        f"{PATH}/variables",
        orders,
        ("ChangeConfiguration", {"status": "Accepted"}),
        ("ChangeConfiguration", {"status": "RebootRequired"}),
        ("ChangeConfiguration", {"status": "NotSupported"}),
    )
    assert asked == [
        {"key": key, "value": "60"} for key in ("HeartbeatInterval", "VendorThing", "NoSuchThing")
    ]
    assert [one["status"] for one in found["items"]] == ["Accepted", "RebootRequired", "UnknownVariable"]
    drift = (await lab.get(f"{PATH}/variables/drift"))["items"]
    assert {one["variable"] for one in drift} == {"VendorThing", "NoSuchThing"}


@pytest.mark.parametrize("place", [("ClockCtrlr", "DateTime"), ("Configuration", "AuthorizationKey")])
async def test_a_variable_without_a_key_is_not_asked_for(lab: Lab16, place: tuple[str, str]) -> None:
    order = [{"component": place[0], "variable": place[1], "value": "x"}]
    await lab.post(f"{PATH}/variables", order, 422)


async def test_a_1_6_station_is_read_in_and_set_up_after_its_boot() -> None:
    async with lab16(onboarding="full") as lab:
        frame = await lab.station.answer({"configurationKey": KEYS}, "GetConfiguration")
        assert frame[3] == {}
        frame = await lab.station.answer({"status": "Accepted"}, "ChangeConfiguration")
        assert frame[3] == {"key": "MeterValueSampleInterval", "value": "30"}
        async with asyncio.timeout(10):
            while True:
                drift = await lab.get(f"{PATH}/variables/drift")
                calls = (await lab.get(f"{PATH}/calls"))["items"]
                if all(one["state"] == "answered" for one in calls) and len(calls) == 2:
                    break
                await lab.says("Heartbeat", {})
        assert drift["items"] == []


# ---- before it is accepted


async def test_a_station_that_has_enrolled_gets_a_key_that_1_6_takes() -> None:
    async with lab16(boot=False, registration="Pending", enrolled=True) as lab:
        assert (await lab.says("BootNotification", BOOT))["status"] == "Pending"
        asked, found = await lab.asks(f"{PATH}/approve", {}, ("ChangeConfiguration", {"status": "Accepted"}))
        key = found["password"]
        assert asked == [{"key": "AuthorizationKey", "value": key}]
        assert len(bytes.fromhex(key)) == 20
        assert key not in str(await lab.get(f"{PATH}/calls"))
        await lab.station.closed()
        await lab.house.connections(0)
        login = base64.b64encode(STATION.encode() + b":" + bytes.fromhex(key)).decode()
        headers = {"Authorization": f"Basic {login}"}
        async with lab.house.connected(boot=False, headers=headers, subprotocols=("ocpp1.6",)) as station:
            assert (await station.result("BootNotification", BOOT))["status"] == "Accepted"


async def test_a_triggered_message_may_come_while_pending() -> None:
    async with lab16(boot=False, registration="Pending") as lab:
        assert (await lab.says("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}))[
            "status"
        ] == "Pending"
        await lab.asks(
            f"{PATH}/calls/ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate"},
            ("ExtendedTriggerMessage", {"status": "Accepted"}),
        )
        await lab.says("SignCertificate", {"csr": "x"})
        frame = await lab.station.call(
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": now_text()},
        )
        assert frame[2] == "SecurityError"


@pytest.mark.parametrize(
    ("path", "body", "action", "said"),
    [
        (
            "availability",
            {"status": "Inoperative", "evseId": 1},
            "ChangeAvailability",
            {"connectorId": 1, "type": "Inoperative"},
        ),
        (
            "calls/ChangeAvailability",
            RAW["ChangeAvailability"][0],
            "ChangeAvailability",
            RAW["ChangeAvailability"][0],
        ),
        (
            "calls/ChangeConfiguration",
            RAW["ChangeConfiguration"][0],
            "ChangeConfiguration",
            RAW["ChangeConfiguration"][0],
        ),
    ],
)
async def test_what_is_sent_again_is_said_in_its_own_words(
    lab: Lab16, path: str, body: Json, action: str, said: Json
) -> None:
    desk = Desk(lab.house.db, lab.house.bus, lab.house.gateway.house.clock, AFTER)
    retries = asyncio.create_task(Retries(desk, every_s=0.05).run())
    doing = asyncio.create_task(lab.post(f"{PATH}/{path}?retryS=3600", body, 202))
    assert (await lab.station.receive())[2:] == [action, said]
    await lab.station.socket.close()
    found = await doing
    async with lab.house.connected(boot=False, subprotocols=("ocpp1.6",)) as again:
        await again.call("BootNotification", BOOT)
        assert (frame := await again.answer({"status": "Accepted"}))[2:] == [action, said], frame
        async with asyncio.timeout(WAIT_S):
            while (await lab.get(f"/calls/{found['callId']}"))["state"] != "answered":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    retries.cancel()
    await asyncio.wait([retries])
