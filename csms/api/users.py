"""Users of the API. A key is shown once; only its hash is kept."""

from fastapi import APIRouter
from pydantic import Field

from csms.api.auth import ADMINISTRATOR, Role
from csms.api.shapes import Body, Key, Page, Shape, Time
from csms.api.wiring import Wired
from csms.errors import Conflict
from csms.pki import passwords
from csms.store import users

router = APIRouter(tags=["users"])


class NewUser(Body):
    """A person or program that shall use the API."""

    name: Key
    role: Role


class UserShape(Shape):
    """A user."""

    name: str
    role: str
    created_at: Time


class UserWithKey(UserShape):
    """A user that was just added; `key` is shown this once."""

    key: str = Field(repr=False)


@router.get("/users", openapi_extra=ADMINISTRATOR)
async def list_users(wired: Wired) -> Page[UserShape]:
    """All users."""
    return Page(items=[UserShape.model_validate(row) for row in await users.listing(wired.db)])


@router.post("/users", status_code=201, openapi_extra=ADMINISTRATOR)
async def add_user(body: NewUser, wired: Wired) -> UserWithKey:
    """Add a user and make a key; 409 if the name is taken."""
    if any(row.name == body.name for row in await users.listing(wired.db)):
        raise Conflict(f"There is a user {body.name!r} already.")
    key, now = passwords.generate_key(), wired.clock.now()
    async with wired.db.begin() as conn:
        await users.add(conn, body.name, body.role.value, passwords.hash_key(key), now)
    return UserWithKey(name=body.name, role=body.role.value, created_at=now, key=key)
