"""API keys, roles, what each may do. Default deny: without a key there is only OpenAPI."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api import problems
from csms.api.wiring import Wiring
from csms.errors import CsmsError, Forbidden, Unauthenticated
from csms.pki import passwords
from csms.store import users
from csms.store.database import Database

PREFIX = "/api/v1"
OPENAPI = f"{PREFIX}/openapi.json"


class Role(StrEnum):
    """What a user may do; each may also do all that stands before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


_RANK = {role: rank for rank, role in enumerate(Role)}
_MARK = "x-role"

VIEWER: dict[str, Any] = {_MARK: Role.VIEWER.value}
OPERATOR: dict[str, Any] = {_MARK: Role.OPERATOR.value}
ADMINISTRATOR: dict[str, Any] = {_MARK: Role.ADMINISTRATOR.value}


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this user may do what `role` may."""
        return _RANK[self.role] >= _RANK[role]


class Authentication:
    """Stands before all routes, so that not even an unknown path answers a stranger."""

    def __init__(self, app: ASGIApp, wiring: Wiring) -> None:
        self._app = app
        self._db = wiring.db

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with its user, or answer 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if (path == PREFIX or path.startswith(f"{PREFIX}/")) and path != OPENAPI:
            try:
                scope.setdefault("state", {})["user"] = await who(self._db, Headers(scope=scope))
            except CsmsError as error:
                await problems.response(problems.of_error(error))(scope, receive, send)
                return
        await self._app(scope, receive, _closed(send))


async def who(db: Database, headers: Headers) -> User:
    """The user whose key a request carries; `Unauthenticated` if it carries none that is known."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("Send the header 'Authorization: Bearer KEY'.")
    row = await users.by_key_hash(db, passwords.hash_key(key.strip()))
    if row is None:
        raise Unauthenticated("This key is not known.")
    return User(row.name, Role(row.role))


def authorise(request: Request) -> User:
    """Check the role that the route asks for; if it names none, viewers read and administrators change."""
    user: User = request.state.user
    marked = (getattr(request.scope["route"], "openapi_extra", None) or {}).get(_MARK)
    needed = (
        Role(marked) if marked else Role.VIEWER if request.method in ("GET", "HEAD") else Role.ADMINISTRATOR
    )
    if not user.may(needed):
        raise Forbidden(f"This needs the role {needed.value}; {user.name} is {user.role.value}.")
    return user


CurrentUser = Annotated[User, Depends(authorise)]


def _closed(send: Send) -> Send:
    """Answers are for one reader: not kept in caches, not guessed at by browsers."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", "no-store")
            headers.setdefault("X-Content-Type-Options", "nosniff")
        await send(message)

    return wrapped
