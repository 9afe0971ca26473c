"""Every error -> one problem document (RFC 9457). The only such table."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from csms import errors
from csms.api.shapes import FORMS

log = structlog.get_logger()

# Most exact class first: the first that fits is taken.
TABLE: tuple[tuple[type[errors.CsmsError], int, str], ...] = (
    (errors.Unauthenticated, 401, "unauthenticated"),
    (errors.Forbidden, 403, "forbidden"),
    (errors.Unsafe, 403, "unsafe"),
    (errors.NotFound, 404, "not-found"),
    (errors.Conflict, 409, "conflict"),
    (errors.Invalid, 422, "invalid"),
    (errors.Refused, 422, "refused"),
    (errors.StationOffline, 409, "station-offline"),
    (errors.AskSuperseded, 409, "superseded"),
    (errors.StationTimeout, 504, "station-timeout"),
    (errors.StationRefused, 502, "station-refused"),
    (errors.BadAnswer, 502, "bad-answer"),
    (errors.NotSupportedByDialect, 422, "not-supported-by-station"),
    (errors.StationError, 502, "station-error"),
    (errors.OcppError, 422, "invalid"),
    (errors.StoreUnavailable, 503, "store-unavailable"),
    (errors.ChangeRefused, 422, "refused"),
    (errors.CsmsError, 500, "internal"),
)
_SAID = {
    errors.StationOffline: "The station is not connected.",
    errors.StationTimeout: "The station did not answer in time.",
    errors.BadAnswer: "The station's answer breaks the schema of its version.",
    errors.AskSuperseded: "A newer order for the same EVSE replaced this one before it was sent.",
    errors.StoreUnavailable: "The store cannot commit at the moment. Nothing was changed.",
}
MEDIA_TYPE = "application/problem+json"


def document(status: int, kind: str, detail: str | None, **more: object) -> dict[str, object]:
    """A problem document; fields of `more` that are None are left out."""
    body: dict[str, object] = {
        "type": "about:blank" if kind == "http" else f"urn:v2g-csms:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
    }
    return body | {name: value for name, value in (("detail", detail), *more.items()) if value is not None}


def of_error(error: errors.CsmsError) -> dict[str, object]:
    """The problem document for an error of the house."""
    status, kind = next((status, kind) for known, status, kind in TABLE if isinstance(error, known))
    more: dict[str, object] = {}
    detail = _SAID.get(type(error), "")
    match error:
        case errors.Invalid():
            more["errors"] = [{"field": _camel(error.field), "detail": error.detail}]
            detail = error.detail
        case errors.Refused():
            detail = error.detail
        case errors.Unsafe():
            more["rule"] = error.rule
            detail = error.detail
        case errors.StationRefused() | errors.OcppError():
            more["code"] = error.code
            detail = error.description or f"The station answered {error.code}."
        case errors.NotSupportedByDialect():
            detail = error.reason or "The station's OCPP version has no word for this."
    return document(status, kind, detail or None, **more)


def of_validation(found: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The problem document for a request that is not as it should be; what was sent is not repeated in it."""
    if any(one["type"] == "json_invalid" for one in found):
        return document(400, "not-json", "The body is not valid JSON.")
    fields = [{"field": _field(one["loc"]), "detail": _plain(one)} for one in _innermost(found)]
    return document(422, "invalid", f"{fields[0]['field']}: {fields[0]['detail']}", errors=fields)


def response(body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem document as HTTP answer."""
    status = body["status"]
    assert isinstance(status, int)
    own = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "5"} if status == 503 else {}
    return JSONResponse(body, status, {**own, **(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make the application answer every error with a problem document."""
    app.add_exception_handler(errors.CsmsError, _csms_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _csms_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.CsmsError)
    body = of_error(error)
    if body["status"] == 500:
        log.error("request failed", path=request.url.path, error=repr(error))
    return response(body)


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return response(of_validation(error.errors()))


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return response(document(error.status_code, "http", _http_detail(error)), error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", path=request.url.path, exc_info=error)
    return response(document(500, "internal", "Something went wrong here; it is in the server's log."))


def _http_detail(error: HTTPException) -> str | None:
    same = error.detail == HTTPStatus(error.status_code).phrase
    return None if same else str(error.detail)


def _field(loc: object) -> str:
    assert isinstance(loc, tuple | list)
    return ".".join(str(part) for part in loc[1:]) or str(loc[0])


def _innermost(found: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """What is wrong, without what is wrong only because a part of it is."""
    places = [tuple(cast(Sequence[object], one["loc"])) for one in found]
    return [
        one
        for one, place in zip(found, places, strict=True)
        if not any(other[: len(place)] == place and len(other) > len(place) for other in places)
    ]


def _plain(one: Mapping[str, object]) -> str:
    context = one.get("ctx")
    form = context.get("pattern") if isinstance(context, Mapping) else None
    return FORMS.get(str(form)) or str(one["msg"]).removeprefix("Value error, ")


def _camel(field: str) -> str:
    return to_camel(field) if "_" in field else field
