"""Certificates in stations: install, list, delete. What a CSMS issues is not here."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from csms.api.asking import CALLS, Ask, word
from csms.api.shapes import Body, Page, Shape, Time
from csms.api.stations import registered
from csms.api.wiring import Wired
from csms.store import installed_certificates
from csms.wire import words

router = APIRouter(tags=["certificates"])


class NewCertificate(Body):
    """A root certificate to install, in PEM."""

    use: words.InstallCertificateUseEnumType
    certificate: Annotated[str, Field(min_length=1, max_length=5500)]


class Uses(Body):
    """Which certificates to ask for; empty: all."""

    uses: Annotated[tuple[words.GetCertificateIdUseEnumType, ...], Field(max_length=6)] = ()


class InstalledCertificate(Shape):
    """A certificate that a station has, by its hashes."""

    use: str
    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str
    children: JsonValue
    reported_at: Time


@router.get("/stations/{identity}/certificates")
async def list_certificates(identity: str, wired: Wired) -> Page[InstalledCertificate]:
    """What the station has told to have, when it was asked last."""
    station = await registered(wired, identity)
    rows = await installed_certificates.listing(wired.db, station.identity)
    shown = [
        row.model_dump() | {"children": None if row.children is None else msgspec.json.decode(row.children)}
        for row in rows
    ]
    return Page(items=[InstalledCertificate.model_validate(one) for one in shown])


@router.post("/stations/{identity}/certificates", openapi_extra=CALLS)
async def install_certificate(identity: str, body: NewCertificate, ask: Ask) -> Response:
    """M05: install a root certificate."""
    request = words.InstallCertificateRequest(certificate_type=body.use, certificate=body.certificate)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/certificates/read", openapi_extra=CALLS)
async def read_certificates(identity: str, body: Uses, ask: Ask) -> Response:
    """M03: ask the station what it has."""
    request = words.GetInstalledCertificateIdsRequest(certificate_type=body.uses or None)
    return await ask.send(identity, request)


@router.post("/stations/{identity}/certificates/delete", openapi_extra=CALLS)
async def delete_certificate(identity: str, body: dict[str, JsonValue], ask: Ask) -> Response:
    """M04: delete a certificate; the body is its CertificateHashData as OCPP has it."""
    data = word(words.CertificateHashDataType, body, "certificateHashData")
    return await ask.send(identity, words.DeleteCertificateRequest(certificate_hash_data=data))
