"""Block M: certificates in stations, certificate status, contract certificates."""

import base64
import json

import pytest
from cryptography.x509 import ocsp

from csms.pki.contracts import ContractService
from csms.pki.trust import Trust
from tests.conformance.lab import PATH, Json, Lab, lab
from tests.conformance.pki import hash_data, root, server
from tests.conformance.test_block_c_contract import believing

PEM = "-----BEGIN CERTIFICATE-----\nMII...\n-----END CERTIFICATE-----"


def hashes(serial: str = "01") -> Json:
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "aa" * 32,
        "issuerKeyHash": "bb" * 32,
        "serialNumber": serial,
    }


@pytest.mark.parametrize(
    ("use", "status"),
    [
        pytest.param("CSMSRootCertificate", "Accepted", marks=pytest.mark.octt("TC_M_01_CSMS")),
        pytest.param("ManufacturerRootCertificate", "Accepted", marks=pytest.mark.octt("TC_M_02_CSMS")),
        pytest.param("V2GRootCertificate", "Accepted", marks=pytest.mark.octt("TC_M_03_CSMS")),
        pytest.param("MORootCertificate", "Accepted", marks=pytest.mark.octt("TC_M_04_CSMS")),
        pytest.param("CSMSRootCertificate", "Failed", marks=pytest.mark.octt("TC_M_05_CSMS")),
    ],
)
async def test_tc_m_01_to_05_install(octt: Lab, use: str, status: str) -> None:
    asked, found = await octt.asks(
        f"{PATH}/certificates", {"use": use, "certificate": PEM}, ("InstallCertificate", {"status": status})
    )
    assert asked == [{"certificateType": use, "certificate": PEM}]
    assert found["answer"] == {"status": status}


async def _read(octt: Lab, uses: list[str], told: list[str]) -> Json:
    reply: Json = {"status": "Accepted" if told else "NotFound"}
    if told:
        reply["certificateHashDataChain"] = [
            {"certificateType": use, "certificateHashData": hashes(str(number))}
            for number, use in enumerate(told)
        ]
        if told[0] == "V2GCertificateChain":
            reply["certificateHashDataChain"][0]["childCertificateHashData"] = [hashes("99")]
    asked, found = await octt.asks(
        f"{PATH}/certificates/read", {"uses": uses}, ("GetInstalledCertificateIds", reply)
    )
    assert found["answer"] == reply
    return asked[0]


@pytest.mark.parametrize(
    "uses",
    [
        pytest.param(["CSMSRootCertificate"], marks=pytest.mark.octt("TC_M_12_CSMS")),
        pytest.param(["ManufacturerRootCertificate"], marks=pytest.mark.octt("TC_M_13_CSMS")),
        pytest.param(["V2GRootCertificate"], marks=pytest.mark.octt("TC_M_14_CSMS")),
        pytest.param(["V2GCertificateChain"], marks=pytest.mark.octt("TC_M_15_CSMS")),
        pytest.param(["MORootCertificate"], marks=pytest.mark.octt("TC_M_16_CSMS")),
        pytest.param(
            ["CSMSRootCertificate", "ManufacturerRootCertificate"], marks=pytest.mark.octt("TC_M_17_CSMS")
        ),
    ],
)
async def test_tc_m_12_to_17_read(octt: Lab, uses: list[str]) -> None:
    assert await _read(octt, uses, uses) == {"certificateType": uses}
    shown = (await octt.get(f"{PATH}/certificates"))["items"]
    assert sorted(one["use"] for one in shown) == sorted(uses)


@pytest.mark.octt("TC_M_18_CSMS")
async def test_tc_m_18_read_all(octt: Lab) -> None:
    told = ["V2GCertificateChain", "CSMSRootCertificate", "MORootCertificate", "V2GRootCertificate"]
    assert await _read(octt, [], told) == {}
    shown = (await octt.get(f"{PATH}/certificates"))["items"]
    assert len(shown) == 4
    assert [one["children"] for one in shown if one["use"] == "V2GCertificateChain"] == [[hashes("99")]]


@pytest.mark.octt("TC_M_19_CSMS")
async def test_tc_m_19_none_found(octt: Lab) -> None:
    await _read(octt, ["V2GRootCertificate"], ["V2GRootCertificate"])
    await _read(octt, ["V2GRootCertificate"], [])
    assert (await octt.get(f"{PATH}/certificates"))["items"] == []


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Accepted", marks=pytest.mark.octt("TC_M_20_CSMS")),
        pytest.param("Failed", marks=pytest.mark.octt("TC_M_21_CSMS")),
    ],
)
async def test_tc_m_20_21_delete(octt: Lab, status: str) -> None:
    await _read(octt, ["CSMSRootCertificate"], ["CSMSRootCertificate"])
    asked, found = await octt.asks(
        f"{PATH}/certificates/delete", hashes("0"), ("DeleteCertificate", {"status": status})
    )
    assert asked == [{"certificateHashData": hashes("0")}]
    assert found["answer"] == {"status": status}
    left = (await octt.get(f"{PATH}/certificates"))["items"]
    assert len(left) == (0 if status == "Accepted" else 1)


