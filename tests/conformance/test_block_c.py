"""Block C: what a token is worth; groups, master pass, cache."""

import pytest

from tests.conformance.lab import EVSE, PATH, TOKEN, Json, Lab

OTHER = {"idToken": "OCTT-OTHER", "type": "ISO14443"}
GROUP = "OCTT-GROUP"
MASTER = {"idToken": "OCTT-MASTER", "type": "ISO14443"}


@pytest.mark.octt("TC_C_02_CSMS")
async def test_tc_c_02_unknown_and_invalid(octt: Lab) -> None:
    await octt.status("Occupied")
    assert (await octt.authorize())["status"] in ("Invalid", "Unknown")
    await octt.add_token(OTHER, status="Invalid")
    assert (await octt.authorize(OTHER))["status"] == "Invalid"
    answer = await octt.event("Started", "CablePluggedIn", "EVConnected", evse=EVSE)
    assert answer == {}


@pytest.mark.octt("TC_C_06_CSMS")
async def test_tc_c_06_blocked(octt: Lab) -> None:
    await octt.add_token(status="Blocked")
    assert (await octt.authorize())["status"] == "Blocked"


@pytest.mark.octt("TC_C_07_CSMS")
async def test_tc_c_07_expired(octt: Lab) -> None:
    await octt.add_token(expiry="2020-01-01T00:00:00Z")
    assert (await octt.authorize())["status"] == "Expired"


@pytest.mark.octt("TC_C_08_CSMS")
async def test_tc_c_08_from_the_cache(octt: Lab) -> None:
    await octt.add_token(expiry="2999-01-01T00:00:00Z")
    info = await octt.authorize()
    assert info["status"] == "Accepted"
    assert info["cacheExpiryDateTime"].startswith("2999-01-01T00:00:00")
    # later the station asks nobody, starts by its cache, and is told what the token is worth
    answer = await octt.event("Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN)
    assert answer["idTokenInfo"]["status"] == "Accepted"


@pytest.mark.octt("TC_C_20_CSMS")
async def test_tc_c_20_invalid_in_the_cache(octt: Lab) -> None:
    await octt.add_token()
    assert (await octt.authorize())["status"] == "Accepted"
    await octt.post(f"/id-tokens/{TOKEN['idToken']}", {"status": "Invalid"}, method="PATCH")
    assert (await octt.authorize())["status"] == "Invalid"
    answer = await octt.event("Started", "Authorized", "EVConnected", evse=EVSE, idToken=TOKEN)
    assert answer["idTokenInfo"]["status"] == "Invalid"


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("Accepted", marks=pytest.mark.octt("TC_C_37_CSMS")),
        pytest.param("Rejected", marks=pytest.mark.octt("TC_C_38_CSMS")),
    ],
)
async def test_tc_c_37_38_clear_the_cache(octt: Lab, status: str) -> None:
    asked, found = await octt.asks(f"{PATH}/clear-cache", None, ("ClearCache", {"status": status}))
    assert asked == [{}]
    assert found["answer"] == {"status": status}


async def _in_group(octt: Lab, token: Json, **fields: object) -> Json:
    await octt.add_token(token, groupIdToken=GROUP, **fields)
    info = await octt.authorize(token)
    assert info["groupIdToken"] == {"idToken": GROUP, "type": "Central"}
    return info


