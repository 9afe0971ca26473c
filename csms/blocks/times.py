"""Times as they stand in house words: RFC 3339 text to a moment and back."""

from datetime import UTC, datetime

import msgspec

from csms.errors import OcppError


def moment(text: str) -> datetime:
    """The moment in UTC. Raises `OcppError` for a time that UTC does not have (year 0 or 10000)."""
    try:
        return msgspec.convert(text, datetime).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        raise OcppError("PropertyConstraintViolation", "A time is out of range.") from None


def written(at: datetime) -> str:
    """A moment as text in UTC with milliseconds."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