@pytest.mark.octt("TC_M_24_CSMS")
async def test_tc_m_24_status_of_a_certificate() -> None:
    async with server() as responder:
        top = root("V2G root", responder.url)
        leaf = top.issue("CPO sub", ca=True)
        responder.signers = [top]
        async with lab(trust=believing(responder, top)) as octt:
            asked = {"ocspRequestData": hash_data(leaf, top)}
            told = await octt.says("GetCertificateStatus", asked)
            assert told["status"] == "Accepted"
            single = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"]))
            assert single.certificate_status is ocsp.OCSPCertStatus.GOOD
            assert single.serial_number == leaf.certificate.serial_number
            # as long as the answer holds nobody is asked again
            assert await octt.says("GetCertificateStatus", asked) == told
            assert len(responder.asked) == 1


async def test_m06_what_does_not_hold_is_asked_again() -> None:
    async with server() as responder:
        top = root("V2G root", responder.url)
        leaf = top.issue("CPO sub", ca=True)
        responder.signers, responder.holds_for = [top], None
        async with lab(trust=believing(responder, top)) as octt:
            asked = {"ocspRequestData": hash_data(leaf, top)}
            await octt.says("GetCertificateStatus", asked)
            responder.revoked.add(leaf.certificate.serial_number)
            told = await octt.says("GetCertificateStatus", asked)
            single = ocsp.load_der_ocsp_response(base64.b64decode(told["ocspResult"]))
            assert single.certificate_status is ocsp.OCSPCertStatus.REVOKED


@pytest.mark.parametrize("wrong", ["not reachable", "not allowed", "not hexadecimal"])
async def test_m06_what_cannot_be_found_out(wrong: str) -> None:
    async with server() as responder:
        top = root("V2G root", responder.url)
        data = hash_data(top.issue("CPO sub", ca=True), top)
        responder.status = 500
        allowed = "http://elsewhere.example/" if wrong == "not allowed" else None
        if wrong == "not hexadecimal":
            data["issuerKeyHash"] = "zz"
        async with lab(trust=believing(responder, top, allowed=allowed)) as octt:
            told = await octt.says("GetCertificateStatus", {"ocspRequestData": data})
            assert told["status"] == "Failed"
            assert wrong in told["statusInfo"]["additionalInfo"].replace("in hexadecimal", "hexadecimal")
            assert "ocspResult" not in told


EXI = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "exiRequest": "gJgCA=="}


@pytest.mark.parametrize(
    "action",
    [
        pytest.param("Install", marks=pytest.mark.octt("TC_M_26_CSMS")),
        pytest.param("Update", marks=pytest.mark.octt("TC_M_28_CSMS")),
    ],
)
async def test_tc_m_26_28_contract_certificate_for_a_vehicle(action: str) -> None:
    async with server("/contracts") as service:
        service.says({"status": "Accepted", "exiResponse": "gJgSAA=="})
        async with lab(trust=Trust(contracts=ContractService(service.url))) as octt:
            told = await octt.says("Get15118EVCertificate", {**EXI, "action": action})
            assert told == {"status": "Accepted", "exiResponse": "gJgSAA=="}
            assert [json.loads(one) for one in service.asked] == [{**EXI, "action": action}]


@pytest.mark.parametrize("wrong", ["status", "silent", "no JSON", "another JSON", "not accepted"])
async def test_m01_a_service_that_fails(wrong: str) -> None:
    async with server("/contracts") as service:
        service.says({"exiResponse": "gJgSAA=="})
        match wrong:
            case "status":
                service.status = 503
            case "silent":
                service.silent = True
            case "no JSON":
                service.body = b"<html>"
            case "not accepted":
                service.says({"status": "Failed", "exiResponse": ""})
        async with lab(trust=Trust(contracts=ContractService(service.url, timeout_s=0.5))) as octt:
            told = await octt.says("Get15118EVCertificate", {**EXI, "action": "Install"})
            assert (told["status"], told["exiResponse"]) == ("Failed", "")


async def test_m_without_a_back_end_nothing_is_promised(octt: Lab) -> None:
    told = await octt.says("Get15118EVCertificate", {**EXI, "action": "Install"})
    assert (told["status"], told["exiResponse"]) == ("Failed", "")
    asked = {"ocspRequestData": {**hashes(), "responderURL": "http://ocsp.example"}}
    assert (await octt.says("GetCertificateStatus", asked))["status"] == "Failed"
