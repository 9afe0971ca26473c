"""Certificates, keys and ways to the server (blocks A, B09, B10 and M): with real certificates and TLS."""

import hashlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from tests.flows.gateway.certificates import SERVER, Authority, Files
from tests.flows.station.conftest import TinyCsms
from tests.flows.station.steps import ACCEPTED, ready, until, variable

ROOT = "CSMSRootCertificate"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[TinyCsms]:
    """A server that wants TLS and looks at what certificate is shown."""
    files = authority.issue("server", usage=SERVER)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_OPTIONAL
    async with TinyCsms().listening(context) as server:
        yield server


def shown(peer: Any) -> x509.Certificate | None:
    """The certificate that the station shows on a connection."""
    der = peer.socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return None if der is None else x509.load_der_x509_certificate(der)


def delivered(authority: Authority, profile: int, files: Files | None = None) -> dict[str, Any]:
    """How a station is delivered."""
    own = (
        {}
        if files is None
        else {"chain_pem": files.certificate.read_text(), "key_pem": files.key.read_text()}
    )
    return {"security_profile": profile, "trust_pem": authority.file.read_text()} | own


async def sign(
    peer: Any, csms: Any, authority: Authority, count: int = 1, **how: Any
) -> tuple[str, dict[str, Any]]:
    """Wait for a request, sign it, send it; the certificate and the station's answer."""
    asked = (await csms.wait_for("SignCertificate", count=count))[count - 1]
    certificate = authority.sign(asked["csr"], **how)
    kind = asked["certificateType"]
    return certificate, await peer.call(
        "CertificateSigned", {"certificateChain": certificate, "certificateType": kind}
    )


# A02: renewal


async def test_a_triggered_certificate_is_asked_for_checked_and_used_at_the_next_connect(
    secure: TinyCsms, bench: Any, authority: Authority
) -> None:
    one = bench(delivered(authority, 3, authority.issue("first")), server=secure)
    await one.station.booted.wait()
    peer = await secure.peer()
    before = shown(peer)
    assert before is not None
    trigger = {"requestedMessage": "SignChargingStationCertificate"}
    assert await peer.call("TriggerMessage", trigger) == ACCEPTED
    (asked,) = await secure.wait_for("SignCertificate")
    csr = x509.load_pem_x509_csr(asked["csr"].encode())
    assert csr.is_signature_valid
    organisation = csr.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    assert (organisation, asked["certificateType"]) == ("Simulated", "ChargingStationCertificate")
    certificate, answer = await sign(peer, secure, authority)
    assert answer == ACCEPTED
    await one.station.link.cut()
    after = shown(await secure.peer(2))
    assert after == x509.load_pem_x509_certificate(certificate.encode())
    assert after != before
    assert secure.passwords == ["", ""]


async def test_a_wrong_certificate_is_refused_and_told(
    csms: Any, bench: Any, authority: Authority, tmp_path: Path
) -> None:
    one, peer = await ready(bench, csms)
    root = {"certificateType": ROOT, "certificate": authority.file.read_text()}
    assert await peer.call("InstallCertificate", root) == ACCEPTED
    trigger = {"requestedMessage": "SignChargingStationCertificate"}
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    other_key = authority.issue("somebody").certificate.read_text()
    await peer.call("TriggerMessage", trigger)
    for wrong in (
        {"authority": stranger},
        {"authority": authority, "days": (-9, -1)},
        {"authority": authority, "days": (1, 9)},
    ):
        _, answer = await sign(peer, csms, **wrong)
        assert answer == {"status": "Rejected"}
    for text in (other_key, "no certificate"):
        answer = await peer.call("CertificateSigned", {"certificateChain": text})
        assert answer == {"status": "Rejected"}
    await csms.wait_for(
        "SecurityEventNotification", lambda p: p["type"] == "InvalidChargingStationCertificate", count=5
    )
    assert one.station.cabinet.instruments.credentials.pair is None
    assert (await sign(peer, csms, authority))[1] == ACCEPTED


