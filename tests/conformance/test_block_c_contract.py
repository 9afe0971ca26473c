"""Block C: contract certificates (C07), by hashes and by their chain, against a real OCSP responder."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from csms.pki.ocsp import Responders
from csms.pki.trust import Trust
from tests.conformance.lab import Json, Lab, lab
from tests.conformance.pki import Server, Signer, hash_data, root, server

EMAID = {"idToken": "DE-8AA-C12345678-2", "type": "eMAID"}
CN = "DE8AAC123456782"


@dataclass
class Contracts:
    """A lab that believes a mobility operator, and that operator's responder."""

    octt: Lab
    responder: Server
    top: Signer
    sub: Signer
    leaf: Signer

    async def by_hashes(self, token: Json = EMAID, **more: Any) -> Json:
        data = [hash_data(self.leaf, self.sub, **more), hash_data(self.sub, self.top, **more)]
        return await self.octt.says("Authorize", {"idToken": token, "iso15118CertificateHashData": data})

    async def by_chain(self, *chain: Signer, token: Json = EMAID) -> Json:
        pem = "".join(one.pem for one in (chain or (self.leaf, self.sub)))
        return await self.octt.says("Authorize", {"idToken": token, "certificate": pem})


def believing(responder: Server, *known: Signer, allowed: str | None = None) -> Trust:
    roots = tuple(one.certificate for one in known)
    urls = [responder.url if allowed is None else allowed]
    asked = Responders(urls, roots, lambda: datetime.now(UTC), timeout_s=1.0)
    return Trust(responders=asked, contract_roots=roots)


@pytest.fixture
async def contracts() -> AsyncIterator[Contracts]:
    async with server() as responder:
        top = root("MO root", responder.url)
        sub = top.issue("MO sub", ca=True)
        leaf = sub.issue(CN)
        responder.signers = [top, sub]
        async with lab(trust=believing(responder, top, sub)) as octt:
            await octt.add_token(EMAID)
            yield Contracts(octt, responder, top, sub, leaf)


def _told(answer: Json) -> tuple[str, str]:
    return answer["idTokenInfo"]["status"], answer["certificateStatus"]


@pytest.mark.octt("TC_C_50_CSMS")
async def test_tc_c_50_hashes_of_a_good_contract(contracts: Contracts) -> None:
    assert _told(await contracts.by_hashes()) == ("Accepted", "Accepted")
    assert len(contracts.responder.asked) == 2
    event = {"evse": {"id": 1, "connectorId": 1}, "idToken": EMAID}
    begun = await contracts.octt.event("Started", "Authorized", "Charging", **event)
    assert begun["idTokenInfo"]["status"] == "Accepted"
    assert _told(await contracts.by_hashes()) == ("Accepted", "Accepted")
    assert len(contracts.responder.asked) == 2  # the answers still hold


@pytest.mark.octt("TC_C_51_CSMS")
async def test_tc_c_51_hashes_of_a_revoked_contract(contracts: Contracts) -> None:
    contracts.responder.revoked.add(contracts.leaf.certificate.serial_number)
    assert _told(await contracts.by_hashes()) == ("Invalid", "CertificateRevoked")


@pytest.mark.octt("TC_C_52_CSMS")
async def test_tc_c_52_chain_of_a_good_contract(contracts: Contracts) -> None:
    assert _told(await contracts.by_chain()) == ("Accepted", "Accepted")


async def test_c07_a_good_certificate_without_a_contract_that_we_know(contracts: Contracts) -> None:
    other = {"idToken": "FR8BBC99999999", "type": "eMAID"}
    leaf = contracts.sub.issue("FR8BBC999999990")
    assert _told(await contracts.by_chain(leaf, contracts.sub, token=other)) == ("Unknown", "Accepted")


@pytest.mark.parametrize(
    ("wrong", "worth"),
    [
        ("expired", "CertificateExpired"),
        ("forged", "SignatureError"),
        ("another root", "CertChainError"),
        ("another contract", "CertChainError"),
        ("no token of a contract", "CertChainError"),
        ("a leaf that signs", "SignatureError"),
        ("no responder", "NoCertificateAvailable"),
        ("no PEM", "NoCertificateAvailable"),
        ("revoked sub", "CertificateRevoked"),
    ],
)
async def test_c07_what_is_wrong_with_a_chain(contracts: Contracts, wrong: str, worth: str) -> None:
    sub, token = contracts.sub, EMAID
    chain = [sub.issue(CN), sub]
    match wrong:
        case "expired":
            chain[0] = sub.issue(CN, days=(-3, -1))
        case "forged":
            chain[0] = sub.issue(CN, key=contracts.leaf.key)
        case "another root":
            alien = root("another", contracts.responder.url).issue("alien sub", ca=True)
            chain = [alien.issue(CN), alien]
        case "another contract":
            chain[0] = sub.issue("DE8AAC999999990")
        case "no token of a contract":
            token = {**EMAID, "type": "Central"}
        case "a leaf that signs":
            chain = [contracts.leaf.issue(CN), contracts.leaf, sub]
        case "no responder":
            chain[0] = sub.issue(CN, named=False)
        case "revoked sub":
            contracts.responder.revoked.add(sub.certificate.serial_number)
        case "no PEM":
            asked = {"idToken": EMAID, "certificate": "MII..."}
            assert _told(await contracts.octt.says("Authorize", asked)) == ("Invalid", worth)
            return
    assert _told(await contracts.by_chain(*chain, token=token)) == ("Invalid", worth)


