"""Block F: start a transaction from here. Its transaction comes by events with the remote start id.

A station that does not tell that id (OCPP 1.6) is known by the token: what it shows soon after we have asked
is the one that we have sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from csms.blocks.calls import Followed
from csms.domain.transaction import UNTYPED, IdToken
from csms.store import journal, requests
from csms.store.database import Database
from csms.wire import words

KIND = "remote start"
_MEANT_FOR = timedelta(minutes=15)  # longer than any ConnectionTimeOut, within which the cable must be in


@dataclass(frozen=True, slots=True)
class Meant:
    """Our own request that a token without a type comes from."""

    request_id: int
    token: IdToken


async def meant(db: Database, identity: str, token: IdToken, now: datetime) -> Meant | None:
    """The newest remote start with this token that this station has not begun yet."""
    if token.type != UNTYPED:
        return None
    for row in await requests.open_of(db, identity, KIND, now - _MEANT_FOR):
        call = None if row.call_id is None else await journal.call(db, row.call_id)
        sent = None if call is None else _sent(call.payload)
        if sent is not None and sent.token.lower() == token.token.lower():
            return Meant(row.request_id, sent)
    return None


def _sent(payload: str) -> IdToken | None:
    try:
        request = msgspec.json.decode(payload, type=words.RequestStartTransactionRequest)
    except (msgspec.MsgspecError, ValueError):  # a person's call, in a station's own words
        return None
    return IdToken(request.id_token.id_token, request.id_token.type)


def start(
    token: IdToken,
    evse_id: int | None = None,
    group: IdToken | None = None,
    profile: words.ChargingProfileType | None = None,
) -> Followed:
    """F01, F02: ask for a transaction; the request ends when a transaction tells its remote start id.

    A profile must be a TxProfile that names no transaction (F01.FR.08, F01.FR.11).
    """
    return Followed(
        KIND,
        lambda number: words.RequestStartTransactionRequest(
            evse_id=evse_id,
            id_token=token_of(token),
            remote_start_id=number,
            group_id_token=None if group is None else token_of(group),
            charging_profile=profile,
        ),
    )


def token_of(token: IdToken) -> words.IdTokenType:
    """A token as messages write it."""
    return words.IdTokenType(id_token=token.token, type=token.type)
