"""OCPP 1.6: what we ask of stations. The commands are those of any station; plain JSON goes out."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.lab import PATH, Json
from tests.conformance.lab16 import HASHES, LATER, SCHEDULE, SIGNED, TAG, Lab16, lab16
from tests.flows.gateway.front import STATION


@pytest.fixture
async def lab() -> AsyncIterator[Lab16]:
    async with lab16() as running:
        yield running


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
        SIGNED | {"requestId": 1},
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
