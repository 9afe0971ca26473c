"""Bidirectional charging in 2.1: frequency signals, priority of a driver, what a vehicle may choose."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask
from csms.api.shapes import Body, Flag, Page, Shape, Time, Whole
from csms.api.transactions import AtStation, found
from csms.api.wiring import Wired
from csms.blocks import bidirectional
from csms.store import particulars
from csms.wire import words

router = APIRouter(tags=["grid"])


class Signal(Body):
    """A signal of the frequency service; the station turns it into power by the curve of its profile."""

    signal: Annotated[Whole, Field(ge=-(2**31), lt=2**31)]
    at: Time | None = None


class Priority(Body):
    """Whether the driver is to be charged before all else."""

    activate: Flag


class Allowed(Body):
    """What the vehicle may choose from now on."""

    transfers: Annotated[tuple[words.EnergyTransferModeEnumType, ...], Field(min_length=1, max_length=11)]


class Particular(Shape):
    """The newest word on one particular of a transaction (`operationMode`, `tariffId`, `costDetails` ...)."""

    name: str
    value: JsonValue
    at: Time


@router.post("/stations/{identity}/afrr-signal", openapi_extra=CALLS)
async def afrr_signal(identity: str, body: Signal, ask: Ask) -> Response:
    """Q08: pass on a signal of automatic frequency restoration."""
    return await ask.send(identity, bidirectional.signal(body.signal, body.at or ask.wired.clock.now()))


@router.post("/transactions/{transaction_id}/priority-charging", openapi_extra=CALLS)
async def priority_charging(
    transaction_id: str, body: Priority, ask: Ask, station: AtStation = None
) -> Response:
    """K21, K22: give a driver priority, or take it back; who has it takes no part in grid events."""
    row = await found(ask.wired, transaction_id, station)
    request = words.UsePriorityChargingRequest(transaction_id=row.transaction_id, activate=body.activate)
    return await ask.send(row.identity, request)


@router.post("/transactions/{transaction_id}/allowed-energy-transfer", openapi_extra=CALLS)
async def allow_energy_transfer(
    transaction_id: str, body: Allowed, ask: Ask, station: AtStation = None
) -> Response:
    """Q02: let the vehicle of a transaction choose among these, such as DC_BPT for bidirectional charging."""
    row = await found(ask.wired, transaction_id, station)
    request = words.NotifyAllowedEnergyTransferRequest(
        transaction_id=row.transaction_id, allowed_energy_transfer=body.transfers
    )
    return await ask.send(row.identity, request)


@router.get("/transactions/{transaction_id}/particulars")
async def list_particulars(transaction_id: str, wired: Wired, station: AtStation = None) -> Page[Particular]:
    """What a 2.1 station has told of a transaction besides its state, and what was agreed with it."""
    row = await found(wired, transaction_id, station)
    rows = await particulars.of_transaction(wired.db, row.identity, row.transaction_id)
    shown = [one.model_dump() | {"value": msgspec.json.decode(one.value)} for one in rows]
    return Page(items=[Particular.model_validate(one) for one in shown])
