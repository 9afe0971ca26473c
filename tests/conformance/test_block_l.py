"""Block L: firmware."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from csms.errors import Invalid
from csms.pki.firmware import FirmwareChecks
from csms.pki.trust import Trust
from tests.conformance.lab import PATH, Json, Lab, lab
from tests.conformance.payloads import smallest
from tests.conformance.pki import Server, root, server

CODE = b"firmware 2.0" * 10_000


@dataclass
class FirmwareLab(Lab):
    """A lab with a manufacturer, and a place where its firmware lies."""

    place: Server = field(default_factory=Server)
    firmware: Json = field(default_factory=dict)


@pytest.fixture
async def octt() -> AsyncIterator[FirmwareLab]:
    async with server("/firmware") as place:
        maker = root("Maker", "")
        signer = maker.issue("signer")
        place.body = CODE
        checks = FirmwareChecks([place.url], [maker.certificate], lambda: datetime.now(UTC))
        async with lab(trust=Trust(firmware=checks)) as running:
            firmware = {
                "location": f"{place.url}/1.bin",
                "retrieveAt": "2026-01-01T00:00:00Z",
                "signingCertificate": signer.pem,
                "signature": base64.b64encode(signer.key.sign(CODE, ec.ECDSA(hashes.SHA256()))).decode(),
            }
            yield FirmwareLab(running.house, running.http, running.station, place=place, firmware=firmware)


DOWNLOAD = ("Downloading", "Downloaded", "SignatureVerified")
CHECKSUM = "d41d8cd98f00b204e9800998ecf8427e"


async def _update(octt: FirmwareLab, status: str = "Accepted", **more: Any) -> tuple[Json, int]:
    asked, found = await octt.asks(
        f"{PATH}/firmware", {**octt.firmware, **more}, ("UpdateFirmware", {"status": status})
    )
    firmware = asked[0]["firmware"]
    assert (firmware["location"], firmware["signature"]) == (
        octt.firmware["location"],
        octt.firmware["signature"],
    )
    assert firmware["signingCertificate"] == octt.firmware["signingCertificate"]
    assert asked[0]["requestId"] == found["requestId"]
    return asked[0], found["requestId"]


async def _goes_on(octt: FirmwareLab, number: int, *statuses: str) -> Json:
    for status in statuses:
        told = {"status": status, "requestId": number}
        assert await octt.says("FirmwareStatusNotification", told) == {}
        assert (await octt.request(number))["status"] == status
    return await octt.request(number)


@pytest.mark.octt("TC_L_01_CSMS")
async def test_tc_l_01_installed(octt: FirmwareLab) -> None:
    _, number = await _update(octt)
    for status in DOWNLOAD:
        assert (await _goes_on(octt, number, status))["state"] == "open"
    security = {"type": "FirmwareUpdated", "timestamp": "2026-01-01T00:00:00Z"}
    assert await octt.says("SecurityEventNotification", security) == {}
    assert (await _goes_on(octt, number, "Installing", "InstallRebooting"))["state"] == "open"
    boot = {"reason": "FirmwareUpdate", "chargingStation": {"model": "M", "vendorName": "V"}}
    assert (await octt.says("BootNotification", boot))["status"] == "Accepted"
    assert (await _goes_on(octt, number, "Installed"))["state"] == "complete"


@pytest.mark.octt("TC_L_02_CSMS")
async def test_tc_l_02_install_scheduled(octt: FirmwareLab) -> None:
    asked, number = await _update(octt, installAt="2026-01-02T00:00:00Z")
    assert asked["firmware"]["installDateTime"] == "2026-01-02T00:00:00.000Z"
    done = await _goes_on(octt, number, *DOWNLOAD, "InstallScheduled", "Installing", "Installed")
    assert done["state"] == "complete"


@pytest.mark.octt("TC_L_03_CSMS")
async def test_tc_l_03_download_scheduled(octt: FirmwareLab) -> None:
    asked, number = await _update(octt, retrieveAt="2026-01-03T00:00:00Z")
    assert asked["firmware"]["retrieveDateTime"] == "2026-01-03T00:00:00.000Z"
    done = await _goes_on(octt, number, "DownloadScheduled", *DOWNLOAD, "Installing", "Installed")
    assert done["state"] == "complete"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("RevokedCertificate", marks=pytest.mark.octt("TC_L_04_CSMS")),
        pytest.param("InvalidCertificate", marks=pytest.mark.octt("TC_L_05_CSMS")),
    ],
)
async def test_tc_l_04_05_the_certificate_is_not_taken(octt: FirmwareLab, status: str) -> None:
    _, number = await _update(octt, status)
    done = await octt.request(number)
    assert (done["state"], done["status"]) == ("refused", status)
    if status == "InvalidCertificate":
        told = {"type": "InvalidFirmwareSigningCertificate", "timestamp": "2026-01-01T00:00:00Z"}
        assert await octt.says("SecurityEventNotification", told) == {}


@pytest.mark.parametrize(
    "statuses",
    [
        pytest.param(
            ("Downloading", "Downloaded", "InvalidSignature"), marks=pytest.mark.octt("TC_L_06_CSMS")
        ),
        pytest.param(("Downloading", "DownloadFailed"), marks=pytest.mark.octt("TC_L_07_CSMS")),
        pytest.param(
            (*DOWNLOAD, "Installing", "InstallVerificationFailed"), marks=pytest.mark.octt("TC_L_08_CSMS")
        ),
        pytest.param((*DOWNLOAD, "Installing", "InstallationFailed"), marks=pytest.mark.octt("TC_L_09_CSMS")),
    ],
)
async def test_tc_l_06_to_09_it_fails(octt: FirmwareLab, statuses: tuple[str, ...]) -> None:
    _, number = await _update(octt)
    done = await _goes_on(octt, number, *statuses)
    assert (done["state"], done["status"]) == ("failed", statuses[-1])
    if statuses[-1] == "InvalidSignature":
        told = {"type": "InvalidFirmwareSignature", "timestamp": "2026-01-01T00:00:00Z"}
        assert await octt.says("SecurityEventNotification", told) == {}


@pytest.mark.octt("TC_L_10_CSMS")
async def test_tc_l_10_a_newer_one_takes_its_place(octt: FirmwareLab) -> None:
    _, first = await _update(octt)
    await _goes_on(octt, first, "Downloading")
    _, second = await _update(octt, "AcceptedCanceled")
    assert (await octt.request(first))["state"] == "replaced"
    done = await _goes_on(octt, second, *DOWNLOAD, "Installing", "Installed")
    assert done["state"] == "complete"


@pytest.mark.octt("TC_L_11_CSMS")
async def test_tc_l_11_it_cannot_be_cancelled(octt: FirmwareLab) -> None:
    _, first = await _update(octt)
    await _goes_on(octt, first, *DOWNLOAD, "Installing")
    _, second = await _update(octt, "Rejected")
    assert (await octt.request(second))["state"] == "refused"
    assert (await _goes_on(octt, first, "Installed"))["state"] == "complete"


@pytest.mark.octt("TC_L_13_CSMS")
async def test_tc_l_13_it_waits_for_a_transaction(octt: FirmwareLab) -> None:
    await octt.add_token()
    await octt.charging()
    _, number = await _update(octt)
    await _goes_on(octt, number, *DOWNLOAD, "InstallScheduled")
    await octt.status("Unavailable", 2)
    await octt.event("Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"})
    assert (await _goes_on(octt, number, "Installing", "Installed"))["state"] == "complete"


async def _publish(octt: FirmwareLab) -> int:
    body = {"location": octt.firmware["location"], "checksum": CHECKSUM}
    asked, found = await octt.asks(
        f"{PATH}/published-firmware", body, ("PublishFirmware", {"status": "Accepted"})
    )
    assert asked == [{**body, "requestId": found["requestId"]}]
    return int(found["requestId"])


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        pytest.param(
            ("Downloading", "Downloaded", "ChecksumVerified", "Published"),
            "complete",
            marks=pytest.mark.octt("TC_L_17_CSMS"),
        ),
        pytest.param(
            ("Downloading", "Downloaded", "InvalidChecksum"), "failed", marks=pytest.mark.octt("TC_L_19_CSMS")
        ),
        pytest.param(
            ("Downloading", "Downloaded", "ChecksumVerified", "PublishFailed"),
            "failed",
            marks=pytest.mark.octt("TC_L_20_CSMS"),
        ),
        pytest.param(("Downloading", "DownloadFailed"), "failed", marks=pytest.mark.octt("TC_L_24_CSMS")),
    ],
)
async def test_tc_l_17_19_20_24_publish(octt: FirmwareLab, statuses: tuple[str, ...], state: str) -> None:
    number = await _publish(octt)
    for status in statuses:
        told: Json = {"status": status, "requestId": number}
        if status == "Published":
            told["location"] = ["http://controller.local/1.bin"]
        assert await octt.says("PublishFirmwareStatusNotification", told) == {}
    done = await octt.request(number)
    assert (done["state"], done["status"]) == (state, statuses[-1])
    if state == "complete":
        assert done["detail"] == "http://controller.local/1.bin"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Unpublished", marks=pytest.mark.octt("TC_L_21_CSMS")),
        pytest.param("NoFirmware", marks=pytest.mark.octt("TC_L_22_CSMS")),
        pytest.param("DownloadOngoing", marks=pytest.mark.octt("TC_L_23_CSMS")),
    ],
)
async def test_tc_l_21_22_23_unpublish(octt: FirmwareLab, status: str) -> None:
    asked, found = await octt.asks(
        f"{PATH}/published-firmware/{CHECKSUM}/unpublish", None, ("UnpublishFirmware", {"status": status})
    )
    assert asked == [{"checksum": CHECKSUM}]
    assert found["answer"] == {"status": status}


async def test_l01_a_fleet_gets_what_was_read_once(octt: FirmwareLab) -> None:
    await _update(octt)
    await _update(octt)
    assert len(octt.place.asked) == 1


async def test_l01_rsa_pss_signs_too() -> None:
    """And without roots the certificate that comes with a firmware is believed."""
    key = rsa.generate_private_key(65537, 2048)
    signer = root("Another maker", "").issue("signer", subject_key=key)
    salt = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    signature = base64.b64encode(key.sign(CODE, salt, hashes.SHA256())).decode()
    async with server("/firmware") as place:
        place.body = CODE
        checks = FirmwareChecks([place.url], [], lambda: datetime.now(UTC))
        await checks.check(place.url, signer.pem, signature)
        with pytest.raises(Invalid, match="signed"):
            await checks.check(place.url, root("x", "").issue("y").pem, signature)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("another file", "signature"),
        ("no Base64", "signature"),
        ("another maker", "signingCertificate"),
        ("no certificate", "signingCertificate"),
        ("expired", "signingCertificate"),
        ("not there", "location"),
        ("another place", "location"),
    ],
)
async def test_l01_what_is_not_signed_is_not_sent(octt: FirmwareLab, wrong: str, named: str) -> None:
    maker = root("Another maker", "")
    match wrong:
        case "another file":
            octt.place.body = CODE + b"!"
        case "no Base64":
            octt.firmware["signature"] = "%%"
        case "another maker":
            octt.firmware["signingCertificate"] = maker.issue("signer").pem
        case "no certificate":
            octt.firmware["signingCertificate"] = "MII..."
        case "expired":
            octt.firmware["signingCertificate"] = maker.issue("signer", days=(-3, -1)).pem
        case "not there":
            octt.place.status = 404
        case "another place":
            octt.firmware["location"] = "http://127.0.0.1:1/firmware/1.bin"
    refused = await octt.post(f"{PATH}/firmware", octt.firmware, 422)
    assert [one["field"] for one in refused["errors"]] == [named]
    assert (await octt.get(f"{PATH}/calls"))["items"] == []
    reason = "?override=signed%20by%20hand"  # an administrator knows better
    await octt.asks(
        f"{PATH}/firmware{reason}", octt.firmware, ("UpdateFirmware", {"status": "InvalidCertificate"})
    )
    (kept,) = (await octt.get(f"{PATH}/calls"))["items"]
    assert "signed by hand" in kept["user"]


def _raw(octt: FirmwareLab) -> Json:
    """The same firmware in the station's own words."""
    told = {key: value for key, value in octt.firmware.items() if key != "retrieveAt"}
    return {"requestId": 4, "firmware": {**told, "retrieveDateTime": "2026-01-01T00:00:00Z"}}


