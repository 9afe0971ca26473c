"""Block M: certificates in stations. What a certificate authority has to do is not here."""

import pytest

from tests.conformance.lab import PATH, Json, Lab

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


async def test_m_who_asks_for_a_certificate_is_told_that_there_is_no_authority(octt: Lab) -> None:
    asked = {"csr": "-----BEGIN CERTIFICATE REQUEST-----", "certificateType": "ChargingStationCertificate"}
    assert (await octt.says("SignCertificate", asked))["status"] == "Rejected"
    exi = {"iso15118SchemaVersion": "urn:x", "action": "Install", "exiRequest": "AAAA"}
    assert (await octt.says("Get15118EVCertificate", exi))["status"] == "Failed"
    ocsp = {"ocspRequestData": {**hashes(), "responderURL": "http://ocsp.example"}}
    assert (await octt.says("GetCertificateStatus", ocsp))["status"] == "Failed"
