"""Calls to stations, each written down with what became of it.

accepted ──> sent ──> answered
                 ├──> refused    the station answered with a CALLERROR
                 ├──> expired    no answer in time: nobody knows whether it was done
                 └──> failed     it did not reach the station, or its answer cannot be read

With `Order.retry_s` what did not reach the station or was not answered is `accepted` again, and sent anew by
`retries` until the deadline; then it has expired.

What an answered call changes in what we know of the station (`After`) is kept with its answer, whether a
person sent it by hand or a block did. A call whose result comes later, by messages with its request id, is
followed to its end (`store.requests`).
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from csms.blocks.call_kinds import FOLLOWED
from csms.bus.bus import Bus
from csms.clock import Clock
from csms.domain.facts import Fact, RequestChanged
from csms.errors import (
    ConfigurationError,
    CsmsError,
    StationOffline,
    StationRefused,
    StationTimeout,
    StoreUnavailable,
)
from csms.store import journal, profiles, requests
from csms.store.database import Database
from csms.store.edits import Connection
from csms.store.stations import StationRow
from csms.wire.dialect import RawCall, action_of
from csms.wire.redaction import without_secrets
from csms.wire.words import WORDS

log = structlog.get_logger()

_TOUCH_PROFILES = frozenset({"SetChargingProfile", "ClearChargingProfile", "UpdateDynamicSchedule"})
_TAKEN_ON = frozenset({"Accepted", "AcceptedCanceled"})
_CALL_IDS = {"RequestStartTransaction": "remoteStartId"}


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that the station has answered, in house words."""

    station: StationRow
    request: Any
    answer: Any
    at: datetime


Aftermath = Callable[[Connection, Answered], Awaitable[Fact | None]]
"""What it gives back, if anything, is published when all is kept."""


class After:
    """What an answered call changes in the store, by the type of the request. One function a word."""

    def __init__(self) -> None:
        self._functions: dict[type, Aftermath] = {}

    def on(self, request: type) -> Callable[[Aftermath], Aftermath]:
        """Decorator: this function keeps what follows from an answer to `request`."""

        def remember(function: Aftermath) -> Aftermath:
            self._add(request, function)
            return function

        return remember

    def include(self, other: "After") -> None:
        """Take over all functions of another table."""
        for request, function in other._functions.items():
            self._add(request, function)

    def function(self, request: type) -> Aftermath | None:
        """Who keeps what follows from an answer to `request`."""
        return self._functions.get(request)

    def _add(self, request: type, function: Aftermath) -> None:
        if request in self._functions:
            raise ConfigurationError("after", f"two functions for {request.__name__}")
        self._functions[request] = function


@dataclass(frozen=True, slots=True)
class Desk:
    """Where calls are written down and sent."""

    db: Database
    bus: Bus
    clock: Clock
    after: After


