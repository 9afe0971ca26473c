"""Builds the REST application out of the resources."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import BaseRoute

from csms.api import (
    bidirectional,
    calls,
    certificates,
    charging,
    commands,
    der_controls,
    diagnostics,
    dialects,
    display,
    drivers,
    fleet,
    grid_events,
    health,
    installed_certificates,
    live,
    local_lists,
    onboarding,
    probes,
    problems,
    programs,
    records,
    requests,
    reservations,
    settlements,
    sites,
    station_records,
    stations,
    tariffs,
    tokens,
    transactions,
    users,
    variables,
    vehicle_socs,
)
from csms.api.auth import OPENAPI, PREFIX, Authentication, authorise
from csms.api.limits import BodyLimit
from csms.api.wiring import Wiring

_RESOURCES = (
    onboarding, stations, calls, commands, requests, variables, local_lists, reservations, diagnostics,
    display, installed_certificates, certificates, charging, dialects, probes, tariffs, records, sites,
    tokens, transactions, programs, drivers, grid_events, settlements, fleet, users, live, bidirectional,
    der_controls, station_records, vehicle_socs,
)  # fmt: skip


def build(wiring: Wiring) -> FastAPI:
    """The application: every route under /api/v1 needs a key and a role; health and metrics do not."""
    app = FastAPI(
        title="V2G CSMS",
        version=_version(),
        summary="Stations, vehicles, grid events. Power in W, energy in Wh, positive into the vehicle.",
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.wiring = wiring
    problems.install(app)
    app.router.routes.extend(_routes())
    app.add_middleware(BodyLimit)
    app.add_middleware(Authentication, wiring=wiring)
    return app


@cache
def _routes() -> Sequence[BaseRoute]:
    """They know of no application, and take half a second to make: those of one process share them."""
    versioned = APIRouter(prefix=PREFIX, dependencies=[Depends(authorise)])
    for resource in _RESOURCES:
        versioned.include_router(resource.router)
    whole = APIRouter()
    whole.include_router(versioned)
    whole.include_router(health.router)
    return whole.routes


def _version() -> str:
    try:
        return version("v2g-csms")
    except PackageNotFoundError:
        return "not installed"  # run from a source tree
