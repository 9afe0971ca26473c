"""Block F: start a transaction from here. Its transaction comes by events with the remote start id."""

from csms.blocks.calls import Followed
from csms.domain.transaction import IdToken
from csms.wire import words


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
        "remote start",
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