async def test_l01_a_raw_call_passes_the_same_check(octt: FirmwareLab) -> None:
    path, payload, taken = f"{PATH}/calls/UpdateFirmware", _raw(octt), {"status": "Accepted"}
    asked, _ = await octt.asks(path, payload, ("UpdateFirmware", taken))
    assert asked == [payload]
    assert len(octt.place.asked) == 1  # it was read by us


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"signature": base64.b64encode(b"another").decode()}, "firmware.signature"),
        ({"signature": ""}, "firmware.signature"),
        ({"signature": None}, "firmware.signature"),
        ({"signingCertificate": None}, "firmware.signature"),
        ({"location": "http://127.0.0.1:1/firmware/1.bin"}, "firmware.location"),
    ],
)
@pytest.mark.parametrize("wait", [0, 1])
async def test_l01_a_raw_call_with_what_is_not_signed_is_not_sent(
    octt: FirmwareLab, change: Json, named: str, wait: int
) -> None:
    payload = _raw(octt)
    firmware = {key: value for key, value in {**payload["firmware"], **change}.items() if value is not None}
    payload["firmware"] = firmware
    path = f"{PATH}/calls/UpdateFirmware"
    refused = await octt.post(f"{path}?wait={wait}", payload, 422)
    assert [one["field"] for one in refused["errors"]] == [named]
    assert (await octt.get(f"{PATH}/calls"))["items"] == []
    asked, found = await octt.asks(
        f"{path}?override=signed%20by%20hand", payload, ("UpdateFirmware", {"status": "InvalidCertificate"})
    )
    assert asked == [payload]
    assert "signed by hand" in (await octt.get(f"/calls/{found['callId']}"))["user"]


async def test_l01_without_a_source_a_raw_call_says_what_to_do(octt: FirmwareLab) -> None:
    async with lab() as untrusting:
        refused = await untrusting.post(f"{PATH}/calls/UpdateFirmware", _raw(octt), 422)
    assert [one["field"] for one in refused["errors"]] == ["firmware.location"]
    assert "pki.firmware_sources" in refused["detail"]
    assert "override" in refused["detail"]


async def test_l02_a_firmware_without_signature_is_sent_as_it_is(octt: FirmwareLab) -> None:
    payload = smallest("UpdateFirmwareRequest")
    asked, _ = await octt.asks(
        f"{PATH}/calls/UpdateFirmware", payload, ("UpdateFirmware", {"status": "Accepted"})
    )
    assert asked == [payload]
    assert octt.place.asked == []
