"""Block D: local authorization lists."""

import pytest

from tests.conformance.lab import PATH, Json, Lab

FIRST = {"idToken": "first", "type": "ISO14443"}
SECOND = {"idToken": "second", "type": "ISO14443"}
ACCEPTED = {"status": "Accepted"}


def version(number: int) -> tuple[str, Json]:
    return "GetLocalListVersion", {"versionNumber": number}


def sends(status: str = "Accepted") -> tuple[str, Json]:
    return "SendLocalList", {"status": status}


async def _sync(octt: Lab, *script: tuple[str, Json], full: bool = False) -> tuple[list[Json], Json]:
    asked, found = await octt.asks(f"{PATH}/local-list/sync{'?full=true' if full else ''}", None, *script)
    return asked[1:], found


@pytest.mark.octt("TC_D_01_CSMS")
async def test_tc_d_01_full(octt: Lab) -> None:
    await octt.add_token(FIRST)
    await octt.add_token(SECOND)
    (sent,), found = await _sync(octt, version(0), sends())
    assert (sent["updateType"], sent["versionNumber"]) == ("Full", 1)
    assert [one["idToken"] for one in sent["localAuthorizationList"]] == [FIRST, SECOND]
    assert all(one["idTokenInfo"]["status"] == "Accepted" for one in sent["localAuthorizationList"])
    assert (found["status"], found["version"]) == ("Accepted", 1)
    assert (await octt.get(f"{PATH}/local-list"))["entries"] == 2


@pytest.mark.octt("TC_D_02_CSMS")
async def test_tc_d_02_difference(octt: Lab) -> None:
    await octt.add_token(FIRST)
    await _sync(octt, version(0), sends())
    await octt.add_token(SECOND)
    (sent,), _ = await _sync(octt, version(1), sends())
    assert (sent["updateType"], sent["versionNumber"]) == ("Differential", 2)
    (entry,) = sent["localAuthorizationList"]
    assert (entry["idToken"], entry["idTokenInfo"]["status"]) == (SECOND, "Accepted")


@pytest.mark.octt("TC_D_03_CSMS")
async def test_tc_d_03_remove(octt: Lab) -> None:
    await octt.add_token(FIRST)
    await octt.add_token(SECOND)
    await _sync(octt, version(0), sends())
    await octt.post("/id-tokens/first", None, 204, method="DELETE")
    (sent,), _ = await _sync(octt, version(1), sends())
    assert sent["updateType"] == "Differential"
    assert sent["localAuthorizationList"] == [{"idToken": FIRST}]
    assert (await octt.get(f"{PATH}/local-list"))["entries"] == 1


@pytest.mark.octt("TC_D_04_CSMS")
async def test_tc_d_04_full_and_empty(octt: Lab) -> None:
    await octt.add_token(FIRST)
    await _sync(octt, version(0), sends())
    await octt.post(f"{PATH}/local-list", {"idTokens": []}, method="PUT")
    (sent,), _ = await _sync(octt, version(1), sends(), full=True)
    assert sent == {"updateType": "Full", "versionNumber": 2}
    assert (await octt.get(f"{PATH}/local-list/entries"))["items"] == []


@pytest.mark.octt("TC_D_08_CSMS")
async def test_tc_d_08_version(octt: Lab) -> None:
    await octt.add_token(FIRST)
    await _sync(octt, version(0), sends())
    asked, found = await octt.asks(f"{PATH}/calls/GetLocalListVersion", {}, version(1))
    assert asked == [{}]
    assert found["answer"] == {"versionNumber": 1}


@pytest.mark.octt("TC_D_09_CSMS")
async def test_tc_d_09_no_list(octt: Lab) -> None:
    _, found = await octt.asks(f"{PATH}/calls/GetLocalListVersion", {}, version(0))
    assert found["answer"] == {"versionNumber": 0}
    assert (await octt.get(f"{PATH}/local-list"))["state"] == "empty"


@pytest.mark.parametrize("status", ["VersionMismatch", "Failed"])
async def test_d01_a_difference_that_is_not_taken_is_repaired_by_the_full_list(
    octt: Lab, status: str
) -> None:
    await octt.add_token(FIRST)
    await _sync(octt, version(0), sends())
    await octt.add_token(SECOND)
    sent, found = await _sync(octt, version(1), sends(status), sends())
    assert [(one["updateType"], one["versionNumber"]) for one in sent] == [("Differential", 2), ("Full", 3)]
    assert (found["status"], found["full"]) == ("Accepted", True)
    assert (await octt.get(f"{PATH}/local-list"))["version"] == 3


async def test_d01_a_station_with_another_version_gets_the_full_list(octt: Lab) -> None:
    await octt.add_token(FIRST)
    (sent,), _ = await _sync(octt, version(41), sends())
    assert (sent["updateType"], sent["versionNumber"]) == ("Full", 42)


async def test_d01_what_even_the_full_list_cannot_mend_is_shown(octt: Lab) -> None:
    await octt.add_token(FIRST)
    _, found = await _sync(octt, version(0), sends("Failed"))
    assert found["status"] == "Failed"
    assert (await octt.get(f"{PATH}/local-list"))["state"] == "failed"


async def test_d01_fr_10_long_lists_go_in_parts(octt: Lab) -> None:
    place = {"component": {"name": "LocalAuthListCtrlr"}, "variable": {"name": "ItemsPerMessage"}}
    reply = {"getVariableResult": [{**place, "attributeStatus": "Accepted", "attributeValue": "2"}]}
    reading = [{"component": "LocalAuthListCtrlr", "variable": "ItemsPerMessage"}]
    await octt.asks(f"{PATH}/variables/read", reading, ("GetVariables", reply))
    for number in range(5):
        await octt.add_token({"idToken": f"token-{number}", "type": "ISO14443"})
    sent, found = await _sync(octt, version(0), sends(), sends(), sends())
    assert [
        (one["updateType"], one["versionNumber"], len(one["localAuthorizationList"])) for one in sent
    ] == [
        ("Full", 1, 2),
        ("Differential", 2, 2),
        ("Differential", 3, 1),
    ]
    assert found["version"] == 3
    assert (await octt.get(f"{PATH}/local-list"))["entries"] == 5
