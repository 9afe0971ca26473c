"""Common commands to a station: reset, availability, unlock, trigger, start and stop, its network profiles.

Each gives the station's answer: `{"callId", "state", "answer"}`, and is in the journal (`/calls`).
"""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask, word
from csms.api.shapes import Body, Page, Shape, Text, Time, Whole
from csms.api.stations import registered
from csms.api.transactions import AtStation, found
from csms.api.wiring import Wired
from csms.blocks import remote_control
from csms.domain.transaction import IdToken
from csms.errors import Invalid
from csms.store import tokens, variables
from csms.wire import words

router = APIRouter(tags=["commands"])

EvseId = Annotated[Whole, Field(ge=1, le=1000)]


class Reset(Body):
    """`OnIdle` waits for transactions to end; without `evseId` the whole station restarts."""

    type: words.ResetEnumType = "OnIdle"
    evse_id: EvseId | None = None


class Place(Body):
    """An EVSE, or one connector of it; empty is the whole station."""

    evse_id: EvseId | None = None
    connector_id: EvseId | None = None

    def evse(self) -> words.EVSEType | None:
        """As messages write it. Raises `Invalid` for a connector of no EVSE."""
        if self.evse_id is None:
            if self.connector_id is not None:
                raise Invalid("evseId", "A connector is one of an EVSE: which?")
            return None
        return words.EVSEType(id=self.evse_id, connector_id=self.connector_id)


class Availability(Place):
    """What the station, an EVSE or a connector shall be."""

    status: words.OperationalStatusEnumType


class Unlock(Body):
    """The connector to unlock."""

    evse_id: EvseId
    connector_id: EvseId = 1


class Trigger(Place):
    """The message to send now."""

    message: words.MessageTriggerEnumType
    custom: Annotated[str, Field(max_length=50)] | None = None


class Start(Body):
    """Who shall be charged where. A token that is registered brings its type and its group."""

    id_token: Annotated[str, Field(min_length=1, max_length=36)]
    type: Annotated[Text, Field(max_length=20)] | None = None
    evse_id: EvseId | None = None
    group_id_token: Annotated[str, Field(max_length=36)] | None = None
    charging_profile: dict[str, JsonValue] | None = None


class NetworkProfile(Shape):
    """What was set in a slot; `data` is OCPP's NetworkConnectionProfile without secrets."""

    slot: int
    data: JsonValue
    status: str
    changed_at: Time


@router.post("/stations/{identity}/reset", openapi_extra=CALLS)
async def reset(identity: str, body: Reset, ask: Ask) -> Response:
    """B11, B12: restart a station or one of its EVSEs."""
    return await ask.send(identity, words.ResetRequest(type=body.type, evse_id=body.evse_id))


@router.post("/stations/{identity}/availability", openapi_extra=CALLS)
async def change_availability(identity: str, body: Availability, ask: Ask) -> Response:
    """G03, G04: operative or not. `Scheduled`: once its transactions have ended."""
    request = words.ChangeAvailabilityRequest(evse=body.evse(), operational_status=body.status)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/unlock", openapi_extra=CALLS)
async def unlock(identity: str, body: Unlock, ask: Ask) -> Response:
    """F05: unlock a connector; refused while a transaction of another is on it."""
    request = words.UnlockConnectorRequest(evse_id=body.evse_id, connector_id=body.connector_id)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/trigger", openapi_extra=CALLS)
async def trigger(identity: str, body: Trigger, ask: Ask) -> Response:
    """F06: send a message now, for the station, one EVSE or one connector."""
    request = words.TriggerMessageRequest(
        requested_message=body.message, evse=body.evse(), custom_trigger=body.custom
    )
    return await ask.send(identity, request)


@router.post("/stations/{identity}/clear-cache", openapi_extra=CALLS)
async def clear_cache(identity: str, ask: Ask) -> Response:
    """C11: forget all tokens in the authorization cache."""
    return await ask.send(identity, words.ClearCacheRequest())


@router.post("/stations/{identity}/transactions", openapi_extra=CALLS)
async def start_transaction(identity: str, body: Start, ask: Ask) -> Response:
    """F01, F02: ask for a transaction. The request is complete when it has begun: `detail` is its id."""
    row = await tokens.get(ask.wired.db, body.id_token)
    token = IdToken(body.id_token, body.type or (row.type if row else "Central"))
    group = body.group_id_token or (row.group_token if row else None)
    profile = None
    if body.charging_profile is not None:
        profile = word(words.ChargingProfileType, body.charging_profile, "chargingProfile")
        if profile.charging_profile_purpose != "TxProfile":  # F01.FR.08
            raise Invalid("chargingProfile.chargingProfilePurpose", "It must be TxProfile.")
        if profile.transaction_id is not None:  # F01.FR.11
            raise Invalid("chargingProfile.transactionId", "There is no transaction yet.")
    return await ask.send(
        identity,
        remote_control.start(token, body.evse_id, IdToken(group, "Central") if group else None, profile),
    )


@router.post("/transactions/{transaction_id}/stop", openapi_extra=CALLS)
async def stop_transaction(transaction_id: str, ask: Ask, station: AtStation = None) -> Response:
    """F03: ask for the end of a transaction."""
    row = await found(ask.wired, transaction_id, station)
    request = words.RequestStopTransactionRequest(transaction_id=row.transaction_id)
    return await ask.send(row.identity, request)


@router.post("/transactions/{transaction_id}/status", openapi_extra=CALLS)
async def transaction_status(transaction_id: str, ask: Ask, station: AtStation = None) -> Response:
    """E14: does it go on at the station, and are there messages of it that we have not got yet."""
    row = await found(ask.wired, transaction_id, station)
    request = words.GetTransactionStatusRequest(transaction_id=row.transaction_id)
    return await ask.send(row.identity, request)


@router.post("/stations/{identity}/queue-status", openapi_extra=CALLS)
async def queue_status(identity: str, ask: Ask) -> Response:
    """E14.FR.07: has the station transaction messages in its queue, whatever transaction they are of."""
    return await ask.send(identity, words.GetTransactionStatusRequest())


@router.get("/stations/{identity}/network-profiles")
async def list_network_profiles(identity: str, wired: Wired) -> Page[NetworkProfile]:
    """The network profiles that were set, by slot."""
    station = await registered(wired, identity)
    rows = await variables.network_profiles(wired.db, station.identity)
    shown = [row.model_dump() | {"data": msgspec.json.decode(row.data)} for row in rows]
    return Page(items=[NetworkProfile.model_validate(one) for one in shown])


@router.put("/stations/{identity}/network-profiles/{slot}", openapi_extra=CALLS)
async def set_network_profile(
    identity: str,
    slot: Annotated[int, Path(ge=0, le=2**31 - 1)],
    body: dict[str, Any],
    ask: Ask,
) -> Response:
    """B09: put a NetworkConnectionProfile (as in OCPP) into a slot. Which slots are used, `variables` say."""
    data = word(words.NetworkConnectionProfileType, body, "connectionData")
    request = words.SetNetworkProfileRequest(configuration_slot=slot, connection_data=data)
    return await ask.send(identity, request)
