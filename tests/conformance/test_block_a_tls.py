"""Block A: security profiles 2 and 3, and the way up to them."""

import ssl
from pathlib import Path

import pytest

from csms.gateway.tls import TlsSettings
from tests.conformance.lab import PATH, lab
from tests.flows.gateway.certificates import SERVER, Authority, client
from tests.flows.gateway.front import BOOT, STATION, Client, now_text
from tests.flows.gateway.test_tls import SERIAL, Pki, knock, outcome, secured


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    servers, stations = Authority(tmp_path, "servers"), Authority(tmp_path, "stations")
    own = servers.issue("csms.example.org", usage=SERVER)
    settings = TlsSettings(
        certificates=(own.certificate,),
        keys=(own.key,),
        client_ca=stations.file,
        client_organisations=("Operator",),
        port=0,
    )
    return Pki(servers, stations, settings)


async def _boots(client: Client) -> None:
    station = {**BOOT["chargingStation"], "serialNumber": SERIAL}  # type: ignore[dict-item]
    answer = await client.result("BootNotification", {**BOOT, "chargingStation": station})
    assert answer["status"] == "Accepted"
    told = {"timestamp": now_text(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    assert await client.result("StatusNotification", told) == {}


@pytest.mark.octt("TC_A_04_CSMS")
async def test_tc_a_04_tls_with_a_password(pki: Pki) -> None:
    context = client(pki.servers)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    async with secured(pki, 2) as door, knock(door, context) as socket:
        await _boots(Client(socket))


@pytest.mark.octt("TC_A_06_CSMS")
async def test_tc_a_06_tls_too_old(pki: Pki) -> None:
    context = client(pki.servers)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with secured(pki, 2) as door:
        assert await outcome(door, context) == 0


@pytest.mark.octt("TC_A_07_CSMS")
async def test_tc_a_07_client_certificate(pki: Pki) -> None:
    context = client(pki.servers, pki.stations.issue(SERIAL))
    async with secured(pki, 3) as door, knock(door, context, password=False) as socket:
        await _boots(Client(socket))


@pytest.mark.octt("TC_A_08_CSMS")
async def test_tc_a_08_client_certificate_of_another_authority(pki: Pki, tmp_path: Path) -> None:
    folder = tmp_path / "others"
    folder.mkdir()
    context = client(pki.servers, Authority(folder, "others").issue(SERIAL))
    async with secured(pki, 3) as door:
        assert await outcome(door, context, password=False) != 101


NETWORK = {
    "ocppVersion": "OCPP20",
    "ocppTransport": "JSON",
    "ocppCsmsUrl": "wss://csms.example.org/ocpp",
    "messageTimeout": 30,
    "securityProfile": 2,
    "ocppInterface": "Wired0",
}


@pytest.mark.octt("TC_A_19_CSMS")
async def test_tc_a_19_one_profile_up(pki: Pki) -> None:
    async with lab(tls=pki.settings) as octt:
        accepted = {"status": "Accepted"}
        asked, _ = await octt.asks(
            f"{PATH}/network-profiles/2", NETWORK, ("SetNetworkProfile", accepted), method="PUT"
        )
        assert asked == [{"configurationSlot": 2, "connectionData": NETWORK}]
        place = {
            "component": {"name": "OCPPCommCtrlr"},
            "variable": {"name": "NetworkConfigurationPriority"},
        }
        setting = {"component": "OCPPCommCtrlr", "variable": "NetworkConfigurationPriority", "value": "2"}
        reply = {"setVariableResult": [{**place, "attributeStatus": "RebootRequired"}]}
        await octt.asks(f"{PATH}/variables", [setting], ("SetVariables", reply))
        await octt.asks(f"{PATH}/reset", {}, ("Reset", accepted))
        await octt.post(PATH, {"securityProfile": 2}, method="PATCH")
        await octt.station.closed()
        await octt.house.connections(0)
        async with knock(octt.house, client(pki.servers)) as socket:
            await _boots(Client(socket))
        await octt.house.connections(0)
        # A05.FR.06: there is no way back
        assert await outcome(octt.house, None) == 401
        assert (await octt.get(f"/stations/{STATION}"))["securityProfile"] == 2
