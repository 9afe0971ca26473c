"""Programs and their terms."""

import dataclasses
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from csms.api.auth import ADMINISTRATOR
from csms.api.shapes import After, Body, Currency, Key, Limit, Number, Page, Shape, Text, Whole, key_of, page
from csms.api.wiring import Wired
from csms.domain.program import BaselineMethod, Program, Terms
from csms.errors import Conflict, NotFound
from csms.store import programs

router = APIRouter(tags=["programs"])

_D = Terms()
Seconds = Annotated[Whole, Field(ge=0, le=366 * 86400)]
Positive = Annotated[Number, Field(gt=0)]


class TermsBody(Body):
    """Terms of a program; `docs` of each are in `domain/program.py`. A lease lasts at most 900 s (V-02)."""

    baseline: BaselineMethod = _D.baseline
    price_per_kwh: Annotated[Number, Field(ge=0, le=1e6)] = _D.price_per_kwh
    currency: Currency = _D.currency
    max_power_w: Positive | None = _D.max_power_w
    max_duration_s: Annotated[Whole, Field(ge=1, le=7 * 86400)] = _D.max_duration_s
    notice_s: Seconds = _D.notice_s
    lease_s: Annotated[Whole, Field(ge=30, le=840)] = _D.lease_s
    max_meter_age_s: Positive = _D.max_meter_age_s
    max_soc_age_s: Annotated[Number, Field(gt=0, le=300)] = _D.max_soc_age_s
    soc_margin: Annotated[Number, Field(ge=0, le=100)] = _D.soc_margin
    fallback_w: Annotated[Number, Field(ge=0, le=1e6)] = _D.fallback_w
    return_s: Annotated[Number, Field(ge=0, le=1800)] = _D.return_s
    interval_s: Annotated[Whole, Field(ge=1, le=86400)] = _D.interval_s
    grace_s: Annotated[Number, Field(ge=0, le=7 * 86400)] = _D.grace_s


class ProgramBody(Body):
    """A program's name and terms."""

    name: Text | None = None
    terms: TermsBody = TermsBody()


class NewProgram(ProgramBody):
    """A program to set up."""

    program_id: Key


class TermsShape(Shape):
    """Terms as they are in force."""

    baseline: str
    price_per_kwh: float
    currency: str
    max_power_w: float | None
    max_duration_s: int
    notice_s: int
    lease_s: int
    max_meter_age_s: float
    max_soc_age_s: float
    soc_margin: float
    fallback_w: float
    return_s: float
    interval_s: int
    grace_s: float


class ProgramShape(Shape):
    """A program."""

    program_id: Annotated[str, Field(validation_alias="id")]
    name: str
    terms: TermsShape


@router.get("/programs")
async def list_programs(wired: Wired, after: After = None, limit: Limit = 100) -> Page[ProgramShape]:
    """All programs, by id."""
    start = key_of(after) or ""
    found = sorted(
        (one for one in await programs.listing(wired.db) if one.id > start), key=lambda one: one.id
    )
    return page(found[: limit + 1], limit, lambda one: one.id, ProgramShape.model_validate)


@router.get("/programs/{program_id}")
async def show_program(program_id: str, wired: Wired) -> ProgramShape:
    """One program."""
    found = await programs.get(wired.db, program_id)
    if found is None:
        raise NotFound("program", program_id)
    return ProgramShape.model_validate(found)


@router.post("/programs", status_code=201, openapi_extra=ADMINISTRATOR)
async def add_program(body: NewProgram, wired: Wired) -> ProgramShape:
    """Set a program up; 409 if there is one with this id."""
    if await programs.get(wired.db, body.program_id) is not None:
        raise Conflict(f"There is a program {body.program_id!r} already.")
    return await _put(wired, body.program_id, body)


@router.put("/programs/{program_id}", openapi_extra=ADMINISTRATOR)
async def change_program(program_id: str, body: ProgramBody, wired: Wired) -> ProgramShape:
    """Replace a program's name and terms; events that are settled stay as they are."""
    await show_program(program_id, wired)
    return await _put(wired, program_id, body)


async def _put(wired: Wired, program_id: str, body: ProgramBody) -> ProgramShape:
    named = {field.name: getattr(body.terms, field.name) for field in dataclasses.fields(Terms)}
    program = Program(program_id, body.name or program_id, Terms(**named))
    async with wired.db.begin() as conn:
        await programs.put(conn, program)
    return ProgramShape.model_validate(program)
