"""Block L: firmware."""

from typing import Any

import pytest

from tests.conformance.lab import PATH, Json, Lab

FIRMWARE = {
    "location": "https://firmware.example/1.bin",
    "retrieveAt": "2026-01-01T00:00:00Z",
    "signingCertificate": "-----BEGIN CERTIFICATE-----\nMII...\n-----END CERTIFICATE-----",
    "signature": "c2lnbmF0dXJl",
}
DOWNLOAD = ("Downloading", "Downloaded", "SignatureVerified")
CHECKSUM = "d41d8cd98f00b204e9800998ecf8427e"


async def _update(octt: Lab, status: str = "Accepted", **more: Any) -> tuple[Json, int]:
    asked, found = await octt.asks(
        f"{PATH}/firmware", {**FIRMWARE, **more}, ("UpdateFirmware", {"status": status})
    )
    firmware = asked[0]["firmware"]
    assert (firmware["location"], firmware["signature"]) == (FIRMWARE["location"], FIRMWARE["signature"])
    assert firmware["signingCertificate"] == FIRMWARE["signingCertificate"]
    assert asked[0]["requestId"] == found["requestId"]
    return asked[0], found["requestId"]


async def _goes_on(octt: Lab, number: int, *statuses: str) -> Json:
    for status in statuses:
        told = {"status": status, "requestId": number}
        assert await octt.says("FirmwareStatusNotification", told) == {}
        assert (await octt.request(number))["status"] == status
    return await octt.request(number)


@pytest.mark.octt("TC_L_01_CSMS")
async def test_tc_l_01_installed(octt: Lab) -> None:
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
async def test_tc_l_02_install_scheduled(octt: Lab) -> None:
    asked, number = await _update(octt, installAt="2026-01-02T00:00:00Z")
    assert asked["firmware"]["installDateTime"] == "2026-01-02T00:00:00.000Z"
    done = await _goes_on(octt, number, *DOWNLOAD, "InstallScheduled", "Installing", "Installed")
    assert done["state"] == "complete"


@pytest.mark.octt("TC_L_03_CSMS")
async def test_tc_l_03_download_scheduled(octt: Lab) -> None:
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
async def test_tc_l_04_05_the_certificate_is_not_taken(octt: Lab, status: str) -> None:
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
async def test_tc_l_06_to_09_it_fails(octt: Lab, statuses: tuple[str, ...]) -> None:
    _, number = await _update(octt)
    done = await _goes_on(octt, number, *statuses)
    assert (done["state"], done["status"]) == ("failed", statuses[-1])
    if statuses[-1] == "InvalidSignature":
        told = {"type": "InvalidFirmwareSignature", "timestamp": "2026-01-01T00:00:00Z"}
        assert await octt.says("SecurityEventNotification", told) == {}


@pytest.mark.octt("TC_L_10_CSMS")
async def test_tc_l_10_a_newer_one_takes_its_place(octt: Lab) -> None:
    _, first = await _update(octt)
    await _goes_on(octt, first, "Downloading")
    _, second = await _update(octt, "AcceptedCanceled")
    assert (await octt.request(first))["state"] == "replaced"
    done = await _goes_on(octt, second, *DOWNLOAD, "Installing", "Installed")
    assert done["state"] == "complete"


@pytest.mark.octt("TC_L_11_CSMS")
async def test_tc_l_11_it_cannot_be_cancelled(octt: Lab) -> None:
    _, first = await _update(octt)
    await _goes_on(octt, first, *DOWNLOAD, "Installing")
    _, second = await _update(octt, "Rejected")
    assert (await octt.request(second))["state"] == "refused"
    assert (await _goes_on(octt, first, "Installed"))["state"] == "complete"


@pytest.mark.octt("TC_L_13_CSMS")
async def test_tc_l_13_it_waits_for_a_transaction(octt: Lab) -> None:
    await octt.add_token()
    await octt.charging()
    _, number = await _update(octt)
    await _goes_on(octt, number, *DOWNLOAD, "InstallScheduled")
    await octt.status("Unavailable", 2)
    await octt.event("Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"})
    assert (await _goes_on(octt, number, "Installing", "Installed"))["state"] == "complete"


async def _publish(octt: Lab) -> int:
    body = {"location": FIRMWARE["location"], "checksum": CHECKSUM}
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
async def test_tc_l_17_19_20_24_publish(octt: Lab, statuses: tuple[str, ...], state: str) -> None:
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
async def test_tc_l_21_22_23_unpublish(octt: Lab, status: str) -> None:
    asked, found = await octt.asks(
        f"{PATH}/published-firmware/{CHECKSUM}/unpublish", None, ("UnpublishFirmware", {"status": status})
    )
    assert asked == [{"checksum": CHECKSUM}]
    assert found["answer"] == {"status": status}
