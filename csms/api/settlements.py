"""Settlement statements, as JSON and for spreadsheets."""

import csv
import io
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from csms.api.grid_events import found_event
from csms.api.shapes import Shape, Time
from csms.api.wiring import Wired
from csms.domain.settlement import Line, Statement
from csms.errors import NotFound
from csms.store import settlements

router = APIRouter(tags=["grid-events"])

_COLUMNS = (
    "driverId", "station", "evseId", "transactionId", "start", "end", "metered",
    "importWh", "exportWh", "baselineWh", "deliveredWh", "payment",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class LineShape(Shape):
    """One driver at one EVSE in one interval; energies in Wh, null where no meter covers the interval."""

    driver_id: str | None
    station: Annotated[str, Field(validation_alias="station_id")]
    evse_id: int
    transaction_id: str
    start: Time
    end: Time
    metered: bool
    import_wh: float | None
    export_wh: float | None
    baseline_wh: float | None
    delivered_wh: float | None
    payment: float


class StatementShape(Shape):
    """The settlement of one event. `performance` is delivered / target."""

    event_id: str
    program_id: str
    currency: str
    price_per_kwh: float
    target_wh: float
    delivered_wh: float
    exported_wh: float
    imported_wh: float
    performance: float
    payment: float
    unmetered_intervals: int
    lines: list[LineShape]


@router.get("/grid-events/{event_id}/settlement", response_model=StatementShape)
async def show_settlement(
    event_id: str, wired: Wired, form: Annotated[str, Query(alias="format", pattern="^(json|csv)$")] = "json"
) -> Response | StatementShape:
    """The statement of an event, once it is settled; `?format=csv` for spreadsheets."""
    await found_event(wired, event_id)
    statement = await settlements.get(wired.db, event_id)
    if statement is None:
        raise NotFound("settlement of grid event", event_id)
    if form == "csv":
        head = {"Content-Disposition": f'attachment; filename="settlement-{_safe(event_id)}.csv"'}
        return Response(as_csv(statement), media_type="text/csv; charset=utf-8", headers=head)
    return StatementShape.model_validate(statement)


def as_csv(statement: Statement) -> str:
    """The lines of a statement as CSV; what a spreadsheet would take for a formula is quoted (CWE-1236)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for line in statement.lines:
        writer.writerow([_cell(value) for value in _values(line)])
    return out.getvalue()


def _values(line: Line) -> list[object]:
    shape = LineShape.model_validate(line).model_dump(by_alias=True, mode="json")
    return [shape[column] for column in _COLUMNS]


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _safe(event_id: str) -> str:
    return "".join(char for char in event_id if char.isalnum() or char in "-_")