@pytest.mark.octt("TC_C_39_CSMS")
async def test_tc_c_39_stopped_by_another_of_the_group(octt: Lab) -> None:
    assert (await _in_group(octt, TOKEN))["status"] == "Accepted"
    started = await octt.event("Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN)
    assert started["idTokenInfo"]["groupIdToken"]["idToken"] == GROUP
    assert (await _in_group(octt, OTHER))["status"] == "Accepted"
    ended = await octt.event(
        "Ended", "StopAuthorized", "EVConnected", idToken=OTHER, info={"stoppedReason": "Local"}
    )
    assert ended["idTokenInfo"]["groupIdToken"]["idToken"] == GROUP
    assert not (await octt.transaction())["open"]


async def _master_pass(octt: Lab) -> None:
    await octt.add_token(MASTER, groupIdToken="MasterPassGroup")
    info = await octt.authorize(MASTER)
    assert info["status"] == "Accepted"
    assert info["groupIdToken"]["idToken"] == "MasterPassGroup"


async def _stopped_by_master(octt: Lab) -> None:
    ended = await octt.event(
        "Ended", "StopAuthorized", "EVConnected", idToken=MASTER, info={"stoppedReason": "MasterPass"}
    )
    assert ended["idTokenInfo"]["status"] == "Accepted"
    assert (await octt.transaction())["stoppedReason"] == "MasterPass"


@pytest.mark.octt("TC_C_47_CSMS")
@pytest.mark.octt("TC_C_49_CSMS")
async def test_tc_c_47_49_master_pass_stops_all(octt: Lab) -> None:
    await octt.add_token()
    await octt.add_token(OTHER)
    await octt.charging()
    first, seq = octt.tx, octt.seq
    await octt.charging(OTHER, {"id": 2, "connectorId": 1})
    await _master_pass(octt)
    await _stopped_by_master(octt)
    octt.tx, octt.seq = first, seq
    await _stopped_by_master(octt)
    assert (await octt.get("/transactions", open="true"))["items"] == []


@pytest.mark.octt("TC_C_48_CSMS")
async def test_tc_c_48_master_pass_stops_one(octt: Lab) -> None:
    await octt.add_token()
    await octt.add_token(OTHER)
    await octt.charging()
    await octt.charging(OTHER, {"id": 2, "connectorId": 1})
    await _master_pass(octt)
    await _stopped_by_master(octt)
    still = (await octt.get("/transactions", open="true"))["items"]
    assert [one["transactionId"] for one in still] == ["tx-1"]


async def test_c_a_token_with_one_transaction_at_a_time(octt: Lab) -> None:
    await octt.add_token(concurrent=False)
    await octt.charging()
    assert (await octt.authorize())["status"] == "ConcurrentTx"
    answer = await octt.event("Updated", "MeterValuePeriodic", "Charging", evse=EVSE, idToken=TOKEN)
    assert answer["idTokenInfo"]["status"] == "Accepted"  # shown for its own
    await octt.event("Ended", "StopAuthorized", "EVConnected", info={"stoppedReason": "Local"})
    assert (await octt.authorize())["status"] == "Accepted"


async def _list(octt: Lab, *replies: Json, full: bool = False) -> list[Json]:
    script = [("SendLocalList", reply) for reply in replies]
    version = (await octt.get(f"{PATH}/local-list"))["version"]
    asked, _ = await octt.asks(
        f"{PATH}/local-list/sync{'?full=true' if full else ''}",
        None,
        ("GetLocalListVersion", {"versionNumber": version}),
        *script,
    )
    return asked[1:]


@pytest.mark.octt("TC_C_40_CSMS")
async def test_tc_c_40_group_by_the_local_list(octt: Lab) -> None:
    await octt.add_token(groupIdToken=GROUP)
    await octt.add_token(OTHER, groupIdToken=GROUP)
    (sent,) = await _list(octt, {"status": "Accepted"})
    groups = {
        one["idToken"]["idToken"].upper(): one["idTokenInfo"]["groupIdToken"]["idToken"]
        for one in sent["localAuthorizationList"]
    }
    assert groups == {"OCTT-TOKEN": GROUP, "OCTT-OTHER": GROUP}
    await octt.event("Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN)
    ended = await octt.event(
        "Ended", "StopAuthorized", "EVConnected", idToken=OTHER, info={"stoppedReason": "Local"}
    )
    assert ended["idTokenInfo"]["groupIdToken"]["idToken"] == GROUP


@pytest.mark.octt("TC_C_43_CSMS")
async def test_tc_c_43_invalid_in_the_local_list(octt: Lab) -> None:
    await octt.add_token(groupIdToken=GROUP)
    await octt.add_token(OTHER, groupIdToken=GROUP, status="Invalid")
    (sent,) = await _list(octt, {"status": "Accepted"})
    statuses = {
        one["idToken"]["idToken"].upper(): one["idTokenInfo"]["status"]
        for one in sent["localAuthorizationList"]
    }
    assert statuses == {"OCTT-TOKEN": "Accepted", "OCTT-OTHER": "Invalid"}
    await octt.event("Started", "Authorized", "Charging", evse=EVSE, idToken=TOKEN)
    assert (await octt.authorize(OTHER))["status"] == "Invalid"
