"""Who may charge (blocks C and D), who may end it (E), for whom a place is kept (H)."""

from datetime import timedelta
from typing import Any

import pytest

from chargepoint_sim.station.device_model import Place
from chargepoint_sim.station.words import IdToken, Offline
from tests.flows.station.steps import ACCEPTED, charging, events, is_event, ready, variable


def tag(value: str) -> dict[str, str]:
    return {"idToken": value, "type": "ISO14443"}


def entry(value: str, status: str = "Accepted", group: str | None = None) -> dict[str, Any]:
    info: dict[str, Any] = {"status": status}
    return {
        "idToken": tag(value),
        "idTokenInfo": info if group is None else info | {"groupIdToken": tag(group)},
    }


def asked(csms: Any) -> list[str]:
    """Whom the station has asked about."""
    return [payload["idToken"]["idToken"] for action, payload in csms.heard if action == "Authorize"]


# Block D: the local list


async def test_a_full_list_replaces_and_a_difference_changes_it(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    full = {
        "versionNumber": 3,
        "updateType": "Full",
        "localAuthorizationList": [entry("A"), entry("B", "Blocked")],
    }
    assert await peer.call("SendLocalList", full) == ACCEPTED
    assert await peer.call("GetLocalListVersion", {}) == {"versionNumber": 3}
    change = {
        "versionNumber": 4,
        "updateType": "Differential",
        "localAuthorizationList": [{"idToken": tag("A")}],
    }
    assert await peer.call("SendLocalList", change) == ACCEPTED
    listed = one.station.cabinet.authorizer.local_list
    assert listed.find(IdToken("A")) is None
    assert listed.find(IdToken("b")).status == "Blocked"
    assert await peer.call("SendLocalList", change) == {"status": "VersionMismatch"}
    assert await peer.call("SendLocalList", {"versionNumber": 5, "updateType": "Full"}) == ACCEPTED
    assert listed.entries == {}
    assert await peer.call("GetLocalListVersion", {}) == {"versionNumber": 5}


@pytest.mark.parametrize(
    "entries",
    [[entry("A"), entry("a")], [{"idToken": tag("A")}], [entry(str(number)) for number in range(501)]],
)
async def test_a_list_that_cannot_be_kept_changes_nothing(csms: Any, bench: Any, entries: Any) -> None:
    """A token twice, one without information, more than fit."""
    one, peer = await ready(bench, csms)
    whole = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry("Z")]}
    assert await peer.call("SendLocalList", whole) == ACCEPTED
    answer = await peer.call(
        "SendLocalList", {"versionNumber": 2, "updateType": "Full", "localAuthorizationList": entries}
    )
    assert answer == {"status": "Failed"}
    assert await peer.call("GetLocalListVersion", {}) == {"versionNumber": 1}
    assert one.station.cabinet.authorizer.local_list.find(IdToken("Z")) is not None


async def test_a_list_that_is_switched_off_has_version_0(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    whole = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry("Z")]}
    assert await peer.call("SendLocalList", whole) == ACCEPTED
    assert await variable(peer, "LocalAuthListCtrlr", "Enabled", "false") == "Accepted"
    assert await peer.call("GetLocalListVersion", {}) == {"versionNumber": 0}
    assert await peer.call("SendLocalList", whole | {"versionNumber": 2}) == {"status": "Failed"}


# Block C: authorization


