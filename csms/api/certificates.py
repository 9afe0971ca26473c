"""Certificates that our own authority has issued; those in stations are in `installed_certificates`."""

import asyncio

from fastapi import APIRouter, Response

from csms.api.auth import ADMINISTRATOR
from csms.api.shapes import Page, Shape, Time
from csms.api.wiring import Wired, Wiring
from csms.errors import Refused
from csms.pki.authority import Authority

router = APIRouter(tags=["certificates"])


class IssuedCertificate(Shape):
    """One certificate; `name` is its common name, `chain` PEM, its own first, without the root."""

    serial: str
    use: str
    name: str
    identity: str | None
    issued_at: Time
    expires_at: Time
    revoked_at: Time | None
    chain: str


@router.get("/certificates")
async def list_issued(
    wired: Wired, station: str | None = None, revoked: bool | None = None
) -> Page[IssuedCertificate]:
    """All that was issued, oldest first; nothing where there is no authority."""
    authority = wired.trust.authority
    found = [] if authority is None else await asyncio.to_thread(authority.issued)
    return Page(
        items=[
            IssuedCertificate.model_validate(one)
            for one in found
            if station in (None, one.identity) and revoked in (None, one.revoked_at is not None)
        ]
    )


@router.get("/certificates/root")
async def show_root(wired: Wired) -> Response:
    """The authority's root in PEM: what stations are to trust."""
    authority = _authority(wired)
    return Response(authority.root_pem, media_type="application/x-pem-file")


@router.post("/certificates/{serial}/revoke", openapi_extra=ADMINISTRATOR)
async def revoke(serial: str, wired: Wired) -> IssuedCertificate:
    """Trust a certificate no longer: the TLS listener reads the new list within seconds."""
    done = await asyncio.to_thread(_authority(wired).revoke, serial, wired.clock.now())
    return IssuedCertificate.model_validate(done)


def _authority(wired: Wiring) -> Authority:
    if wired.trust.authority is None:
        raise Refused("This server has no certificate authority: set pki.folder, and see csms pki init.")
    return wired.trust.authority
