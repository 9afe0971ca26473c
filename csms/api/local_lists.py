"""Local authorization lists: what a station shall have, what it has, and bringing the one to the other."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field

from csms.api.asking import CALLS, Ask
from csms.api.auth import OPERATOR
from csms.api.shapes import Body, Flag, Page, Shape, Time, Token
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.blocks import local_list
from csms.errors import Invalid
from csms.store import local_lists, tokens

router = APIRouter(tags=["local lists"])


class WantedList(Body):
    """The tokens that shall stand in the list; null: all that are registered."""

    id_tokens: Annotated[tuple[Token, ...], Field(max_length=100_000)] | None = None


class LocalList(Shape):
    """How it stands with a list; `version` is what the station has acknowledged. Empty, in step or failed.

    `idTokens` null: all that are registered shall stand in it.
    """

    version: int = 0
    state: str = "empty"
    entries: int = 0
    id_tokens: tuple[str, ...] | None = None
    changed_at: Time | None = None


class Entry(Shape):
    """One entry that the station has acknowledged."""

    token: str
    type: str
    status: str
    group_token: str | None
    expiry: Time | None


class Synced(Shape):
    """How the list was brought to ours: in `sent` messages; `status` is the station's last word."""

    version: int
    sent: int
    status: str
    full: Flag


@router.get("/stations/{identity}/local-list")
async def show_list(identity: str, wired: Wired) -> LocalList:
    """How it stands with a station's list."""
    station = await registered(wired, identity)
    row = await local_lists.get(wired.db, station.identity)
    if row is None:
        return LocalList()
    held = await local_lists.entries(wired.db, station.identity)
    chosen = None if row.tokens is None else msgspec.json.decode(row.tokens, type=tuple[str, ...])
    return LocalList(
        version=row.version,
        state=row.state,
        entries=len(held),
        id_tokens=chosen,
        changed_at=row.changed_at,
    )


@router.get("/stations/{identity}/local-list/entries", openapi_extra=OPERATOR)
async def list_entries(identity: str, wired: Wired) -> Page[Entry]:
    """What the station has, as far as it has acknowledged."""
    station = await registered(wired, identity)
    held = await local_lists.entries(wired.db, station.identity)
    return Page(items=[Entry.model_validate(one) for one in held])


@router.put("/stations/{identity}/local-list", openapi_extra=OPERATOR)
async def want_list(identity: str, body: WantedList, wired: Wired) -> LocalList:
    """Say what shall stand in a station's list. Nothing is sent yet."""
    station = await registered(wired, identity)
    chosen = None
    if body.id_tokens is not None:
        names = sorted({name.lower() for name in body.id_tokens})
        known = {row.token for row in await tokens.all_of(wired.db, names)}
        missing = [name for name in names if name not in known]
        if missing:
            raise Invalid("idTokens", f"There is no id token {missing[0]!r}.")
        chosen = msgspec.json.encode(names).decode()
    async with wired.db.begin() as conn:
        await local_lists.want(conn, station.identity, chosen, wired.clock.now())
    return await show_list(identity, wired)


@router.post("/stations/{identity}/local-list/sync", openapi_extra=CALLS)
async def sync_list(
    identity: str,
    ask: Ask,
    full: Annotated[bool, Query(description="Send the whole list whatever the station has.")] = False,
) -> Synced:
    """D01, D02: bring the station's list to ours, by a difference if it has what we think, else in full."""
    outcome = await local_list.sync(ask.desk, await ask.order(identity), full=full)
    return Synced.model_validate(outcome)
