"""New firmware (block L) and logs (N01): with real files, over loopback."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.flows.gateway.certificates import Authority
from tests.flows.station.files import FileServer
from tests.flows.station.steps import ACCEPTED, charging, is_event, ready

IMAGE = b"version: 2.5.0\n" + b"x" * 100_000


@pytest.fixture
def files() -> Iterator[FileServer]:
    with FileServer().running() as server:
        server.files["/image.bin"] = IMAGE
        yield server


def update(csms: Any, files: FileServer, **more: Any) -> dict[str, Any]:
    """An UpdateFirmware for at once."""
    past = csms.clock.now() - timedelta(minutes=5)
    firmware = {"location": f"{files.url}/image.bin", "retrieveDateTime": past.isoformat()}
    outer = {key: more.pop(key) for key in ("retries", "retryInterval") if key in more}
    return {"requestId": 7, "firmware": firmware | more} | outer


async def statuses(csms: Any, last: str) -> list[str]:
    """All steps of an update up to the last."""
    await csms.wait_for("FirmwareStatusNotification", lambda p: p["status"] == last)
    return [p["status"] for action, p in csms.heard if action == "FirmwareStatusNotification"]


async def test_an_update_is_fetched_installed_and_told_after_the_restart(
    csms: Any, bench: Any, files: FileServer
) -> None:
    _, peer = await ready(bench, csms)
    assert await peer.call("UpdateFirmware", update(csms, files)) == ACCEPTED
    steps = await statuses(csms, "Installed")
    assert steps == ["Downloading", "Downloaded", "Installing", "InstallRebooting", "Installed"]
    boot = (await csms.wait_for("BootNotification", count=2))[1]
    assert (boot["reason"], boot["chargingStation"]["firmwareVersion"]) == ("FirmwareUpdate", "2.5.0")
    await csms.wait_for("SecurityEventNotification", lambda p: p["type"] == "FirmwareUpdated")
    reported = [p for action, p in csms.heard if action == "FirmwareStatusNotification"]
    assert {p["requestId"] for p in reported} == {7}
    again = await csms.peer(2)
    await again.call("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    (idle,) = await csms.wait_for("FirmwareStatusNotification", lambda p: p["status"] == "Idle")
    assert "requestId" not in idle


def signed(authority: Authority, folder: Path, kind: str) -> tuple[str, str]:
    """A signing certificate, and its signature over the image."""
    pair = authority.issue("signer", rsa_key=kind != "ec")
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(IMAGE, ec.ECDSA(hashes.SHA256()))
    else:
        assert isinstance(key, rsa.RSAPrivateKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signature = key.sign(IMAGE, pss if kind == "pss" else padding.PKCS1v15(), hashes.SHA256())
    return pair.certificate.read_text(), base64.b64encode(signature).decode()


@pytest.mark.parametrize("kind", ["ec", "pss", "pkcs1"])
async def test_a_signature_is_verified(
    csms: Any, bench: Any, files: FileServer, tmp_path: Path, kind: str
) -> None:
    maker = Authority(tmp_path, "maker")
    _, peer = await ready(bench, csms)
    root = {"certificateType": "ManufacturerRootCertificate", "certificate": maker.file.read_text()}
    assert await peer.call("InstallCertificate", root) == ACCEPTED
    certificate, signature = signed(maker, tmp_path, kind)
    wanted = update(csms, files, signingCertificate=certificate, signature=signature)
    assert await peer.call("UpdateFirmware", wanted) == ACCEPTED
    assert "SignatureVerified" in await statuses(csms, "Installed")


async def test_a_wrong_signature_and_a_strangers_certificate_stop_it(
    csms: Any, bench: Any, files: FileServer, tmp_path: Path
) -> None:
    maker = Authority(tmp_path, "maker")
    one, peer = await ready(bench, csms)
    root = {"certificateType": "ManufacturerRootCertificate", "certificate": maker.file.read_text()}
    assert await peer.call("InstallCertificate", root) == ACCEPTED
    certificate, signature = signed(maker, tmp_path, "ec")
    files.files["/image.bin"] = IMAGE + b"tampered"
    wanted = update(csms, files, signingCertificate=certificate, signature=signature)
    assert await peer.call("UpdateFirmware", wanted) == ACCEPTED
    assert (await statuses(csms, "InvalidSignature"))[-2:] == ["Downloaded", "InvalidSignature"]
    await csms.wait_for("SecurityEventNotification", lambda p: p["type"] == "InvalidFirmwareSignature")

    (tmp_path / "other").mkdir()
    strange, signature = signed(Authority(tmp_path / "other", "stranger"), tmp_path, "ec")
    wanted = update(csms, files, signingCertificate=strange, signature=signature)
    assert await peer.call("UpdateFirmware", wanted) == {"status": "InvalidCertificate"}
    await csms.wait_for(
        "SecurityEventNotification", lambda p: p["type"] == "InvalidFirmwareSigningCertificate"
    )
    assert one.station.cabinet.equipment.model.text("ChargingStation", "FirmwareVersion") == "1.0.0"


async def test_a_download_is_tried_again_and_then_given_up(csms: Any, bench: Any, files: FileServer) -> None:
    _, peer = await ready(bench, csms)
    files.refuse = [503, 503]
    await peer.call("UpdateFirmware", update(csms, files, retries=2, retryInterval=10))
    assert (await statuses(csms, "Installed")).count("Downloading") == 3
    files.refuse = [503, 404]
    again = await csms.peer(2)
    await again.call("UpdateFirmware", update(csms, files, retries=1, retryInterval=10))
    await statuses(csms, "DownloadFailed")


@pytest.mark.parametrize(
    ("image", "outcome"),
    [
        (b"outcome: InstallationFailed\n", "InstallationFailed"),
        (b"outcome: InstallVerificationFailed\n", "InstallVerificationFailed"),
        (b"no version in it", "InstallVerificationFailed"),
    ],
)
async def test_an_installation_that_fails(
    csms: Any, bench: Any, files: FileServer, image: bytes, outcome: str
) -> None:
    one, peer = await ready(bench, csms)
    files.files["/image.bin"] = image
    await peer.call("UpdateFirmware", update(csms, files))
    assert (await statuses(csms, outcome))[-2:] == ["Installing", outcome]
    assert len(csms.peers) == 1
    assert one.station.cabinet.status(1).value == "Available"


async def test_it_waits_for_who_charges_and_lets_nobody_else_begin(
    csms: Any, bench: Any, files: FileServer
) -> None:
    one, peer, transaction = await charging(csms, bench)
    await peer.call("UpdateFirmware", update(csms, files))
    await statuses(csms, "InstallScheduled")
    await csms.wait_for(
        "StatusNotification", lambda p: (p["evseId"], p["connectorStatus"]) == (2, "Unavailable")
    )
    assert one.station.cabinet.status(1).value == "Occupied"
    await peer.call("RequestStopTransaction", {"transactionId": transaction})
    await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert (await statuses(csms, "Installed"))[-3:] == ["Installing", "InstallRebooting", "Installed"]
    await csms.wait_for(
        "StatusNotification", lambda p: (p["evseId"], p["connectorStatus"]) == (2, "Available"), 2
    )


async def test_it_waits_for_its_time_and_a_newer_order_takes_its_place(
    csms: Any, bench: Any, files: FileServer
) -> None:
    _, peer = await ready(bench, csms)
    later = (csms.clock.now() + timedelta(hours=5)).isoformat()
    assert await peer.call("UpdateFirmware", update(csms, files, retrieveDateTime=later)) == ACCEPTED
    await statuses(csms, "DownloadScheduled")
    await peer.call("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    await csms.wait_for("FirmwareStatusNotification", lambda p: p["status"] == "DownloadScheduled", count=2)
    newer = update(csms, files, installDateTime=later) | {"requestId": 8}
    assert await peer.call("UpdateFirmware", newer) == {"status": "AcceptedCanceled"}
    (scheduled,) = await csms.wait_for(
        "FirmwareStatusNotification", lambda p: p["status"] == "InstallScheduled"
    )
    assert scheduled["requestId"] == 8


# N01


def log(files: FileServer, number: int = 3, path: str = "/logs/", **more: Any) -> dict[str, Any]:
    """A GetLog."""
    kind = more.pop("logType", "DiagnosticsLog")
    outer = {key: more.pop(key) for key in ("retries", "retryInterval") if key in more}
    place = {"remoteLocation": f"{files.url}{path}"}
    return {"log": place | more, "logType": kind, "requestId": number} | outer


async def uploads(csms: Any, last: str, number: int = 3) -> list[str]:
    """The steps of an upload."""
    await csms.wait_for("LogStatusNotification", lambda p: (p["status"], p["requestId"]) == (last, number))
    heard = [p for action, p in csms.heard if action == "LogStatusNotification"]
    return [p["status"] for p in heard if p["requestId"] == number]


@pytest.mark.parametrize(
    ("kind", "within"), [("DiagnosticsLog", b"boot"), ("SecurityLog", b"StartupOfTheDevice")]
)
async def test_a_log_is_uploaded(csms: Any, bench: Any, files: FileServer, kind: str, within: bytes) -> None:
    _, peer = await ready(bench, csms)
    answer = await peer.call("GetLog", log(files, logType=kind))
    method, path, content = await files.uploaded()
    assert answer == {"status": "Accepted", "filename": path.rpartition("/")[2]}
    assert (method, path.startswith("/logs/")) == ("PUT", True)
    assert within in content
    assert b"first-password-123" not in content
    assert await uploads(csms, "Uploaded") == ["Uploading", "Uploaded"]


async def test_only_the_lines_of_a_time_are_uploaded(csms: Any, bench: Any, files: FileServer) -> None:
    one, peer = await ready(bench, csms)
    since = one.station.clock.now() + timedelta(seconds=100)
    await peer.call("GetLog", log(files, oldestTimestamp=since.isoformat()))
    assert (await files.uploaded())[2] == b""


async def test_a_server_without_put_gets_a_form(csms: Any, bench: Any, files: FileServer) -> None:
    _, peer = await ready(bench, csms)
    files.methods = {"POST"}
    await peer.call("GetLog", log(files, path="/upload"))
    method, path, content = await files.uploaded()
    assert (method, path) == ("POST", "/upload")
    assert b'filename="DiagnosticsLog-' in content


@pytest.mark.parametrize(("status", "told"), [(500, "UploadFailure"), (403, "PermissionDenied")])
async def test_an_upload_is_tried_again_and_given_up(
    csms: Any, bench: Any, files: FileServer, status: int, told: str
) -> None:
    _, peer = await ready(bench, csms)
    files.refuse = [status]
    await peer.call("GetLog", log(files, retries=1, retryInterval=10))
    assert await uploads(csms, "Uploaded") == ["Uploading", "Uploaded"]
    files.refuse = [status, status]
    await peer.call("GetLog", log(files, 4, retries=1, retryInterval=10))
    assert await uploads(csms, told, 4) == ["Uploading", told]
    assert len(files.got) == 1


async def test_a_newer_request_takes_the_place_of_one_under_way(
    csms: Any, bench: Any, files: FileServer
) -> None:
    _, peer = await ready(bench, csms)
    files.hold.clear()
    await peer.call("GetLog", log(files, 3))
    await peer.call("TriggerMessage", {"requestedMessage": "LogStatusNotification"})
    await csms.wait_for("LogStatusNotification", lambda p: p["status"] == "Uploading", count=2)
    answer = await peer.call("GetLog", log(files, 4))
    assert answer["status"] == "AcceptedCanceled"
    files.hold.set()
    await uploads(csms, "AcceptedCanceled", 3)
    await uploads(csms, "Uploaded", 4)


async def test_a_place_where_nothing_can_be_put_is_refused(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    request = {"log": {"remoteLocation": "ftp://x/"}, "logType": "SecurityLog", "requestId": 1}
    assert await peer.call("GetLog", request) == {"status": "Rejected"}
