"""What 2.1 adds to other blocks: streams of values, swaps, payments, tariffs in stations, chains."""

import asyncio

from tests.conformance.lab import PATH, TOKEN, Json, Lab

STREAM = {"id": 7, "variableMonitoringId": 3, "params": {"interval": 5, "values": 10}}
TARIFF = {"tariffId": "t-1", "currency": "EUR"}
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "01",
}


async def streams(lab: Lab) -> list[Json]:
    found: list[Json] = (await lab.get(f"{PATH}/event-streams"))["items"]
    return found


async def opened(lab: Lab) -> None:
    answer = await lab.says("OpenPeriodicEventStream", {"constantStreamData": STREAM})
    assert answer == {"status": "Accepted"}


async def test_n11_n15_a_stream_is_opened_and_its_newest_value_kept(newest: Lab) -> None:
    await opened(newest)
    told = {
        "id": 7,
        "pending": 2,
        "basetime": "2026-11-22T10:00:00Z",
        "data": [{"t": 1.5, "v": "230.2"}, {"t": 0, "v": "230.1"}],
    }
    await newest.station.send([6, "s-1", "NotifyPeriodicEventStream", told])
    assert await newest.says("Heartbeat", {})  # nothing came between
    (stream,) = await streams(newest)
    assert (stream["streamId"], stream["monitorId"], stream["intervalS"], stream["values"]) == (7, 3, 5, 10)
    assert (stream["lastValue"], stream["lastAt"], stream["pending"]) == (
        "230.2",
        "2026-11-22T10:00:01.500000Z",
        2,
    )


async def test_n12_a_stream_is_closed(newest: Lab) -> None:
    await opened(newest)
    assert (await streams(newest))[0]["closedAt"] is None
    assert await newest.says("ClosePeriodicEventStream", {"id": 7}) == {}
    assert (await streams(newest))[0]["closedAt"] is not None


async def test_n13_n14_the_operator_adjusts_and_asks(newest: Lab) -> None:
    await opened(newest)
    slower = {"id": 7, "params": {"interval": 60}}
    for status, interval in (("Rejected", 5), ("Accepted", 60)):
        await newest.asks(
            f"{PATH}/calls/AdjustPeriodicEventStream",
            slower,
            ("AdjustPeriodicEventStream", {"status": status}),
        )
        assert (await streams(newest))[0]["intervalS"] == interval
    told = {"constantStreamData": [{**STREAM, "id": 8}]}
    await newest.asks(f"{PATH}/calls/GetPeriodicEventStream", {}, ("GetPeriodicEventStream", told))
    assert [one["streamId"] for one in await streams(newest)] == [8]


async def test_n15_a_time_that_is_none_is_not_kept(newest: Lab) -> None:
    await opened(newest)
    told = {"id": 7, "pending": 0, "basetime": "9999-12-31T23:59:59Z", "data": [{"t": 1e9, "v": "1"}]}
    await newest.station.send([6, "s-1", "NotifyPeriodicEventStream", told])
    assert await newest.says("Heartbeat", {})
    assert (await streams(newest))[0]["lastAt"] is None


async def test_s01_s02_a_swap_step_by_step(newest: Lab) -> None:
    battery = {"evseId": 1, "serialNumber": "B1", "soC": 20.0, "soH": 98.0}
    for event in ("BatteryIn", "BatteryOut"):
        told = {"batteryData": [battery], "eventType": event, "idToken": TOKEN, "requestId": 4}
        assert await newest.says("BatterySwap", told) == {}
    found = (await newest.get(f"{PATH}/battery-swaps"))["items"]
    assert [one["event"] for one in found] == ["BatteryOut", "BatteryIn"]
    assert (found[0]["batteries"], found[0]["requestId"]) == ([battery], 4)


async def test_s02_nobody_knows_whether_a_swap_that_was_not_answered_was_begun(newest: Lab) -> None:
    body = {"idToken": TOKEN, "requestId": 4}
    found = await newest.post(f"{PATH}/calls/RequestBatterySwap?timeoutS=0.2", body, 504)
    assert (await newest.get(f"/calls/{found['callId']}"))["mayRepeat"] is False


