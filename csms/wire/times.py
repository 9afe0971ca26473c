"""Times as stations write them and as we write them."""

from datetime import UTC, datetime

from msgspec import UNSET, UnsetType

from csms.errors import Invalid, OcppError


def instant(at: datetime) -> datetime:
    """A station's time in UTC. Raises `OcppError` for one that UTC does not have (year 0 or 10000)."""
    if at.tzinfo is UTC:
        return at
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise OcppError("PropertyConstraintViolation", "timestamp is out of range.") from None


def text(at: datetime) -> str:
    """A time as RFC 3339 text in UTC with milliseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def moment(written: str) -> datetime:
    """A time that somebody has written for us to send. Raises `Invalid`."""
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise Invalid("payload", f"{written!r} is no time.") from None
    if at.tzinfo is None:
        raise Invalid("payload", f"{written!r} has no zone.")
    return at.astimezone(UTC)


def moment_or_unset(written: str | None) -> datetime | UnsetType:
    """The same for a time that may be missing."""
    return UNSET if written is None else moment(written)
