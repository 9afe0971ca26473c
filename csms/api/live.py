"""Facts as server-sent events, as they come. A reader that does not keep up is dropped, not waited for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from csms.api.wiring import Wiring
from csms.domain import facts
from csms.domain.facts import Fact
from csms.errors import Invalid

router = APIRouter(tags=["live"])

HEARTBEAT_S = 15.0
SEND_S = 10.0
_LOOK_UP_S = 1.0  # how long a quiet stream may hold up the server's end

KINDS: Mapping[str, type[Fact]] = {
    name: kind
    for name, kind in vars(facts).items()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
}


class LiveResponse(StreamingResponse):
    """A stream that gives a reader `SEND_S` seconds for each piece and then hangs up."""

    media_type = "text/event-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the reader goes, is too slow, or the server closes."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        with suppress(TimeoutError):
            await super().__call__(scope, receive, in_time)


@router.get("/live", response_class=LiveResponse)
async def live(
    request: Request,
    kind: Annotated[
        list[str] | None, Query(description="Only these facts, for example DispatchMade.")
    ] = None,
) -> LiveResponse:
    """Everything that happens, one event a fact: its name, and its fields as JSON."""
    wired: Wiring = request.app.state.wiring
    unknown = [name for name in kind or [] if name not in KINDS]
    if unknown:
        raise Invalid("kind", f"There is no fact {unknown[0]!r}.")
    wanted = tuple(KINDS[name] for name in kind or KINDS)
    return LiveResponse(_stream(wired, wanted), headers={"X-Accel-Buffering": "no"})


def as_event(fact: Fact) -> bytes:
    """One fact in the wire format of server-sent events."""
    fields = {_camel(field): getattr(fact, field) for field in fact.__struct_fields__}
    data = orjson.dumps(fields, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC, default=str)
    return b"event: " + type(fact).__name__.encode() + b"\ndata: " + data + b"\n\n"


async def _stream(wired: Wiring, kinds: tuple[type[Fact], ...]) -> AsyncIterator[bytes]:
    yield b": hello\n\n"
    async with wired.bus.subscribe(*kinds) as heard:
        quiet_s = 0.0
        while not wired.closing.is_set():
            try:
                async with asyncio.timeout(_LOOK_UP_S):
                    fact = await anext(heard)
            except TimeoutError:
                quiet_s += _LOOK_UP_S
                if quiet_s >= HEARTBEAT_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
                continue
            yield as_event(fact)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