@dataclass(frozen=True, slots=True)
class Followed:
    """A call under a request id that we give: `ask` is told the id, `kind` is what we call the request."""

    kind: str
    ask: Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Order:
    """A call to make: `ask` is a house word, a `RawCall` or `Followed`. None: the station's own time-out.

    With `retry_s` it is sent again until then when it did not reach the station or was not answered.
    """

    station: StationRow
    ask: object
    user: str | None = None
    key: str | None = None
    timeout_s: float | None = None
    retry_s: float | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that is written down and not yet sent."""

    call_id: str
    station: StationRow
    action: str
    ask: object
    timeout_s: float
    request_id: int | None = None
    retry_until: datetime | None = None
    attempts: int = 0


async def place(desk: Desk, order: Order, state: str = "accepted") -> Placed:
    """Write down a call, and the request that it begins if it begins one. Nothing is sent yet."""
    now = desk.clock.now()
    timeout_s = order.station.message_timeout_s if order.timeout_s is None else order.timeout_s
    call_id = str(uuid.uuid4())
    async with desk.db.begin() as conn:
        ask, request_id = await _numbered(conn, order, call_id, now)
        action = action_of(ask)
        row = journal.CallRow(
            call_id=call_id,
            identity=order.station.identity,
            action=action,
            payload=_text(without_secrets(_plain(ask))),
            state=state,
            user=order.user,
            idempotency_key=order.key,
            deadline=now + timedelta(seconds=max(timeout_s, order.retry_s or 0.0)),
            request_id=request_id,
            retry=order.retry_s is not None,
            created_at=now,
            changed_at=now,
        )
        await journal.call_added(conn, row)
        if action in _TOUCH_PROFILES:
            # V-04: what was acknowledged there is proven no more, whatever comes of this
            await profiles.forget(conn, order.station.identity)
    until = row.deadline if row.retry else None
    return Placed(call_id, order.station, action, ask, timeout_s, request_id, until)


async def carry_out(desk: Desk, placed: Placed) -> object:
    """Send a call and keep what came of it: the station's answer, as a house word or, of a `RawCall`, a dict.

    Raises what asking a station raises, after it has been written down.
    """
    try:
        answer = await desk.bus.ask(placed.station.identity, placed.ask, timeout_s=placed.timeout_s)
    except CsmsError as error:
        await _came_to_nothing(desk, placed, error)
        raise
    await _answered(desk, placed, answer)
    return answer


async def call(desk: Desk, order: Order) -> object:
    """Write down a call, send it, and give the station's answer."""
    return await carry_out(desk, await place(desk, order, "sent"))


async def sent(desk: Desk, placed: Placed) -> bool:
    """A call that waited goes out now; False if somebody else has taken it."""
    async with desk.db.begin() as conn:
        return await journal.call_taken(conn, placed.call_id, desk.clock.now())


def state_after(error: CsmsError, placed: Placed, now: datetime) -> str:
    """What a call that came to nothing is in the journal; `accepted` if it waits for another attempt."""
    again = isinstance(error, StationOffline | StationTimeout)
    if again and placed.retry_until is not None and now < placed.retry_until:
        return "accepted"
    if isinstance(error, StationRefused):
        return "refused"
    return "expired" if isinstance(error, StationTimeout) else "failed"


async def _numbered(conn: Connection, order: Order, call_id: str, now: datetime) -> tuple[object, int | None]:
    """The call with its request id, and that request begun."""
    identity, ask = order.station.identity, order.ask
    if isinstance(ask, Followed):
        request_id = await requests.open(conn, identity, ask.kind, now)
        await requests.change(conn, identity, request_id, call_id=call_id)
        return ask.ask(request_id), request_id
    if not isinstance(ask, RawCall) or ask.action not in FOLLOWED:
        return ask, None
    chosen = ask.payload.get(_CALL_IDS.get(ask.action, "requestId"))
    if type(chosen) is not int or abs(chosen) >= 1 << 63:
        return ask, None  # the schema will say so
    row = requests.RequestRow(
        identity=identity,
        request_id=chosen,
        kind=FOLLOWED[ask.action],
        call_id=call_id,
        opened_at=now,
        changed_at=now,
    )
    await requests.begin(conn, row)
    return ask, chosen


async def _answered(desk: Desk, placed: Placed, answer: object) -> None:
    now = desk.clock.now()
    told = _plain(answer)
    async with desk.db.begin() as conn:
        text = _text(without_secrets(told))
        await journal.call_changed(conn, placed.call_id, "answered", at=now, answer=text)
        if placed.request_id is not None:
            await _taken_on(conn, placed, told, now)
    told_of = await _aftermath(desk, placed, answer, now)
    _ring(desk, placed, now)
    if told_of is not None:
        desk.bus.publish(told_of)


async def _aftermath(desk: Desk, placed: Placed, answer: object, now: datetime) -> Fact | None:
    """Keep what follows from an answer; what cannot be kept (a date that is none) does not undo it."""
    words = _in_words(placed.ask, answer)
    function = None if words is None else desk.after.function(type(words[0]))
    if words is None or function is None:
        return None
    try:
        async with desk.db.begin() as conn:
            return await function(conn, Answered(placed.station, words[0], words[1], now))
    except StoreUnavailable:
        raise
    except Exception as error:
        log.error(
            "aftermath not kept",
            station_id=placed.station.identity,
            action=placed.action,
            call_id=placed.call_id,
            reason=type(error).__name__,
        )
        return None


