"""Block A: certificates that stations ask for, from the request to the login with it (A02)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csms.domain.facts import SecurityAlarmRaised
from csms.gateway.tls import TlsSettings
from csms.pki import authority
from csms.pki.authority import Authority
from csms.pki.trust import Trust
from csms.store import stations
from tests.conformance.lab import PATH, Json, Lab, lab
from tests.flows.gateway.certificates import SERVER, client
from tests.flows.gateway.certificates import Authority as Servers
from tests.flows.gateway.front import STATION, WAIT_S, Client, now_text
from tests.flows.gateway.test_tls import knock, outcome

SERIAL = "S"  # as it boots
ACCEPTED = {"status": "Accepted"}
CLIENT_AUTH, SERVER_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def request(key: Key, name: str = SERIAL) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class Signing:
    """A lab with an authority, and both of the server's doors."""

    octt: Lab
    ours: Authority
    servers: Servers
    folder: Path

    async def trigger(self, message: str) -> None:
        asked, _ = await self.octt.asks(f"{PATH}/trigger", {"message": message}, ("TriggerMessage", ACCEPTED))
        assert asked == [{"requestedMessage": message}]

    async def ask(self, key: Key, use: str | None, name: str = SERIAL) -> Json:
        told = {"csr": request(key, name), **({} if use is None else {"certificateType": use})}
        return await self.octt.says("SignCertificate", told)

    async def signed(self, key: Key, use: str | None, status: str = "Accepted") -> list[x509.Certificate]:
        """The station asks, is told yes, and gets the certificate."""
        assert await self.ask(key, use) == ACCEPTED
        frame = await self.octt.station.answer({"status": status}, "CertificateSigned")
        assert frame[3].get("certificateType") == use
        chain = x509.load_pem_x509_certificates(frame[3]["certificateChain"].encode())
        assert chain[0].public_key() == key.public_key()
        assert chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == SERIAL
        chain[0].verify_directly_issued_by(chain[1])
        chain[1].verify_directly_issued_by(self.ours.root)
        return chain

    async def journal(self, state: str) -> Json:
        """The newest CertificateSigned when it has got to a state."""
        async with asyncio.timeout(WAIT_S):
            while True:
                found = (await self.octt.get(f"{PATH}/calls", action="CertificateSigned"))["items"]
                if found and found[0]["state"] == state:
                    one: Json = found[0]
                    return one
                await asyncio.sleep(0.01)

    async def issued(self, **params: Any) -> list[Json]:
        found: list[Json] = (await self.octt.get("/certificates", **params))["items"]
        return found

    def context(self, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]) -> ssl.SSLContext:
        """What the station connects with from now on."""
        file = self.folder / "station.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        context = client(self.servers)
        context.load_cert_chain(file)
        return context


@pytest.fixture
async def signing(tmp_path: Path) -> AsyncIterator[Signing]:
    ours = authority.create(tmp_path / "pki", "Operator", datetime.now(UTC))
    servers = Servers(tmp_path, "servers")
    own = servers.issue("csms.example.org", usage=SERVER)
    tls = TlsSettings(
        certificates=(own.certificate,),
        keys=(own.key,),
        client_ca=ours.folder / "root.pem",
        client_crl=ours.folder / "crl.pem",
        client_organisations=("Operator",),
        port=0,
    )
    async with lab(tls=tls, trust=Trust(authority=ours)) as octt:
        yield Signing(octt, ours, servers, tmp_path)


def _usages(certificate: x509.Certificate) -> list[x509.ObjectIdentifier]:
    return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


@pytest.mark.octt("TC_A_11_CSMS")
async def test_tc_a_11_station_certificate(signing: Signing) -> None:
    await signing.trigger("SignChargingStationCertificate")
    key = new_key()
    chain = await signing.signed(key, "ChargingStationCertificate")
    assert _usages(chain[0]) == [CLIENT_AUTH]
    await signing.journal("answered")
    (kept,) = await signing.issued()
    assert (kept["identity"], kept["name"], kept["revokedAt"]) == (STATION, SERIAL, None)
    # it comes back with it, by profile 3
    octt = signing.octt
    await octt.post(PATH, {"securityProfile": 3}, method="PATCH")
    await octt.station.closed()
    await octt.house.connections(0)
    context = signing.context(key, chain)
    async with knock(octt.house, context, password=False) as socket:
        assert await Client(socket).boot() == "Accepted"
    await octt.house.connections(0)
    # and no more once it is revoked
    await octt.post(f"/certificates/{kept['serial']}/revoke")
    tls = octt.house.gateway._tls
    assert tls is not None
    tls.look()
    assert await outcome(octt.house, context, password=False) != 101


