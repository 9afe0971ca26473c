"""Block M, and A02, A03: certificates in stations, and what is asked of a certificate authority.

There is no authority here yet: who asks for a certificate is told so, and nothing is promised.
"""

import msgspec
import structlog

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.store import installed_certificates
from csms.store.edits import Connection
from csms.store.installed_certificates import InstalledCertificateRow
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()
after = After()

_NO_AUTHORITY = words.StatusInfoType(reason_code="NoCA", additional_info="No certificate authority here.")

# ---- what stations tell us


@router.on(words.SignCertificateRequest)
async def sign_certificate(
    request: words.SignCertificateRequest, ctx: Context
) -> words.SignCertificateResponse:
    """A02.FR.03: nobody here can sign."""
    log.warning("certificate not signed", station_id=ctx.station.id, use=request.certificate_type)
    return words.SignCertificateResponse(status="Rejected", status_info=_NO_AUTHORITY)


@router.on(words.Get15118EVCertificateRequest)
async def ev_certificate(
    request: words.Get15118EVCertificateRequest, ctx: Context
) -> words.Get15118EVCertificateResponse:
    """M01, M02: nobody here issues contract certificates."""
    log.warning("contract certificate not issued", station_id=ctx.station.id, action=request.action)
    return words.Get15118EVCertificateResponse(status="Failed", exi_response="", status_info=_NO_AUTHORITY)


@router.on(words.GetCertificateStatusRequest)
async def certificate_status(
    request: words.GetCertificateStatusRequest, ctx: Context
) -> words.GetCertificateStatusResponse:
    """M06.FR.07: an OCSP responder cannot be asked from here."""
    log.info(
        "certificate status not known",
        station_id=ctx.station.id,
        serial_number=request.ocsp_request_data.serial_number,
    )
    return words.GetCertificateStatusResponse(status="Failed", status_info=_NO_AUTHORITY)


# ---- what follows from an answer


@after.on(words.GetInstalledCertificateIdsRequest)
async def certificates_told(conn: Connection, done: Answered) -> None:
    """M03: what it has of the uses that were asked for; what it did not name is not there."""
    request: words.GetInstalledCertificateIdsRequest = done.request
    answer: words.GetInstalledCertificateIdsResponse = done.answer
    rows = [
        InstalledCertificateRow(
            identity=done.station.identity,
            use=chain.certificate_type,
            children=_text(chain.child_certificate_hash_data),
            reported_at=done.at,
            hash_algorithm=chain.certificate_hash_data.hash_algorithm,
            issuer_name_hash=chain.certificate_hash_data.issuer_name_hash,
            issuer_key_hash=chain.certificate_hash_data.issuer_key_hash,
            serial_number=chain.certificate_hash_data.serial_number,
        )
        for chain in answer.certificate_hash_data_chain or ()
    ]
    await installed_certificates.told(conn, done.station.identity, request.certificate_type or None, rows)


@after.on(words.DeleteCertificateRequest)
async def certificate_deleted(conn: Connection, done: Answered) -> None:
    """M04: gone, or never there."""
    request: words.DeleteCertificateRequest = done.request
    answer: words.DeleteCertificateResponse = done.answer
    if answer.status in ("Accepted", "NotFound"):
        data = request.certificate_hash_data
        await installed_certificates.drop(
            conn, done.station.identity, data.issuer_key_hash, data.serial_number
        )


def _text(children: tuple[words.CertificateHashDataType, ...] | None) -> str | None:
    return None if not children else msgspec.json.encode(children).decode()