async def test_c24_a_payment_is_kept_with_its_newest_word(newest: Lab) -> None:
    told = {
        "pspRef": "ref-1",
        "transactionId": "tx-1",
        "status": "Failed",
        "settlementAmount": 12.5,
        "settlementTime": "2026-11-22T10:00:00Z",
    }
    assert await newest.says("NotifySettlement", told) == {}
    settled = {**told, "status": "Settled", "settlementTime": "2026-11-22T10:05:00Z", "receiptId": "r"}
    assert await newest.says("NotifySettlement", settled) == {}
    assert await newest.says("NotifySettlement", told) == {}  # an old word, told late
    (payment,) = (await newest.get(f"{PATH}/payments"))["items"]
    assert (payment["status"], payment["amount"], payment["receiptId"]) == ("Settled", 12.5, "r")


async def test_c24_no_vat_number_is_called_valid(newest: Lab) -> None:
    answer = await newest.says("VatNumberValidation", {"vatNumber": "NL123", "evseId": 1})
    assert (answer["status"], answer["vatNumber"], answer["evseId"]) == ("Rejected", "NL123", 1)
    assert "company" not in answer


async def test_m07_no_certificate_is_called_good_unseen(newest: Lab) -> None:
    asked = [
        {"certificateHashData": HASHES, "source": source, "urls": ["http://127.0.0.1:9/"]}
        for source in ("OCSP", "CRL")
    ]
    answer = await newest.says("GetCertificateChainStatus", {"certificateStatusRequests": asked})
    told = answer["certificateStatus"]
    assert [(one["source"], one["status"]) for one in told] == [("OCSP", "Failed"), ("CRL", "Failed")]
    assert all(one["certificateHashData"] == HASHES and one["nextUpdate"] for one in told)


async def tariffs(lab: Lab) -> list[tuple[int, str, bool]]:
    found = (await lab.get(f"{PATH}/station-tariffs"))["items"]
    return [(one["evseId"], one["tariffId"], one["content"] is not None) for one in found]


async def set_tariff(lab: Lab, evse_id: int, tariff_id: str, status: str = "Accepted") -> None:
    body = {"evseId": evse_id, "tariff": {**TARIFF, "tariffId": tariff_id}}
    await lab.asks(f"{PATH}/calls/SetDefaultTariff", body, ("SetDefaultTariff", {"status": status}))


async def test_i07_a_default_tariff_stands_once_it_is_taken(newest: Lab) -> None:
    await set_tariff(newest, 1, "t-1", "TooManyElements")
    assert await tariffs(newest) == []
    await set_tariff(newest, 1, "t-1")
    await set_tariff(newest, 2, "t-2")
    await set_tariff(newest, 1, "t-3")
    assert await tariffs(newest) == [(1, "t-3", True), (2, "t-2", True)]
    await set_tariff(newest, 0, "t-4")
    assert await tariffs(newest) == [(0, "t-4", True)]


async def test_i08_i09_tariffs_are_told_and_cleared(newest: Lab) -> None:
    await set_tariff(newest, 1, "t-1")
    told = [
        {"tariffId": "t-1", "tariffKind": "DefaultTariff", "evseIds": [1, 2]},
        {"tariffId": "t-9", "tariffKind": "DriverTariff", "idTokens": ["a"]},
    ]
    answer = {"status": "Accepted", "tariffAssignments": told}
    await newest.asks(f"{PATH}/calls/GetTariffs", {"evseId": 0}, ("GetTariffs", answer))
    assert await tariffs(newest) == [(0, "t-9", False), (1, "t-1", True), (2, "t-1", True)]
    results = [{"tariffId": "t-1", "status": "Accepted"}, {"tariffId": "t-9", "status": "Rejected"}]
    cleared = ("ClearTariffs", {"clearTariffsResult": results})
    await newest.asks(f"{PATH}/calls/ClearTariffs", {"tariffIds": ["t-1", "t-9"]}, cleared)
    assert await tariffs(newest) == [(0, "t-9", False)]
    none = ("GetTariffs", {"status": "NoTariff"})
    await newest.asks(f"{PATH}/calls/GetTariffs", {"evseId": 0}, none)
    assert await tariffs(newest) == []