async def test_without_an_answer_it_is_asked_again_with_longer_pauses(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "SecurityCtrlr", "CertSigningWaitMinimum", "50")
    await variable(peer, "SecurityCtrlr", "CertSigningRepeatTimes", "2")
    await peer.call("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    asked = await csms.wait_for("SignCertificate", count=3)
    await one.station.clock.sleep(500)
    assert len([1 for action, _ in csms.heard if action == "SignCertificate"]) == 3
    assert len({request["csr"] for request in asked}) == 1


async def test_a_certificate_is_renewed_before_it_ends(csms: Any, bench: Any, authority: Authority) -> None:
    """It lives for less than two months: half-way through, which is now."""
    old = authority.issue("short", days=(-6, 5))
    one = bench(delivered(authority, 1, old))
    await one.station.booted.wait()
    _, answer = await sign(await csms.peer(), csms, authority, days=(-1, 365))
    assert answer == ACCEPTED


async def test_the_charging_certificate_is_another_one(csms: Any, bench: Any, authority: Authority) -> None:
    one, peer = await ready(bench, csms)
    root = {"certificateType": "V2GRootCertificate", "certificate": authority.file.read_text()}
    assert await peer.call("InstallCertificate", root) == ACCEPTED
    assert await peer.call("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}) == ACCEPTED
    _, answer = await sign(peer, csms, authority)
    assert answer == ACCEPTED
    assert one.station.cabinet.instruments.credentials.pair is None
    rows = await peer.call("GetInstalledCertificateIds", {"certificateType": ["V2GCertificateChain"]})
    assert [row["certificateType"] for row in rows["certificateHashDataChain"]] == ["V2GCertificateChain"]


# A01: the password; A05: the security profile


async def upgrade(peer: Any, secure: TinyCsms, profile: int) -> dict[str, Any]:
    """Give the station a safer way to the server."""
    way = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": secure.url,
        "messageTimeout": 30,
        "securityProfile": profile,
        "ocppInterface": "Wired0",
    }
    return dict(await peer.call("SetNetworkProfile", {"configurationSlot": 2, "connectionData": way}))


def _raised(event: dict[str, Any]) -> bool:
    return bool(event["type"] == "ReconfigurationOfSecurityParameters")


@pytest.mark.parametrize("profile", [2, 3])
async def test_the_security_profile_is_raised_by_a_network_profile_and_a_restart(
    csms: Any, secure: TinyCsms, bench: Any, authority: Authority, profile: int
) -> None:
    one, peer = await ready(bench, csms)
    assert await upgrade(peer, secure, profile) == ACCEPTED
    link = "OCPPCommCtrlr"
    assert await variable(peer, link, "NetworkConfigurationPriority", "2") == "Rejected"  # no root yet
    root = {"certificateType": ROOT, "certificate": authority.file.read_text()}
    assert await peer.call("InstallCertificate", root) == ACCEPTED
    if profile == 3:
        assert await variable(peer, link, "NetworkConfigurationPriority", "2") == "Rejected"
        await peer.call("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
        assert (await sign(peer, csms, authority))[1] == ACCEPTED
    assert await variable(peer, link, "NetworkConfigurationPriority", "2,1") == "RebootRequired"
    assert await peer.call("Reset", {"type": "Immediate"}) == ACCEPTED
    await secure.wait_for("BootNotification")
    there = await secure.peer()
    assert (shown(there) is not None) is (profile == 3)
    assert bool(secure.passwords[0]) is (profile == 2)
    await secure.wait_for("SecurityEventNotification", _raised)
    model = one.station.cabinet.equipment.model
    assert model.text("SecurityCtrlr", "SecurityProfile") == str(profile)
    assert model.text(link, "NetworkConfigurationPriority") == "2"  # there is no way back
    back = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": csms.url,
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    answer = await there.call("SetNetworkProfile", {"configurationSlot": 3, "connectionData": back})
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": "NoSecurityDowngrade"}}


async def test_a_way_that_leads_nowhere_is_left_after_some_attempts(
    csms: Any, bench: Any, authority: Authority, tmp_path: Path
) -> None:
    """The server at the new address is not the one that the root vouches for: the old way still works."""
    one, peer = await ready(bench, csms)
    root = {"certificateType": ROOT, "certificate": authority.file.read_text()}
    assert await peer.call("InstallCertificate", root) == ACCEPTED
    (tmp_path / "other").mkdir()
    files = Authority(tmp_path / "other").issue("server", usage=SERVER)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    async with TinyCsms().listening(context) as impostor:
        assert await upgrade(peer, impostor, 2) == ACCEPTED
        verdict = await variable(peer, "OCPPCommCtrlr", "NetworkConfigurationPriority", "2,1")
        assert verdict == "RebootRequired"
        await peer.call("Reset", {"type": "Immediate"})
        await csms.wait_for("BootNotification", count=2)
        assert impostor.heard == []
    failures = [event for event, _ in one.events if event == "connection_failed"]
    assert len(failures) >= 3  # NetworkProfileConnectionAttempts
    assert one.station.cabinet.equipment.model.text("SecurityCtrlr", "SecurityProfile") == "1"


@pytest.mark.parametrize(
    ("slot", "more", "reason"),
    [
        (1, {}, "PriorityNetworkConf"),
        (2, {"securityProfile": 2}, "InvalidNetworkConf"),
        (2, {"ocppTransport": "SOAP"}, "InvalidNetworkConf"),
        (2, {"ocppVersion": "OCPP16"}, "InvalidNetworkConf"),
        (44, {}, "InvalidNetworkConf"),
    ],
)
async def test_ways_that_cannot_be_taken(
    csms: Any, bench: Any, slot: int, more: dict[str, Any], reason: str
) -> None:
    _, peer = await ready(bench, csms)
    way = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "ws://127.0.0.1:1/ocpp",
        "messageTimeout": 30,
        "securityProfile": 1,
        "ocppInterface": "Wired0",
    }
    answer = await peer.call("SetNetworkProfile", {"configurationSlot": slot, "connectionData": way | more})
    assert answer == {"status": "Rejected", "statusInfo": {"reasonCode": reason}}


@pytest.mark.parametrize("profile", [2, 3])
async def test_a_station_is_delivered_with_any_security_profile(
    secure: TinyCsms, bench: Any, authority: Authority, profile: int
) -> None:
    files = authority.issue("CS001") if profile == 3 else None
    one = bench(delivered(authority, profile, files), server=secure)
    await one.station.booted.wait()
    assert (shown(await secure.peer()) is not None) is (profile == 3)


async def test_a_secure_address_is_enough_and_an_unknown_server_is_refused(
    secure: TinyCsms, bench: Any, authority: Authority
) -> None:
    """Nothing else said: profile 2; without the server's root only what the machine itself trusts."""
    one = bench({"trust_pem": authority.file.read_text()}, server=secure)
    await one.station.booted.wait()
    assert one.station.cabinet.equipment.model.text("SecurityCtrlr", "SecurityProfile") == "2"
    blind = bench(server=secure)
    await until(lambda: any(event == "connection_failed" for event, _ in blind.events))
    why = next(fields["why"] for event, fields in blind.events if event == "connection_failed")
    assert "certificate verify failed" in str(why)


# M: trusted certificates


def hashes_of(path: Path, algorithm: str = "SHA256") -> dict[str, str]:
    """What identifies a self-signed certificate, worked out by hand: the key without the words about it."""
    found = x509.load_pem_x509_certificate(path.read_bytes())
    key = found.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    digest = getattr(hashlib, algorithm.lower())
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": digest(found.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": digest(key).hexdigest(),
        "serialNumber": f"{found.serial_number:x}",
    }


