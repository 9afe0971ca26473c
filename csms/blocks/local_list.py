"""Block D: local authorization lists. Ours is what the tokens say; a station's is brought to it.

version asked ──as we know it──> difference ──Accepted──> in step
       └────another────┐              └─VersionMismatch, Failed─┐
                       └──> full list <─────────────────────────┘──Accepted──> in step, else failed
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import msgspec

from csms.blocks import calls
from csms.blocks.calls import After, Answered, Desk, Order
from csms.blocks.device_model import limit
from csms.blocks.times import moment, written
from csms.domain.local_list import Entry, Update, difference, full_list
from csms.store import local_lists, tokens
from csms.store.edits import Connection
from csms.store.stations import StationRow
from csms.wire import words

after = After()

AT_MOST = 100
"""Entries in one message to a station that does not say how many it takes."""

_CONTROLLER = "LocalAuthListCtrlr"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a list was brought to ours: `sent` messages, `status` the station's last word on one."""

    version: int
    sent: int
    status: str
    full: bool


async def sync(desk: Desk, order: Order, *, full: bool = False) -> Outcome:
    """Bring a station's list to ours. Raises `StationError`.

    `full` sends the whole list whatever the station has. `order` says whom and for whom; its `ask` is not
    looked at. D01, D02; a difference that the station does
    not take is repaired by the full list (D01.FR.15 to 18).
    """
    station = order.station
    row = await local_lists.get(desk.db, station.identity)
    known = 0 if row is None else row.version
    wanted = await target(desk, station, None if row is None else row.tokens)
    answer = await calls.call(desk, replace(order, ask=words.GetLocalListVersionRequest()))
    there = cast(words.GetLocalListVersionResponse, answer).version_number
    at_most = (await limit(desk, station, "SendLocalList", _CONTROLLER)).items or AT_MOST
    newest = max(known, there, 0)
    if there == known and known > 0 and not full:
        held = await local_lists.entries(desk.db, station.identity)
        updates = difference(held, wanted, newest + 1, at_most)
        outcome = await _send(desk, order, updates, known)
        if outcome.status == "Accepted":
            return outcome
        newest = max(newest, outcome.version)
    outcome = await _send(desk, order, full_list(wanted, newest + 1, at_most), known)
    if outcome.status != "Accepted":
        async with desk.db.begin() as conn:
            await local_lists.set_state(conn, station.identity, "failed", desk.clock.now())
    return outcome


async def target(desk: Desk, station: StationRow, names: str | None) -> list[Entry]:
    """What shall stand in a station's list; `names` is a JSON list of tokens, None: all that are known."""
    chosen = None if names is None else msgspec.json.decode(names, type=list[str])
    rows = await tokens.all_of(desk.db, chosen)
    return [Entry(row.token, row.type, row.status, row.group_token, row.expiry) for row in rows]


async def _send(desk: Desk, order: Order, updates: Sequence[Update], version: int) -> Outcome:
    """Send one after the other until one is not taken. Nothing to send is taken at once."""
    outcome = Outcome(version, 0, "Accepted", full=bool(updates) and updates[0].full)
    for number, update in enumerate(updates):
        answer = await calls.call(desk, replace(order, ask=message(update)))
        status = cast(words.SendLocalListResponse, answer).status
        outcome = Outcome(update.version, number + 1, status, outcome.full)
        if status != "Accepted":
            break
    return outcome


def message(update: Update) -> words.SendLocalListRequest:
    """An update as it is sent; who is to be removed has no idTokenInfo (D01.FR.13)."""
    listed = [
        *(words.AuthorizationData(id_token=_token(entry)) for entry in update.gone),
        *(
            words.AuthorizationData(id_token=_token(entry), id_token_info=_info(entry))
            for entry in update.entries
        ),
    ]
    return words.SendLocalListRequest(
        version_number=update.version,
        update_type="Full" if update.full else "Differential",
        local_authorization_list=tuple(listed) or None,
    )


def _token(entry: Entry) -> words.IdTokenType:
    return words.IdTokenType(id_token=entry.token, type=entry.type)


def _info(entry: Entry) -> words.IdTokenInfoType:
    group = entry.group_token
    return words.IdTokenInfoType(
        status=cast(words.AuthorizationStatusEnumType, entry.status),
        cache_expiry_date_time=None if entry.expiry is None else written(entry.expiry),
        group_id_token=None if group is None else words.IdTokenType(id_token=group, type="Central"),
    )


# ---- what follows from an answer


@after.on(words.SendLocalListRequest)
async def list_sent(conn: Connection, done: Answered) -> None:
    """What the station has taken is what it has."""
    request: words.SendLocalListRequest = done.request
    answer: words.SendLocalListResponse = done.answer
    if answer.status != "Accepted":
        return
    entries: list[Entry] = []
    gone: list[Entry] = []
    for data in request.local_authorization_list or ():
        info, token = data.id_token_info, data.id_token
        expiry = info.cache_expiry_date_time if info else None
        entry = Entry(
            token.id_token.lower(),
            token.type,
            info.status if info else "",
            info.group_id_token.id_token if info and info.group_id_token else None,
            None if expiry is None else moment(expiry),
        )
        (gone if info is None else entries).append(entry)
    update = Update(request.update_type == "Full", request.version_number, tuple(entries), tuple(gone))
    await local_lists.acknowledge(conn, done.station.identity, update, done.at)


@after.on(words.GetLocalListVersionRequest)
async def version_told(conn: Connection, done: Answered) -> None:
    """D02: a station without a list has nothing of what we think it has."""
    answer: words.GetLocalListVersionResponse = done.answer
    if answer.version_number <= 0:
        update = Update(True, 0, ())
        await local_lists.acknowledge(conn, done.station.identity, update, done.at)
        await local_lists.set_state(conn, done.station.identity, "empty", done.at)