async def _taken_on(conn: Connection, placed: Placed, told: object, now: datetime) -> None:
    """Whether the station has taken the request on. One with nothing to tell has ended by that."""
    assert placed.request_id is not None
    status = str(told.get("status", "Accepted")) if isinstance(told, Mapping) else "Accepted"
    fields: dict[str, object] = {"status": status, "changed_at": now}
    if status in ("EmptyResultSet", "NoProfiles", "NotFound", "Unknown"):
        fields["state"] = requests.COMPLETE
    elif status not in _TAKEN_ON:
        fields["state"] = requests.REFUSED
    elif status == "AcceptedCanceled":  # L01.FR.24, N01.FR.12
        kind = FOLLOWED[placed.action]
        await requests.replaced_by(conn, placed.station.identity, kind, placed.request_id, now)
    elif placed.action == "CustomerInformation" and not _plain_dict(placed.ask).get("report"):
        fields["state"] = requests.COMPLETE  # N10.FR.03: cleared, and nothing is reported
    if placed.action == "GetLog" and isinstance(told, Mapping):
        fields["detail"] = told.get("filename")
    await requests.change(conn, placed.station.identity, placed.request_id, **fields)


async def _came_to_nothing(desk: Desk, placed: Placed, error: CsmsError) -> None:
    now = desk.clock.now()
    state = state_after(error, placed, now)
    code = error.code if isinstance(error, StationRefused) else type(error).__name__
    detail = (
        error.description if isinstance(error, StationRefused) else str(error.args[-1] if error.args else "")
    )
    async with desk.db.begin() as conn:
        await journal.call_changed(
            conn,
            placed.call_id,
            state,
            at=now,
            error_code=code,
            error_text=detail or None,
            attempts=placed.attempts + 1,
        )
        if placed.request_id is not None:
            # one that may have reached the station may still be served: its messages say so
            fields = {} if state in ("expired", "accepted") else {"state": requests.REFUSED}
            await requests.change(
                conn, placed.station.identity, placed.request_id, status=code, changed_at=now, **fields
            )
    _ring(desk, placed, now)


def _ring(desk: Desk, placed: Placed, now: datetime) -> None:
    if placed.request_id is not None:
        desk.bus.publish(RequestChanged(now, placed.station.identity, placed.request_id))


def _in_words(ask: object, answer: object) -> tuple[object, object] | None:
    """Request and answer in house words; None for a raw call that is not spelled like them."""
    if not isinstance(ask, RawCall):
        return ask, answer
    request, response = WORDS.get(ask.action, (None, None))
    if request is None or response is None:
        return None
    try:
        return msgspec.convert(ask.payload, request), msgspec.convert(answer, response)
    except (msgspec.ValidationError, ValueError):
        log.info("call not understood by us", action=ask.action)
        return None


def as_asked(action: str, payload: dict[str, Any]) -> object:
    """A call as it was asked for, out of the journal.

    What stands there in house words, and nothing else, is one of these: it is translated for the station
    once more. All else is a raw call.
    """
    known, _ = WORDS.get(action, (None, None))
    if known is not None:
        try:
            word = msgspec.convert(payload, known)
        except (msgspec.ValidationError, ValueError):
            return RawCall(action, payload)
        if msgspec.json.decode(msgspec.json.encode(word)) == payload:
            return word
    return RawCall(action, payload)


def _plain(value: object) -> object:
    """A house word, a dict or a raw call as JSON would have it."""
    return value.payload if isinstance(value, RawCall) else msgspec.to_builtins(value)


def _plain_dict(value: object) -> Mapping[str, object]:
    plain = _plain(value)
    return plain if isinstance(plain, Mapping) else {}


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
