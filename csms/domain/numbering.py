"""Ids and numbers for the transactions of stations that give none (OCPP 1.6); repeats are known as such.

A start is known by station, connector, time, token and meter; the id comes from these, so that whoever asks
again, even after a crash of ours, is given the same one. Events are numbered as they come: 0 is the start,
and one that was kept before, told by its content, has its number already.
"""

import hashlib
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from csms.domain.transaction import EventType, IdTokenInfo, Transaction, TransactionEvent

_ID_BITS = 31  # OCPP 1.6 ids are integers of 32 bits; none is negative or 0, which stations use for 'none'
STARTED_NO = 0


class UnnumberedEvent(Struct, frozen=True, gc=False):
    """A transaction event whose number, and of a Started event whose id, is ours to give.

    `event.digest` is of what the event means, not of how it is spelled.
    """

    event: TransactionEvent


class Begun(Struct, frozen=True, gc=False):
    """Answer to an unnumbered Started event: the transaction's id, and what its token is worth."""

    transaction_id: str
    id_token_info: IdTokenInfo


def start_digest(station_id: str, event: TransactionEvent) -> bytes:
    """What a start is known by: the same for each repeat, another for any other start of any station."""
    return hashlib.sha256(msgspec.json.encode((station_id, event.digest))).digest()


def candidates(start: bytes) -> Iterator[int]:
    """The ids that a start may have, its own first and then others for when that is taken."""
    for attempt in range(1 << 16):
        told = start if attempt == 0 else hashlib.sha256(start + attempt.to_bytes(2, "big")).digest()
        number = int.from_bytes(told[:4], "big") >> (32 - _ID_BITS)
        if number:
            yield number


def next_number(transaction: Transaction | None) -> int:
    """The number of the next event; 0 is kept for the start."""
    if transaction is None or not transaction.seen:
        return STARTED_NO + 1
    return max(transaction.seen[-1][1], STARTED_NO) + 1


def surely_new(transaction: Transaction, event: TransactionEvent) -> bool:
    """Whether no event folded so far can be this one, because it is later than all of them."""
    later = transaction.updated_at is None or event.at > transaction.updated_at
    return later and event.type is EventType.UPDATED
