"""What all JSON of the API shares: camelCase, no unknown field, finite numbers, RFC 3339 in UTC, pages."""

import base64
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from csms.errors import Invalid

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")
T = TypeVar("T")
R = TypeVar("R")


class Body(BaseModel):
    """What comes in. A field that is not known is refused and named."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, allow_inf_nan=False)


class Shape(BaseModel):
    """What goes out; made from a row or dataclass by `Shape.model_validate(row)`."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        from_attributes=True,
        frozen=True,
    )


class Page(Shape, Generic[T]):
    """One page of a list; `next` is the cursor of the next one, null on the last."""

    items: list[T]
    next: str | None = None


def _only_text(value: object) -> object:
    # pydantic would take numbers as seconds since 1970
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise ValueError("must be a time like 2026-01-31T12:00:00Z")


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


Time = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(_utc)]
Number = Annotated[float, Strict()]
Magnitude = Annotated[float, Strict(), Field(ge=0, le=1e10)]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Wide = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A number as stations give them to requests; no more fits into the store."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]

_KEY = r"^[A-Za-z0-9*_=:+|@.-]+$"
_CURRENCY = "^[A-Z]{3}$"
_URL = r"^[a-zA-Z][a-zA-Z0-9+.-]*://\S+$"
_MD5 = "^[0-9a-fA-F]{32}$"
FORMS = {
    _KEY: "May have letters, digits and * _ = : + | @ . - only",
    _CURRENCY: "Must be three capital letters of ISO 4217, such as EUR",
    _URL: "Must be an address such as https://host/file",
    _MD5: "Must be an MD5 checksum of 32 hexadecimal digits",
}
"""What is said of a text that has not this form: not everybody reads patterns."""

Key = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_KEY)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_KEY)]
Currency = Annotated[str, StringConstraints(pattern=_CURRENCY)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=_URL)]
Md5 = Annotated[str, StringConstraints(pattern=_MD5)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Most items on one page.")]
After = Annotated[str | None, Query(max_length=400, description="The cursor `next` of the page before.")]


def cursor(key: str) -> str:
    """A key as an opaque cursor."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def key_of(after: str | None) -> str | None:
    """The key in a cursor that was handed out; `Invalid` for anything else."""
    if after is None:
        return None
    try:
        return base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Invalid("after", "This is not a cursor of this list.") from None


def page(rows: Sequence[R], limit: int, key: Callable[[R], str], shape: Callable[[R], T]) -> Page[T]:
    """A page out of up to `limit + 1` rows: one more than asked for tells that there is a next page."""
    shown = rows[:limit]
    return Page(
        items=[shape(row) for row in shown], next=cursor(key(shown[-1])) if len(rows) > limit else None
    )