@pytest.mark.parametrize(
    "use", [ROOT, "V2GRootCertificate", "MORootCertificate", "ManufacturerRootCertificate"]
)
async def test_roots_are_installed_listed_and_deleted(
    csms: Any, bench: Any, authority: Authority, use: str
) -> None:
    one, peer = await ready(bench, csms)
    assert await peer.call("GetInstalledCertificateIds", {}) == {"status": "NotFound"}
    root = {"certificateType": use, "certificate": authority.file.read_text()}
    for _ in range(2):
        assert await peer.call("InstallCertificate", root) == ACCEPTED
    model = one.station.cabinet.equipment.model
    assert model.text("SecurityCtrlr", "CertificateEntries") == "1"
    listed = await peer.call("GetInstalledCertificateIds", {"certificateType": [use]})
    own = hashes_of(authority.file)
    assert listed == {
        "status": "Accepted",
        "certificateHashDataChain": [{"certificateType": use, "certificateHashData": own}],
    }
    other = own | {"serialNumber": "1"}
    assert await peer.call("DeleteCertificate", {"certificateHashData": other}) == {"status": "NotFound"}
    wanted = hashes_of(authority.file, "SHA384")
    assert await peer.call("DeleteCertificate", {"certificateHashData": wanted}) == ACCEPTED
    assert await peer.call("GetInstalledCertificateIds", {}) == {"status": "NotFound"}


async def test_what_is_no_root_is_not_installed(csms: Any, bench: Any, authority: Authority) -> None:
    _, peer = await ready(bench, csms)
    leaf = authority.issue("leaf").certificate.read_text()
    for text in (leaf, "rubbish", authority.file.read_text() * 2):
        root = {"certificateType": ROOT, "certificate": text}
        assert await peer.call("InstallCertificate", root) == {"status": "Rejected"}


async def test_the_last_root_of_the_server_stays(secure: TinyCsms, bench: Any, authority: Authority) -> None:
    one = bench(delivered(authority, 2), server=secure)
    await one.station.booted.wait()
    peer = await secure.peer()
    wanted = {"certificateHashData": hashes_of(authority.file)}
    assert await peer.call("DeleteCertificate", wanted) == {"status": "Failed"}
