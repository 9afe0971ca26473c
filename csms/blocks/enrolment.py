"""Onboarding without tables first: a site's enrolment password lets a station in, as Pending and no further.

The password belongs to a site and is off by default. Who enrols is registered with that password as its own
until a person approves it; then it gets one of its own (`approve`, A01) and is accepted at its next boot.
"""

from dataclasses import dataclass, field
from datetime import datetime

from csms.blocks import device_model
from csms.blocks.calls import Desk, Order
from csms.domain.station import Registration
from csms.errors import Conflict
from csms.pki import passwords
from csms.store import stations
from csms.store.database import Database
from csms.store.stations import SiteRow, StationRow
from csms.wire import words

AT_MOST = 1000
"""Stations that may wait for approval; whoever knocks then is not let in."""

_CONTROLLER, _PASSWORD = "SecurityCtrlr", "BasicAuthPassword"


@dataclass(frozen=True, slots=True)
class Stranger:
    """Who knocks with a password that is not the station's: name and password as given, by which profile."""

    identity: str
    password: str = field(repr=False)
    profile: int = 1


async def second_chance(
    db: Database, stranger: Stranger, known: StationRow | None, now: datetime
) -> StationRow | None:
    """For the handshake, where a login (its name is right) does not fit: the station as it may come in.

    A registered one may come by the password that is on its way to it, which is its own from then on (A01);
    an unknown one by a site's enrolment password. None: nobody may. Whoever knocks, the same is looked at.
    """
    site = await _enrolling_site(db, stranger.password)
    if known is None:
        return None if site is None else await _enrol(db, stranger, site, now)
    hashed = known.next_password_hash
    right = hashed is not None and passwords.verify(stranger.password, hashed)
    if hashed is None or not right or known.security_profile != stranger.profile:
        return None
    async with db.begin() as conn:
        await stations.change(conn, known.identity, password_hash=hashed, next_password_hash=None)
    return await stations.get(db, known.identity)


async def _enrolling_site(db: Database, password: str) -> SiteRow | None:
    """The site whose enrolment password this is."""
    found = None
    for row in await stations.sites(db):
        if row.enrolment_hash is not None and passwords.verify(password, row.enrolment_hash):
            found = row
    return found


async def _enrol(db: Database, stranger: Stranger, site: SiteRow, now: datetime) -> StationRow | None:
    """An identity that nobody has registered: the station as it may come in, as Pending, or None."""
    if site.enrolment_hash is None or await stations.waiting(db) >= AT_MOST:
        return None
    station = StationRow(
        identity=stranger.identity,
        password_hash=site.enrolment_hash,
        security_profile=stranger.profile,
        site_id=site.site_id,
        registration=Registration.PENDING.value,
        enrolled=True,
        created_at=now,
    )
    try:
        async with db.begin() as conn:
            await stations.add(conn, station)
    except Conflict:  # somebody has registered it meanwhile
        return None
    return station


async def new_password(desk: Desk, order: Order, password: str) -> str:
    """A01: give a station a password of its own; the station's word on it.

    Before the station is told, the new one counts beside the old one: whichever of us forgets first, it can
    log in. `order` says whom and for whom. Raises `StationError`.
    """
    identity, hashed = order.station.identity, passwords.hash_password(password)
    async with desk.db.begin() as conn:
        await stations.change(conn, identity, next_password_hash=hashed)
    data = words.SetVariableDataType(
        attribute_value=password,
        component=words.ComponentType(name=_CONTROLLER),
        variable=words.VariableType(name=_PASSWORD),
    )
    (result,) = await device_model.set_variables(desk, order, [data]) or (None,)
    status = "Rejected" if result is None else result.attribute_status
    async with desk.db.begin() as conn:
        if status == "Accepted":
            await stations.change(conn, identity, password_hash=hashed, next_password_hash=None)
        elif status != "RebootRequired":
            await stations.change(conn, identity, next_password_hash=None)
    return status
