"""Asks one station for a person: guard, journal, answer or problem. All routes that call a station use it."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import BackgroundTasks, Depends, Query, Request, Response

from csms.api import orders, problems
from csms.api.auth import OPERATOR, Role, User
from csms.api.idempotency import Answer, IdempotencyKey, once
from csms.api.stations import registered
from csms.api.wiring import Wiring
from csms.blocks import AFTER, call_kinds, calls
from csms.blocks.calls import Desk, Followed, Order
from csms.domain.safety import check_manual
from csms.errors import (
    CsmsError,
    Forbidden,
    Invalid,
    NotSupportedByDialect,
    OcppError,
    StationOffline,
)
from csms.store.stations import StationRow
from csms.wire.dialect import RawCall, action_of

_OVERRIDE = Query(
    min_length=8,
    max_length=255,
    description="An administrator's reason to do without a check: of a negative limit, of a firmware.",
)

_RETRY = Query(
    alias="retryS",
    gt=0,
    le=604_800,
    description="Send it again for so long if the station is not there or does not answer (202 then).",
)

W = TypeVar("W", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the station (None: as long as its own time-out), and for it to come back."""

    timeout_s: float | None = None
    retry_s: float | None = None


NO_PATIENCE = Patience()


def patience(
    timeout_s: Annotated[
        float | None,
        Query(alias="timeoutS", gt=0, le=600, description="How long to wait for the station."),
    ] = None,
    retry_s: Annotated[float | None, _RETRY] = None,
) -> Patience:
    """As the query says."""
    return Patience(timeout_s, retry_s)


@dataclass(frozen=True, slots=True)
class Asking:
    """One request that shall become one call."""

    request: Request
    tasks: BackgroundTasks
    wired: Wiring
    user: User
    key: str | None
    wait: bool
    patience: Patience
    override: str | None

    @property
    def desk(self) -> Desk:
        """Where calls are written down and sent."""
        return desk(self.wired)

    async def order(self, identity: str, ask: object = None) -> Order:
        """An order of this user to a station that is connected. Raises `NotFound` and `StationOffline`."""
        station = await connected(self.wired, identity)
        return Order(station, ask, self.user.name, self.key, self.patience.timeout_s)

    async def send(self, identity: str, ask: object) -> Response:
        """Send it and give the station's answer; or with `wait=0` 202 at once."""

        async def act() -> Answer:
            station = await registered(self.wired, identity)
            self._check(station, _asked(ask))
            if not station.connected and self.patience.retry_s is None:
                raise StationOffline(station.identity)
            if self.override is None:
                await self._check_firmware(ask)
            name = (
                self.user.name if self.override is None else f"{self.user.name} (override: {self.override})"
            )
            order = Order(station, ask, name, self.key, self.patience.timeout_s, self.patience.retry_s)
            at_once = self.wait and station.connected
            placed = await calls.place(self.desk, order, "sent" if at_once else "accepted")
            if at_once:
                return await _carried_out(self.desk, placed)
            if station.connected:
                self.tasks.add_task(_later, self.desk, placed)
            return Answer(202, _text(_head(placed) | {"state": "accepted"}))

        response = await once(self.request, self.wired, self.key, act)
        response.background = self.tasks
        return response

    def _administrate(self, what: str) -> None:
        """Raises `Forbidden` for whoever is not an administrator."""
        if not self.user.may(Role.ADMINISTRATOR):
            raise Forbidden(f"{what} needs the role administrator.")

    def guard(self, ask: object) -> None:
        """The guard before power and credentials. Raises `Forbidden` and `Unsafe`."""
        action, payload = action_of(ask), _payload(ask)
        if orders.credential(action, payload):
            self._administrate(f"{action} with this content")
        if orders.discharges(action, payload):
            if self.override is not None:
                self._administrate("A negative limit by hand")
            check_manual(orders.manual(action, payload, self.override), self.wired.clock.now())

    async def _check_firmware(self, ask: object) -> None:
        """L01: a signed firmware is read by us first. Raises `Invalid`, naming the place or what is wrong."""
        firmware = orders.signed_firmware(action_of(_asked(ask)), _payload(_asked(ask)))
        if firmware is None:
            return
        try:
            await self._check_signature(firmware)
        except Invalid as error:
            place = f"firmware.{error.field}" if isinstance(ask, RawCall) else error.field
            raise Invalid(place, error.detail) from None

    async def _check_signature(self, firmware: orders.SignedFirmware) -> None:
        if not (firmware.certificate and firmware.signature):
            raise Invalid("signature", "A certificate and a signature go together.")
        checks = self.wired.trust.firmware
        if checks is None:
            raise Invalid(
                "location",
                "We may not read it to check its signature (pki.firmware_sources); "
                "an administrator may order it unchecked by ?override=REASON.",
            )
        await checks.check(firmware.location, firmware.certificate, firmware.signature)

    def _check(self, station: StationRow, ask: object) -> None:
        """The guard, then the schema of the station's version. Raises `Invalid`, naming the property."""
        self.guard(ask)
        if self.patience.retry_s is not None:
            call_kinds.check_retry(ask)
        dialect = self.wired.dialect(station.version)
        if dialect is not None:
            dialect.write_ask(ask)


