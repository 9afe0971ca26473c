"""EVSEs and connectors as they stand in house words: a station chooses the numbers, perhaps wrongly."""

from csms.domain.station import is_place
from csms.errors import OcppError
from csms.wire import words


def sound(evse_id: int | None) -> int:
    """The EVSE's number, 0 for the whole station. Raises `OcppError` for one that cannot be."""
    if not is_place(evse_id or 0):
        raise OcppError("PropertyConstraintViolation", "No EVSE has this number.")
    return evse_id or 0


def can_be(evse: words.EVSEType | None) -> bool:
    """Whether there can be such an EVSE and connector; what is told of others is worth nothing."""
    return evse is None or (is_place(evse.id) and is_place(evse.connector_id or 0))
