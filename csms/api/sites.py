"""Sites: places with one grid connection and its limits, one within another."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from csms.api.auth import OPERATOR
from csms.api.shapes import After, Body, Key, Limit, Magnitude, Page, Shape, key_of, page
from csms.api.wiring import Wired
from csms.domain.site import check_nesting
from csms.errors import Conflict, NotFound
from csms.store import stations

router = APIRouter(tags=["sites"])


class NewSite(Body):
    """Limits are magnitudes in W. A site without an export limit exports nothing (V-15).

    `within` is the site around it (a transformer, a feeder): its limits hold for all within.
    """

    site_id: Key
    within: Key | None = None
    import_limit_w: Magnitude | None = None
    export_limit_w: Magnitude | None = None


class SiteLimits(Body):
    """New limits of a site, magnitudes in W; a field that is left out stays."""

    within: Key | None = None
    import_limit_w: Magnitude | None = None
    export_limit_w: Magnitude | None = None


class Site(Shape):
    """A site; limits are magnitudes in W."""

    site_id: str
    within: Annotated[str | None, Field(validation_alias="within_id")]
    import_limit_w: float | None
    export_limit_w: float | None


@router.get("/sites")
async def list_sites(wired: Wired, after: After = None, limit: Limit = 100) -> Page[Site]:
    """All sites, by id."""
    start = key_of(after) or ""
    rows = sorted((row for row in await stations.sites(wired.db) if row.site_id > start), key=_key)
    return page(rows[: limit + 1], limit, _key, Site.model_validate)


@router.get("/sites/{site_id}")
async def show_site(site_id: str, wired: Wired) -> Site:
    """One site."""
    return Site.model_validate(await _found(wired, site_id))


@router.post("/sites", status_code=201, openapi_extra=OPERATOR)
async def add_site(body: NewSite, wired: Wired) -> Site:
    """Register a site; 409 if there is one with this id."""
    if await stations.get_site(wired.db, body.site_id) is not None:
        raise Conflict(f"There is a site {body.site_id!r} already.")
    return await _put(wired, stations.SiteRow(**_columns(body.model_dump())))


@router.patch("/sites/{site_id}", openapi_extra=OPERATOR)
async def change_site(site_id: str, body: SiteLimits, wired: Wired) -> Site:
    """Change a site's limits."""
    row = await _found(wired, site_id)
    return await _put(wired, row.model_copy(update=_columns(body.model_dump(exclude_unset=True))))


async def _found(wired: Wired, site_id: str) -> stations.SiteRow:
    row = await stations.get_site(wired.db, site_id)
    if row is None:
        raise NotFound("site", site_id)
    return row


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """As the store calls them."""
    return {"within_id" if name == "within" else name: value for name, value in fields.items()}


async def _put(wired: Wired, row: stations.SiteRow) -> Site:
    known = {one.site_id: one.within_id for one in await stations.sites(wired.db)} | {
        row.site_id: row.within_id
    }
    check_nesting(known, row.site_id)
    async with wired.db.begin() as conn:
        await stations.put_site(conn, row)
    return Site.model_validate(row)


def _key(row: stations.SiteRow) -> str:
    return row.site_id
