"""Onboarding: approve who has enrolled, give a station its own password, read in a whole site at once."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from csms.api.asking import CALLS, Ask
from csms.api.auth import ADMINISTRATOR, OPERATOR
from csms.api.shapes import Body, Flag, Shape
from csms.api.stations import NewStation, RegisteredStation, add_all, registered
from csms.api.wiring import Wired, Wiring
from csms.blocks import enrolment
from csms.domain.facts import StationRegistered
from csms.domain.station import Registration, canonical_identity
from csms.errors import Conflict, Invalid
from csms.pki import passwords
from csms.store import stations

router = APIRouter(tags=["onboarding"])


class Approval(Body):
    """`password`: the station's own from now on; made if it is not given."""

    password: Annotated[str | None, Field(min_length=16, max_length=40, repr=False)] = None


class Approved(Shape):
    """A station that is accepted from its next boot on. `password` is shown this once, if it is a new one."""

    identity: str
    registration: str
    password: str | None = None


class PasswordSet(Shape):
    """What the station said to its new password, and the password, this once, if it has taken it."""

    status: str
    password: str | None = None


class Enrolment(Body):
    """A site's enrolment password; null switches enrolment off."""

    password: Annotated[str | None, Field(max_length=40, repr=False)]


class SiteEnrolment(Shape):
    """Whether stations may enrol at a site by themselves."""

    site_id: str
    enrolment: Flag


class Batch(Body):
    """Stations to register, all or none."""

    stations: Annotated[tuple[NewStation, ...], Field(min_length=1, max_length=2000)]


class Registered(Shape):
    """The stations that were registered, with their passwords, this once."""

    stations: tuple[RegisteredStation, ...]


@router.post("/stations/{identity}/approve", openapi_extra=CALLS)
async def approve(identity: str, body: Approval, ask: Ask) -> Approved:
    """Accept a station. One that came by an enrolment password gets one of its own first (A01).

    It is asked to boot again, read in and set up (`onboarding: full`). 409 if it has to have a password and
    is not connected, or does not take it: it stays pending then.
    """
    station = await registered(ask.wired, identity)
    password = None
    if station.enrolled:
        outcome = await _renew(ask, identity, body.password)
        if outcome.password is None:
            raise Conflict(f"The station did not take a password of its own: {outcome.status}.")
        password = outcome.password
    async with ask.wired.db.begin() as conn:
        await stations.change(
            conn, station.identity, registration=Registration.ACCEPTED.value, enrolled=False
        )
    _ring(ask.wired, station.identity)
    return Approved(identity=station.identity, registration="Accepted", password=password)


@router.post("/stations/{identity}/password", openapi_extra=CALLS | ADMINISTRATOR)
async def set_password(identity: str, body: Approval, ask: Ask) -> PasswordSet:
    """A01: give a connected station another password. It logs in with it from its next connection on."""
    outcome = await _renew(ask, identity, body.password)
    _ring(ask.wired, canonical_identity(identity))
    return outcome


@router.put("/sites/{site_id}/enrolment", openapi_extra=ADMINISTRATOR)
async def set_enrolment(site_id: str, body: Enrolment, wired: Wired) -> SiteEnrolment:
    """Let stations enrol at a site by a password, as Pending and no further; or no longer."""
    row = await stations.get_site(wired.db, site_id)
    if row is None:
        raise Invalid("site", f"There is no site {site_id!r}.")
    hashed = None
    if body.password is not None:
        passwords.check_strength(body.password)
        hashed = passwords.hash_password(body.password)
    async with wired.db.begin() as conn:
        await stations.put_site(conn, row.model_copy(update={"enrolment_hash": hashed}))
    return SiteEnrolment(site_id=site_id, enrolment=hashed is not None)


@router.post("/stations/import", status_code=201, openapi_extra=OPERATOR)
async def import_stations(body: Batch, wired: Wired) -> Registered:
    """Register many stations, all or none."""
    seen: set[str] = set()
    for number, one in enumerate(body.stations):
        try:
            identity = canonical_identity(one.identity)
            if one.password is not None:
                passwords.check_strength(one.password)
        except Invalid as error:
            raise Invalid(f"stations.{number}.{error.field}", error.detail) from None
        if identity in seen or await stations.get(wired.db, identity) is not None:
            raise Invalid(f"stations.{number}.identity", f"There is a station {identity!r} already.")
        if one.site is not None and await stations.get_site(wired.db, one.site) is None:
            raise Invalid(f"stations.{number}.site", f"There is no site {one.site!r}.")
        seen.add(identity)
    return Registered(stations=tuple(await add_all(wired, body.stations)))


async def _renew(ask: Ask, identity: str, wanted: str | None) -> PasswordSet:
    if wanted is not None:
        passwords.check_strength(wanted)
    password = wanted or passwords.generate()
    status = await enrolment.new_password(ask.desk, await ask.order(identity), password)
    taken = status in ("Accepted", "RebootRequired")
    return PasswordSet(status=status, password=password if taken else None)


def _ring(wired: Wiring, identity: str) -> None:
    wired.bus.publish(StationRegistered(wired.clock.now(), identity))
