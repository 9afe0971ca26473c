"""One connection of any OCPP version: it asks one thing at a time and answers in order.

Built on the `ocpp` library's ChargePoint, which answers in its receive loop, so that a handler
that asks the server would wait for itself. Here calls are answered by a task of their own.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import ocpp.messages
from ocpp.charge_point import ChargePoint
from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.messages import CallError
from websockets.exceptions import ConnectionClosed

from chargepoint_sim.station.cabinet import Cabinet
from chargepoint_sim.station.words import NoAnswer, Offline, Refused, Socket

_MESSAGE_TIMEOUT_S = 30

# By default the library validates in threads, which costs more than the validation.
ocpp.messages.ASYNC_VALIDATION = False
# It logs whole messages, passwords included.
_silent = logging.getLogger("chargepoint_sim.ocpp")
_silent.setLevel(logging.CRITICAL + 1)

Ask = Callable[[object], Awaitable[Any]]
Later = Callable[[Callable[[], Awaitable[None]]], None]
_T = TypeVar("_T")


class Exchange(ChargePoint):  # type: ignore[misc]
    """What the dialects share. `validate_every`: own calls are checked against the schema every so often.

    A subclass names its version as the library does (`_ocpp_version`, `_call_result`) and sets `route_map`.
    """

    def __init__(self, cabinet: Cabinet, socket: Socket, validate_every: int = 1) -> None:
        super().__init__(cabinet.identity, socket, response_timeout=_MESSAGE_TIMEOUT_S, logger=_silent)
        self._cabinet = cabinet
        self._validate_every = validate_every
        self._asked = 0
        self._turn = asyncio.Lock()
        self._pending: str | None = None
        self._closed = False
        self._calls: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: asyncio.TaskGroup | None = None

    async def serve(self) -> None:
        """Answer the server until the connection breaks."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                answering = tasks.create_task(self._answer_calls())
                try:
                    await self._read()
                finally:
                    self._hang_up()
                    answering.cancel()
        except* ConnectionClosed:
            pass

    async def _read(self) -> None:
        while True:
            try:
                message = await self._connection.recv()
            except ConnectionClosed:
                return
            if message.lstrip()[:2] in ("[2", "[ "):
                self._calls.put_nowait(message)
            else:
                await self.route_message(message)

    async def _answer_calls(self) -> None:
        while True:
            await self.route_message(await self._calls.get())

    async def _get_specific_response(self, unique_id: str, timeout: float) -> Any:
        """As the library's, but without `wait_for`, which before Python 3.12 may swallow a cancellation."""
        async with asyncio.timeout(timeout):
            while True:
                response = await self._response_queue.get()
                if response.unique_id == unique_id:
                    return response

    def _hang_up(self) -> None:
        """Whoever waits for an answer hears that there will be none."""
        self._closed = True
        if self._pending is not None:
            self._response_queue.put_nowait(CallError(self._pending, "GenericError", "connection lost", {}))

    def _later(self, what: Callable[[], Awaitable[None]]) -> None:
        """Do something after the answer is out."""

        async def guarded() -> None:
            try:
                await what()
            except (Offline, NoAnswer, Refused) as failure:
                self._cabinet.equipment.observe("follow_up_failed", {"failure": repr(failure)})

        if self._tasks is not None:
            self._tasks.create_task(guarded())

    async def _ask(self, request: object) -> Any:
        """Call the server; one at a time."""
        async with self._turn:
            if self._closed:
                raise Offline
            self._pending = str(uuid.uuid4())
            self._asked += 1
            unchecked = self._asked % self._validate_every != 0
            try:
                return await self.call(
                    request, suppress=False, unique_id=self._pending, skip_schema_validation=unchecked
                )
            except ConnectionClosed:
                raise Offline from None
            except TimeoutError:
                raise NoAnswer(type(request).__name__) from None
            except (OCPPError, UnknownCallErrorCodeError, TypeError) as failure:
                if self._closed:
                    raise Offline from None
                raise Refused(str(getattr(failure, "code", failure))) from failure
            finally:
                self._pending = None

    async def _hear(self, request: object, read: Callable[[Any], _T]) -> _T:
        """Call the server and read its answer; one that makes no sense counts as an error."""
        answer = await self._ask(request)
        try:
            return read(answer)
        except (ValueError, KeyError, TypeError, AttributeError) as failure:
            raise Refused(f"an answer that makes no sense: {failure!r}") from failure