OURS = {"tariffId": "day", "currency": "EUR", "energyPerKwh": "0.30", "timePerHour": "1.20"}
COUNTED = {
    "tariffId": "day",
    "currency": "EUR",
    "energy": {"prices": [{"priceKwh": 0.3}]},
    "chargingTime": {"prices": [{"priceMinute": 0.02}]},
    "idleTime": {"prices": [{"priceMinute": 0.02}]},
}


async def test_i07_our_tariff_becomes_the_stations_default(newest: Lab) -> None:
    await newest.post("/tariffs", OURS, 201)
    for evse_id in (0, 2):
        asked, found = await newest.asks(
            f"{PATH}/station-tariffs",
            {"tariffId": "day", "evseId": evse_id},
            ("SetDefaultTariff", {"status": "Accepted"}),
        )
        assert asked == [{"evseId": evse_id, "tariff": COUNTED}]
        assert found["answer"] == {"status": "Accepted"}
    assert await tariffs(newest) == [(0, "day", True), (2, "day", True)]


async def test_i07_what_cannot_be_told_is_not_sent(newest: Lab) -> None:
    await newest.post("/tariffs", OURS | {"tariffId": "v2g", "exportPerKwh": "0.10"}, 201)
    for tariff_id, field in (("v2g", "exportPerKwh"), ("none", "tariffId")):
        refused = await newest.post(f"{PATH}/station-tariffs", {"tariffId": tariff_id}, 422)
        assert [one["field"] for one in refused["errors"]] == [field]
    assert (await newest.get(f"{PATH}/calls"))["items"] == []


async def test_i07_an_older_station_has_no_tariffs(octt: Lab) -> None:
    await octt.post("/tariffs", OURS, 201)
    refused = await octt.post(f"{PATH}/station-tariffs", {"tariffId": "day"}, 422)
    assert "2.0.1" in refused["detail"]


async def test_i11_our_tariff_for_a_running_transaction(newest: Lab) -> None:
    await newest.post("/tariffs", OURS, 201)
    await newest.add_token()
    await newest.charging()
    asked, _ = await newest.asks(
        "/transactions/tx-1/tariff",
        {"tariffId": "day"},
        ("ChangeTransactionTariff", {"status": "Accepted"}),
    )
    assert asked == [{"transactionId": "tx-1", "tariff": COUNTED}]
    kept = (await newest.get("/transactions/tx-1/particulars"))["items"]
    assert [(one["name"], one["value"]) for one in kept] == [("tariffId", "day")]


async def test_i11_a_running_transaction_gets_another_tariff(newest: Lab) -> None:
    await newest.add_token()
    await newest.charging()
    body = {"transactionId": "tx-1", "tariff": TARIFF}
    for status in ("TxNotFound", "Accepted"):
        await newest.asks(
            f"{PATH}/calls/ChangeTransactionTariff", body, ("ChangeTransactionTariff", {"status": status})
        )
        kept = (await newest.get("/transactions/tx-1/particulars"))["items"]
        assert [(one["name"], one["value"]) for one in kept] == (
            [] if status == "TxNotFound" else [("tariffId", "t-1")]
        )


async def test_a_bad_answer_of_a_station_is_told_it(newest: Lab) -> None:
    doing = asyncio.create_task(newest.post(f"{PATH}/calls/ClearCache", {}, 502))
    frame = await newest.station.answer({"status": "Perhaps"}, "ClearCache")
    assert (await newest.station.receive())[:2] == [5, frame[1]]
    assert (await doing)["state"] == "failed"