async def test_who_is_listed_need_not_be_asked_about(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    listed = {
        "versionNumber": 1,
        "updateType": "Full",
        "localAuthorizationList": [entry("TAG-1"), entry("BAD", "Blocked")],
    }
    assert await peer.call("SendLocalList", listed) == ACCEPTED
    assert await variable(peer, "AuthCtrlr", "LocalPreAuthorize", "true") == "Accepted"
    one.plug()
    await csms.wait_for("TransactionEvent", is_event(triggerReason="Authorized"))
    assert asked(csms) == []
    assert (await one.station.cabinet.drivers.swipe(2, IdToken("BAD"))).status == "Accepted"
    assert asked(csms) == ["BAD"]  # who is listed as blocked may have been let in since (C14)
    await variable(peer, "LocalAuthListCtrlr", "DisablePostAuthorize", "true")
    assert (await one.station.cabinet.drivers.swipe(2, IdToken("BAD"))).status == "Blocked"
    assert asked(csms) == ["BAD"]


async def test_the_cache_remembers_until_its_time_is_over(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    for component, name in (("AuthCacheCtrlr", "Enabled"), ("AuthCtrlr", "LocalPreAuthorize")):
        assert await variable(peer, component, name, "true") == "Accepted"
    assert await variable(peer, "AuthCacheCtrlr", "LifeTime", "600") == "Accepted"
    authorizer = one.station.cabinet.authorizer
    for _ in range(2):
        await authorizer.decide(IdToken("TAG-9"))
    assert asked(csms) == ["TAG-9"]
    assert await peer.call("ClearCache", {}) == ACCEPTED
    await authorizer.decide(IdToken("TAG-9"))
    assert asked(csms) == ["TAG-9"] * 2
    one.station.clock.set(one.station.clock.now() + timedelta(seconds=601))
    await authorizer.decide(IdToken("TAG-9"))
    assert asked(csms) == ["TAG-9"] * 3


async def test_offline_the_list_comes_before_the_cache_and_the_unknown_are_a_choice(
    csms: Any, bench: Any
) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "AuthCacheCtrlr", "Enabled", "true")
    authorizer = one.station.cabinet.authorizer
    await authorizer.decide(IdToken("SEEN"))
    await authorizer.decide(IdToken("BOTH"))
    listed = {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": [entry("BOTH", "Blocked")]}
    assert await peer.call("SendLocalList", listed) == ACCEPTED
    await variable(peer, "AuthCtrlr", "LocalAuthorizeOffline", "true")
    await one.station.link.hold_off()
    assert (await authorizer.decide(IdToken("SEEN"))).status == "Accepted"
    assert (await authorizer.decide(IdToken("BOTH"))).status == "Blocked"
    with pytest.raises(Offline):
        await authorizer.decide(IdToken("NEW"))
    one.station.cabinet.equipment.model.put(Place("AuthCtrlr"), "OfflineTxForUnknownIdEnabled", "true")
    assert (await authorizer.decide(IdToken("NEW"))).status == "Accepted"


async def test_who_began_unknown_while_offline_is_stopped_when_the_server_says_no(
    csms: Any, bench: Any
) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "AuthCtrlr", "OfflineTxForUnknownIdEnabled", "true")
    csms.token_status = "Blocked"
    await one.station.link.hold_off()
    visit = one.plug()
    await visit.charging.wait()
    one.station.link.resume()
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"
    assert ended["triggerReason"] == "Deauthorized"
    started = next(event for event in events(csms) if "idToken" in event)
    assert (started["offline"], started["idToken"]["idToken"]) == (True, "TAG-1")


async def test_without_stop_on_invalid_id_it_only_gives_no_more_energy(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "AuthCtrlr", "OfflineTxForUnknownIdEnabled", "true")
    await variable(peer, "TxCtrlr", "StopTxOnInvalidId", "false")
    csms.token_status = "Invalid"
    await one.station.link.hold_off()
    visit = one.plug()
    await visit.charging.wait()
    one.station.link.resume()
    await csms.wait_for(
        "TransactionEvent", lambda p: p["transactionInfo"]["chargingState"] == "SuspendedEVSE"
    )
    assert visit.transaction is not None


async def test_the_same_token_ends_without_a_question_and_another_does_not(csms: Any, bench: Any) -> None:
    one, _, _ = await charging(csms, bench)
    drivers = one.station.cabinet.drivers
    await drivers.swipe(1, IdToken("OTHER"))
    assert one.station.cabinet.visits[1].authorized
    before = len(asked(csms))
    await drivers.swipe(1, IdToken("tag-1"))
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert (ended["triggerReason"], ended["transactionInfo"]["stoppedReason"]) == ("StopAuthorized", "Local")
    assert ended["idToken"] == {"idToken": "tag-1", "type": "ISO14443"}
    assert len(asked(csms)) == before


async def test_one_of_the_same_group_may_end_it(csms: Any, bench: Any) -> None:
    csms.token_group = "FAMILY"
    one, _, _ = await charging(csms, bench)
    await one.station.cabinet.drivers.swipe(1, IdToken("SPOUSE"))
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert (ended["triggerReason"], ended["idToken"]["idToken"]) == ("StopAuthorized", "SPOUSE")


async def test_a_master_pass_ends_everything_and_starts_nothing(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    second = one.plug(2, "TAG-2")
    await second.charging.wait()
    await variable(peer, "AuthCtrlr", "MasterPassGroupId", "police")
    csms.token_group = "POLICE"
    await one.station.cabinet.drivers.swipe(1, IdToken("BADGE"))
    ended = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"), count=2)
    assert {event["transactionInfo"]["stoppedReason"] for event in ended} == {"MasterPass"}
    assert not second.authorized
    await one.station.cabinet.drivers.swipe(2, IdToken("BADGE"))
    assert not second.authorized


async def test_a_card_before_the_cable_and_a_driver_who_never_comes(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await one.station.cabinet.drivers.swipe(1, IdToken("EARLY"))
    one.plug(1, token=None)
    (event,) = await csms.wait_for("TransactionEvent", is_event(triggerReason="Authorized"))
    assert event["idToken"]["idToken"] == "EARLY"
    await variable(peer, "TxCtrlr", "EVConnectionTimeOut", "10")
    await one.station.cabinet.drivers.swipe(2, IdToken("LATE"))
    await one.station.clock.sleep(20)
    visit = one.plug(2, token=None)
    await csms.wait_for("TransactionEvent", lambda p: p["evse"]["id"] == 2)
    assert not visit.authorized


async def test_remote_starts_are_authorized_if_that_is_wanted(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await variable(peer, "AuthCtrlr", "AuthorizeRemoteStart", "true")
    csms.token_status = "Blocked"
    visit = one.plug(1, token=None)
    start = {"idToken": tag("FAR"), "remoteStartId": 7, "evseId": 1}
    assert (await peer.call("RequestStartTransaction", start))["status"] == "Accepted"
    await csms.wait_for("Authorize")
    await one.station.outbox.emptied()
    assert not visit.authorized
    csms.token_status = "Accepted"
    await peer.call("RequestStartTransaction", start)
    (event,) = await csms.wait_for("TransactionEvent", is_event(triggerReason="RemoteStart"))
    assert event["transactionInfo"]["remoteStartId"] == 7


# Block H: reservations


def reservation(
    csms: Any, number: int, evse_id: int | None = 1, seconds: float = 3600, **more: Any
) -> dict[str, Any]:
    until = (csms.clock.now() + timedelta(seconds=seconds)).isoformat()
    wanted = {"id": number, "expiryDateTime": until, "idToken": tag("TAG-1")}
    return wanted | ({} if evse_id is None else {"evseId": evse_id}) | more


async def connector(csms: Any, evse_id: int, status: str, count: int = 1) -> None:
    await csms.wait_for(
        "StatusNotification", lambda p: (p["evseId"], p["connectorStatus"]) == (evse_id, status), count
    )


async def test_a_reserved_evse_is_kept_for_its_driver(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    assert await peer.call("ReserveNow", reservation(csms, 5)) == ACCEPTED
    await connector(csms, 1, "Reserved")
    stranger = one.plug(1, "OTHER")
    await csms.wait_for("Authorize")
    await one.station.outbox.emptied()
    assert not stranger.authorized
    await stranger.leave()
    await connector(csms, 1, "Reserved", 2)
    far = {"idToken": tag("OTHER"), "remoteStartId": 7, "evseId": 1}
    assert (await peer.call("RequestStartTransaction", far))["status"] == "Rejected"
    one.plug(1, "TAG-1")
    (event,) = await csms.wait_for("TransactionEvent", lambda p: "reservationId" in p)
    assert (event["reservationId"], event["idToken"]["idToken"]) == (5, "TAG-1")
    assert one.station.cabinet.reservations.kept == {}


async def test_a_group_may_use_it(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    await peer.call("ReserveNow", reservation(csms, 5, groupIdToken={"idToken": "family", "type": "Central"}))
    csms.token_group = "FAMILY"
    one.plug(1, "SPOUSE")
    (event,) = await csms.wait_for("TransactionEvent", lambda p: "reservationId" in p)
    assert event["reservationId"] == 5


async def test_any_evse_is_kept_once_no_other_is_free(csms: Any, bench: Any) -> None:
    one, peer = await ready(bench, csms)
    assert await peer.call("ReserveNow", reservation(csms, 5, None)) == ACCEPTED
    assert one.station.cabinet.status(1).value == "Available"
    one.plug(2, "OTHER")
    await connector(csms, 1, "Reserved")
    assert (await peer.call("ReserveNow", reservation(csms, 6, None)))["status"] == "Occupied"
    one.plug(1, "TAG-1")
    (event,) = await csms.wait_for("TransactionEvent", lambda p: "reservationId" in p)
    assert event["evse"]["id"] == 1


async def test_a_reservation_ends_by_time_by_word_or_with_its_evse(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    assert await peer.call("ReserveNow", reservation(csms, 5, seconds=60)) == ACCEPTED
    (update,) = await csms.wait_for("ReservationStatusUpdate")
    assert update == {"reservationId": 5, "reservationUpdateStatus": "Expired"}
    assert await peer.call("ReserveNow", reservation(csms, 6)) == ACCEPTED
    assert await peer.call("CancelReservation", {"reservationId": 6}) == ACCEPTED
    assert await peer.call("CancelReservation", {"reservationId": 6}) == {"status": "Rejected"}
    assert await peer.call("ReserveNow", reservation(csms, 7)) == ACCEPTED
    out = {"operationalStatus": "Inoperative", "evse": {"id": 1}}
    assert await peer.call("ChangeAvailability", out) == ACCEPTED
    updates = await csms.wait_for("ReservationStatusUpdate", count=2)
    assert updates[1] == {"reservationId": 7, "reservationUpdateStatus": "Removed"}
    await connector(csms, 1, "Unavailable")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"evseId": 9}, "Rejected"),
        ({"connectorType": "cG105"}, "Rejected"),
        ({"connectorType": "cCCS2"}, "Accepted"),
        ({"expiryDateTime": "2020-01-01T00:00:00Z"}, "Rejected"),
        ({"evseId": 2}, "Occupied"),
    ],
)
async def test_what_can_be_reserved(csms: Any, bench: Any, more: dict[str, Any], status: str) -> None:
    one, peer = await ready(bench, csms)
    one.plug(2)
    answer = await peer.call("ReserveNow", reservation(csms, 5) | more)
    assert answer["status"] == status


async def test_the_same_number_replaces_a_reservation_and_a_refused_one_does_not(
    csms: Any, bench: Any
) -> None:
    one, peer = await ready(bench, csms)
    await peer.call("ReserveNow", reservation(csms, 5, 1))
    assert await peer.call("ReserveNow", reservation(csms, 5, 2)) == ACCEPTED
    await connector(csms, 1, "Available", 2)
    await connector(csms, 2, "Reserved")
    assert (await peer.call("ReserveNow", reservation(csms, 5, 9)))["status"] == "Rejected"
    assert one.station.cabinet.reservations.kept[5].evse_id == 2


# Block B and G: one EVSE restarts, out of service over restarts


async def test_one_evse_restarts_alone(csms: Any, bench: Any) -> None:
    one, peer, _ = await charging(csms, bench)
    assert await peer.call("Reset", {"type": "OnIdle", "evseId": 1}) == {"status": "Scheduled"}
    assert await peer.call("Reset", {"type": "Immediate", "evseId": 9}) == {"status": "Rejected"}
    assert await peer.call("Reset", {"type": "Immediate", "evseId": 1}) == ACCEPTED
    (ended,) = await csms.wait_for("TransactionEvent", is_event(eventType="Ended"))
    assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
    await connector(csms, 1, "Unavailable")
    await csms.wait_for("TransactionEvent", is_event(eventType="Started"), count=2)
    assert len(csms.peers) == 1
    assert one.station.cabinet.status(2).value == "Available"


async def test_out_of_service_outlives_a_restart(csms: Any, bench: Any) -> None:
    _, peer = await ready(bench, csms)
    await peer.call("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}})
    await connector(csms, 2, "Unavailable")
    await peer.call("ReserveNow", reservation(csms, 5))
    await peer.call("Reset", {"type": "Immediate"})
    await csms.peer(2)
    await connector(csms, 2, "Unavailable", 2)
    await connector(csms, 1, "Reserved", 2)
