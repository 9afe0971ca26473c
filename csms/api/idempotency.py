"""`Idempotency-Key`: the same key and body get the same answer, and move power once.

The answer is kept in the store. Two requests with one key at the same time take turns here; on another
node the unique key of the row decides.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from weakref import WeakValueDictionary

from fastapi import Header, Request, Response

from csms.api import problems
from csms.api.wiring import Wiring
from csms.clock import Clock
from csms.errors import Invalid, StoreUnavailable
from csms.store import users
from csms.store.writer import Writer

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
KEPT_FOR = timedelta(days=7)
"""How long an answer is remembered; whoever repeats a request later repeats what it does."""

_FORGET_EVERY_S = 3600.0
_turns: WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: status, JSON text; `keep` tells whether a repeat shall get it again."""

    status: int
    body: str
    keep: bool = True

    def response(self) -> Response:
        """As HTTP answer."""
        media = problems.MEDIA_TYPE if self.status >= 400 else "application/json"
        return Response(self.body, self.status, media_type=media)


async def once(
    request: Request, wired: Wiring, key: str | None, act: Callable[[], Awaitable[Answer]]
) -> Response:
    """Do `act`, or give the answer that this user's key has got before.

    Raises `Invalid` if the key was used for another request. What `act` raises is not kept: nothing was done.
    """
    if key is None:
        return (await act()).response()
    user: str = request.state.user.name
    digest = await _digest(request)
    # the lock lives as long as somebody holds it or waits for it
    lock = _turns.setdefault((id(wired.db), user, key), asyncio.Lock())
    async with lock:
        row = await users.remembered(wired.db, user, key)
        if row is None:
            answer = await act()
            if answer.keep:
                kept = users.IdempotencyRow(
                    user=user,
                    key=key,
                    digest=digest,
                    status=answer.status,
                    body=answer.body,
                    at=wired.clock.now(),
                )
                async with wired.db.begin() as conn:
                    await users.remember(conn, kept)
            return answer.response()
    if row.digest != digest:
        raise Invalid("Idempotency-Key", "This key was used for another request.")
    again = Answer(row.status, row.body).response()
    again.headers["Idempotency-Replayed"] = "true"
    return again


async def forget_old_answers(writer: Writer, clock: Clock) -> None:
    """Once an hour, until cancelled: what is older than `KEPT_FOR` makes room."""
    while True:
        with suppress(StoreUnavailable):  # it can wait an hour
            await writer.commit([users.answers_forgotten(clock.now() - KEPT_FOR)])
        await clock.sleep(_FORGET_EVERY_S)


async def _digest(request: Request) -> str:
    head = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    return hashlib.sha256(head + await request.body()).hexdigest()