@pytest.mark.octt("TC_A_12_CSMS")
async def test_tc_a_12_v2g_certificate(signing: Signing) -> None:
    await signing.trigger("SignV2GCertificate")
    key = new_key()
    chain = await signing.signed(key, "V2GCertificate")
    assert _usages(chain[0]) == [SERVER_AUTH]  # a station cannot log in with it
    await signing.octt.post(PATH, {"securityProfile": 3}, method="PATCH")
    await signing.octt.station.closed()
    assert await outcome(signing.octt.house, signing.context(key, chain), password=False) != 101


@pytest.mark.octt("TC_A_13_CSMS")
async def test_tc_a_13_one_for_both(signing: Signing) -> None:
    await signing.trigger("SignCombinedCertificate")
    chain = await signing.signed(new_key(), None)
    assert set(_usages(chain[0])) == {CLIENT_AUTH, SERVER_AUTH}


@pytest.mark.octt("TC_A_14_CSMS")
async def test_tc_a_14_the_station_does_not_take_it(signing: Signing) -> None:
    await signing.trigger("SignChargingStationCertificate")
    await signing.signed(new_key(), "ChargingStationCertificate", "Rejected")
    told = {"type": "InvalidChargingStationCertificate", "timestamp": now_text()}
    assert await signing.octt.says("SecurityEventNotification", told) == {}
    await signing.octt.house.fact(SecurityAlarmRaised, 2)
    kept = await signing.issued(revoked=True)
    assert [one["name"] for one in kept] == [SERIAL]  # nobody uses it, so nobody shall


async def test_a02_a_station_that_asks_again_gets_another(signing: Signing) -> None:
    """A02.FR.17 to 19: it repeats what it has no certificate for, each time with the same key."""
    key = new_key()
    first = await signing.signed(key, "ChargingStationCertificate")
    again = await signing.signed(key, "ChargingStationCertificate")
    assert first[0].serial_number != again[0].serial_number


async def test_a02_what_is_not_answered_is_revoked(signing: Signing) -> None:
    assert await signing.ask(new_key(), "ChargingStationCertificate") == ACCEPTED
    frame = await signing.octt.station.receive()
    assert frame[2] == "CertificateSigned"
    await signing.octt.station.socket.close()
    await signing.journal("failed")
    async with asyncio.timeout(WAIT_S):
        while not await signing.issued(revoked=True):  # noqa: ASYNC110 - no event tells of this
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("csr", "reason"),
    [
        ("-----BEGIN CERTIFICATE REQUEST-----", "PEM"),
        (request(new_key(), "another-station"), "common name"),
        (request(new_key(), STATION), "common name"),  # its identity is not its serial number
        (request(rsa.generate_private_key(65537, 1024)), "2048"),
        (request(ec.generate_private_key(ec.SECP224R1())), "curve"),
        (request(new_key()).replace("A", "B", 3), "PEM"),
    ],
)
async def test_a02_what_is_not_good_is_not_signed(signing: Signing, csr: str, reason: str) -> None:
    asked = {"csr": csr, "certificateType": "ChargingStationCertificate"}
    refused = await signing.octt.says("SignCertificate", asked)
    assert refused["status"] == "Rejected"
    assert reason in refused["statusInfo"]["additionalInfo"]
    assert await signing.issued() == []


async def test_a02_towards_vehicles_it_may_use_its_secc_id(signing: Signing) -> None:
    octt = signing.octt
    place = {"component": {"name": "ISO15118Ctrlr"}, "variable": {"name": "SeccId"}}
    reply = {"getVariableResult": [{**place, "attributeStatus": "Accepted", "attributeValue": "DE*ABC*1"}]}
    await octt.asks(
        f"{PATH}/variables/read",
        [{"component": "ISO15118Ctrlr", "variable": "SeccId"}],
        ("GetVariables", reply),
    )
    assert (await signing.ask(new_key(), "ChargingStationCertificate", "DE*ABC*1"))["status"] == "Rejected"
    assert (await signing.ask(new_key(), None, "DE*ABC*1"))["status"] == "Rejected"
    assert await signing.ask(new_key(), "V2GCertificate", "DE*ABC*1") == ACCEPTED
    await octt.station.answer(ACCEPTED, "CertificateSigned")


async def test_a02_without_an_authority_nobody_signs() -> None:
    async with lab() as octt:
        asked = {"csr": request(new_key()), "certificateType": "ChargingStationCertificate"}
        assert (await octt.says("SignCertificate", asked))["status"] == "Rejected"
        assert (await octt.get("/certificates"))["items"] == []
        await octt.post("/certificates/1/revoke", status=422)


async def test_no_station_is_signed_for_by_the_serial_number_of_another(signing: Signing) -> None:
    """It tells its serial number by itself, and by such a certificate it could log in as the other."""
    octt = signing.octt
    await octt.house.add_station("cs-2")
    async with octt.house.db.begin() as conn:
        await stations.change(conn, "cs-2", serial_number=SERIAL)
    answer = await signing.ask(new_key(), "ChargingStationCertificate")
    assert answer["status"] == "Rejected"
    assert "Another station" in answer["statusInfo"]["additionalInfo"]
    assert await signing.issued() == []
