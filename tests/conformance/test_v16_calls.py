"""OCPP 1.6: every call in the station's own words, sent as it is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from csms.blocks import AFTER
from csms.blocks.calls import Desk
from csms.blocks.retries import Retries
from csms.wire.v16 import DIALECT
from tests.conformance.lab import PATH, Json
from tests.conformance.lab16 import BOOT, HASHES, LATER, PROFILE, SCHEDULE, SIGNED, TAG, Lab16, lab16
from tests.flows.gateway.front import WAIT_S


@pytest.fixture
async def lab() -> AsyncIterator[Lab16]:
    async with lab16() as running:
        yield running


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
    "SignedUpdateFirmware": (SIGNED, {"status": "Accepted"}),
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
    refused = await lab.post(f"{PATH}/calls/SignedUpdateFirmware", SIGNED, 422)
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
