"""How much a request may bring: counted as it comes, whatever its header says."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_MAX = 1024 * 1024


class BodyLimit:
    """Answers 413 to whoever sends more than `BODY_MAX` bytes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through and count its body."""
        came = 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > BODY_MAX:
                raise HTTPException(413, f"A body has at most {BODY_MAX} bytes.")
            return message

        await self._app(scope, counted, send)