def asking(
    request: Request,
    tasks: BackgroundTasks,
    idempotency_key: IdempotencyKey = None,
    wait: Annotated[int, Query(ge=0, le=1, description="0: answer 202 at once.")] = 1,
    patience: Annotated[Patience, Depends(patience)] = NO_PATIENCE,
    override: Annotated[str | None, _OVERRIDE] = None,
) -> Asking:
    """What every route that calls a station takes."""
    wired: Wiring = request.app.state.wiring
    user: User = request.state.user
    return Asking(request, tasks, wired, user, idempotency_key, bool(wait), patience, override)


Ask = Annotated[Asking, Depends(asking)]


def desk(wired: Wiring) -> Desk:
    """Where calls are written down and sent."""
    return Desk(wired.db, wired.bus, wired.clock, AFTER)


async def connected(wired: Wiring, identity: str) -> StationRow:
    """The station with this identity. Raises `NotFound`, and `StationOffline` if it is not connected."""
    station = await registered(wired, identity)
    if not station.connected:
        raise StationOffline(station.identity)
    return station


async def _later(desk: Desk, placed: calls.Placed) -> None:
    if await calls.sent(desk, placed):
        await _carried_out(desk, placed)


async def _carried_out(desk: Desk, placed: calls.Placed) -> Answer:
    """What came of it; an error of the house becomes its problem document, with the call in it."""
    try:
        answer = await calls.carry_out(desk, placed)
    except CsmsError as error:
        state = calls.state_after(error, placed, desk.clock.now())
        if state == "accepted":
            return Answer(202, _text(_head(placed) | {"state": state, "reason": type(error).__name__}))
        body = problems.of_error(error) | _head(placed) | {"state": state}
        status = body["status"]
        assert isinstance(status, int)
        # what never left the house may be tried again under the same key
        left = not isinstance(error, StationOffline | Invalid | NotSupportedByDialect | OcppError)
        return Answer(status, _text(body), keep=left)
    return Answer(200, _text(_head(placed) | {"state": "answered", "answer": msgspec.to_builtins(answer)}))


def _asked(ask: object) -> object:
    """What the station is asked; the number of a request is given later."""
    return ask.ask(1) if isinstance(ask, Followed) else ask


def _payload(ask: object) -> dict[str, Any]:
    payload: dict[str, Any] = ask.payload if isinstance(ask, RawCall) else msgspec.to_builtins(ask)
    return payload


def _head(placed: calls.Placed) -> dict[str, object]:
    head: dict[str, object] = {"callId": placed.call_id}
    return head if placed.request_id is None else head | {"requestId": placed.request_id}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def word(kind: type[W], value: object, field: str) -> W:
    """A part of a body that is written as in OCPP. Raises `Invalid`, naming the wrong property."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        inner = place.rstrip("`").removeprefix(".").removesuffix("[...]")
        raise Invalid(f"{field}.{inner}" if inner else field, f"{reason}.") from None


CALLS: dict[str, Any] = OPERATOR | {
    "responses": {
        "200": {"description": "The station has answered.", "content": {"application/json": {}}},
        "202": {"description": "Accepted, perhaps to be sent again; see `/calls/{callId}`."},
        "409": {"description": "The station is not connected."},
        "502": {"description": "The station answered with an error."},
        "504": {"description": "The station did not answer in time."},
    }
}
"""Mark of a route that calls a station."""