async def _unknown(contracts: Contracts) -> None:
    assert _told(await contracts.by_hashes()) == ("Invalid", "NoCertificateAvailable")


async def test_c07_unknown_means_no(contracts: Contracts) -> None:
    responder = contracts.responder
    responder.status = 500
    await _unknown(contracts)
    responder.status, responder.location = 302, responder.url
    await _unknown(contracts)
    responder.status, responder.body = 200, b"no DER"
    await _unknown(contracts)
    responder.body = b"\0" * 100_000
    await _unknown(contracts)
    responder.body, responder.silent = None, True
    await _unknown(contracts)
    responder.silent = False
    assert _told(await contracts.by_hashes()) == ("Accepted", "Accepted")


async def test_c07_an_answer_by_a_stranger_is_not_believed(contracts: Contracts) -> None:
    alien = root("MO root", contracts.responder.url)
    forged = Signer(contracts.sub.certificate, alien.key)
    contracts.responder.signers = [contracts.top, forged]
    await _unknown(contracts)


async def test_c07_an_answer_to_another_question_is_not_believed(contracts: Contracts) -> None:
    await contracts.by_hashes()
    request = contracts.responder.asked[0]
    contracts.responder.body = contracts.responder.answer(request)
    other = contracts.sub.issue(CN)
    contracts.leaf = other
    await _unknown(contracts)


async def test_c07_an_appointed_responder_is_believed(contracts: Contracts) -> None:
    contracts.responder.delegated = True
    assert _told(await contracts.by_hashes()) == ("Accepted", "Accepted")
    assert _told(await contracts.by_chain()) == ("Accepted", "Accepted")


async def test_c07_no_other_address_is_asked(contracts: Contracts) -> None:
    place = contracts.responder.url.removeprefix("http://").removesuffix("/ocsp")
    for url in (
        "http://127.0.0.1:1/ocsp",
        "http://127.0.0.1/ocsp",
        f"http://u@{place}/ocsp",
        f"http://{place}/ocsp/../admin",
        f"http://{place}/ocsp/%2e%2e/admin",
        f"http://{place}/ocspX",
        f"https://{place}/ocsp",
        "file:///etc/passwd",
        "http://localhost.evil/ocsp",
        "nonsense",
    ):
        assert _told(await contracts.by_hashes(url=url)) == ("Invalid", "NoCertificateAvailable"), url
    assert contracts.responder.asked == []


async def test_c07_only_the_root_is_known_and_the_responder_brings_the_rest() -> None:
    async with server() as responder:
        top = root("MO root", responder.url)
        sub = top.issue("MO sub", ca=True)
        responder.signers = [top, sub]
        async with lab(trust=believing(responder, top)) as octt:
            await octt.add_token(EMAID)
            contracts = Contracts(octt, responder, top, sub, sub.issue(CN))
            await _unknown(contracts)  # who the sub is nobody has told
            assert _told(await contracts.by_chain()) == ("Accepted", "Accepted")


async def test_c07_without_responders_nobody_is_believed() -> None:
    async with lab() as octt:
        await octt.add_token(EMAID)
        data = [hash_data(root("a", "http://x"), root("b", "http://x"))]
        told = await octt.says("Authorize", {"idToken": EMAID, "iso15118CertificateHashData": data})
        assert _told(told) == ("Invalid", "NoCertificateAvailable")


async def test_c07_many_stations_ask_at_once(contracts: Contracts) -> None:
    """One slow responder must not hold up stations that ask for nothing of it."""
    contracts.responder.silent = True
    await contracts.octt.house.add_station("cs-2")
    async with contracts.octt.house.connected("cs-2") as other:
        waiting = asyncio.create_task(contracts.by_hashes())
        assert "currentTime" in await other.result("Heartbeat", {})
        assert not waiting.done()
        assert _told(await waiting) == ("Invalid", "NoCertificateAvailable")
