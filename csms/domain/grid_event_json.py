"""Grid events as JSON.

One reader and one writer for REST and for signals. Names are camelCase, times RFC 3339.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from csms.domain.grid_event import EventRequest, GridEvent, Scope
from csms.domain.station import canonical_identity
from csms.domain.units import finite
from csms.errors import Invalid

_FIELDS = frozenset({"programId", "targetW", "start", "durationS", "scope", "minSoc", "priority", "id"})
_SCOPE_FIELDS = frozenset({"site", "stations"})
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_TEXT_MAX = 200
_STATIONS_MAX = 100_000
_DURATION_MAX = 10 * 366 * 86_400


def read_request(data: object, source: str) -> EventRequest:
    """What somebody asks for, out of parsed JSON; `source` says who asks.

    A field that is not known is refused: a mistyped `minSoc` must not become an event without a floor.
    Whether the event can be meant and met is `grid_event.check`'s business. Raises `Invalid` naming the JSON
    field.
    """
    body = _object(data, "", _FIELDS)
    duration = _number(body, "durationS")
    if duration is None:
        raise Invalid("durationS", "A grid event needs a duration in seconds.")
    if not 0 < duration <= _DURATION_MAX or duration != int(duration):
        raise Invalid("durationS", "The duration is a whole number of seconds above zero.")
    target = _number(body, "targetW")
    if target is None:
        raise Invalid("targetW", "A grid event needs a power in W; negative is into the grid.")
    return EventRequest(
        program_id=_text(body, "programId") or _missing("programId", "A grid event belongs to a program."),
        target_w=target,
        duration_s=int(duration),
        start=_time(body, "start"),
        scope=_scope(body.get("scope")),
        min_soc=_number(body, "minSoc"),
        priority=_priority(body),
        source=source,
        source_id=_text(body, "id"),
    )


def write_event(event: GridEvent) -> dict[str, object]:
    """A grid event as JSON data: the names that `read_request` reads, and what the house knows besides."""
    return {
        "id": event.id,
        "programId": event.program_id,
        "targetW": event.target_w,
        "start": write_time(event.start),
        "end": write_time(event.end),
        "durationS": event.duration_s,
        "state": event.state.value,
        "scope": {"site": event.scope.site, "stations": list(event.scope.stations)},
        "minSoc": event.min_soc,
        "priority": event.priority,
        "source": event.source,
        "sourceId": event.source_id,
        "createdAt": write_time(event.created_at),
        "cancelledAt": None if event.cancelled_at is None else write_time(event.cancelled_at),
    }


def write_time(at: datetime) -> str:
    """RFC 3339 in UTC with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def json_name(field: str) -> str:
    """The JSON name of a field of `EventRequest`: `target_w` is `targetW`, `source_id` is `id`."""
    if field == "source_id":
        return "id"
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)


def _missing(field: str, detail: str) -> str:
    raise Invalid(field, detail)


def _object(data: object, field: str, known: frozenset[str]) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        raise Invalid(field or "body", "This has to be a JSON object.")
    for name in data:
        if name not in known:
            where = f"{field}.{name}" if field else str(name)
            raise Invalid(where[:_TEXT_MAX], "This field is not known.")
    return data


def _number(body: Mapping[str, object], name: str) -> float | None:
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Invalid(name, "This has to be a number.")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not finite(number):
        raise Invalid(name, "This has to be a finite number.")
    return number


def _priority(body: Mapping[str, object]) -> int:
    value = body.get("priority")
    if value is None:
        return 100
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise Invalid("priority", "The priority is a whole number from 0 (first) to 1000000.")
    return value


def _text(body: Mapping[str, object], name: str, field: str | None = None) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _TEXT_MAX or not value.isprintable():
        raise Invalid(field or name, f"This has to be a text of 1 to {_TEXT_MAX} printable characters.")
    return value


def _time(body: Mapping[str, object], name: str) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 40 or not _TIME.fullmatch(value):
        raise Invalid(name, "Write a time as 2026-11-22T18:00:00Z.")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(name, "There is no such time.") from None


def _scope(value: object) -> Scope:
    if value is None:
        return Scope()
    body = _object(value, "scope", _SCOPE_FIELDS)
    stations = body.get("stations")
    if stations is None:
        stations = []
    if not isinstance(stations, (list, tuple)) or len(stations) > _STATIONS_MAX:
        raise Invalid("scope.stations", "This has to be a list of station identities.")
    return Scope(site=_text(body, "site", "scope.site"), stations=tuple(_identity(each) for each in stations))


def _identity(value: object) -> str:
    if not isinstance(value, str):
        raise Invalid("scope.stations", "This has to be a list of station identities.")
    try:
        return canonical_identity(value)
    except Invalid as error:
        raise Invalid("scope.stations", error.detail) from None
