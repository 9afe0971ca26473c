"""idTags of OCPP 1.6 and tokens of the house. A 1.6 station does not say what kind of token it was shown."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from msgspec import UNSET

from csms.domain.transaction import UNTYPED, IdToken, IdTokenInfo
from csms.errors import NotSupportedByDialect
from csms.wire import words
from csms.wire.v16 import messages as m

TAG_MAX = 20

_STATUSES: dict[str, m.AuthorizeResponseStatus] = {
    "Accepted": "Accepted",
    "Blocked": "Blocked",
    "ConcurrentTx": "ConcurrentTx",
    "Expired": "Expired",
    "NoCredit": "Blocked",
}
"""All others mean for the station that this token may not charge here: Invalid."""

Time = TypeVar("Time", str, datetime)


def token(tag: str) -> IdToken:
    """An idTag as the station was shown it."""
    return IdToken(tag, UNTYPED)


def tag(id_token: words.IdTokenType) -> str:
    """A token as idTag. Raises `NotSupportedByDialect` for one that is too long."""
    if len(id_token.id_token) > TAG_MAX:
        raise NotSupportedByDialect("", f"an idTag has at most {TAG_MAX} characters")
    return id_token.id_token


def status(text: str) -> m.AuthorizeResponseStatus:
    """What a token is worth, in the words of 1.6."""
    return _STATUSES.get(text, "Invalid")


def tag_info(info: IdTokenInfo) -> m.IdTagInfo:
    """What a token is worth. A group whose name is too long for 1.6 is left out."""
    group = info.group_id_token
    return m.IdTagInfo(
        status=status(info.status),
        expiry_date=UNSET if info.expiry is None else info.expiry,
        parent_id_tag=UNSET if group is None or len(group.token) > TAG_MAX else group.token,
    )


def tag_info_of_word(info: words.IdTokenInfoType, time: Callable[[str], datetime]) -> m.IdTagInfo:
    """The same of a word; `time` reads its times."""
    group, expiry = info.group_id_token, info.cache_expiry_date_time
    known = None if group is None else IdToken(group.id_token, group.type)
    return tag_info(IdTokenInfo(info.status, known, None if expiry is None else time(expiry)))
