"""Block M, and A02, A03: certificates in stations, and what is asked of a certificate authority.

Whom we may ask is what the operator has set up (`pki.trust`). Where that is nobody, who asks is told so.
"""

import base64
from datetime import timedelta

import msgspec
import structlog

from csms.blocks.calls import After, Answered
from csms.blocks.context import Context
from csms.blocks.times import written
from csms.domain.facts import CertificateWanted
from csms.errors import Invalid
from csms.pki import csr
from csms.pki.contracts import NoContract
from csms.pki.ocsp import NoStatus, Question, Status
from csms.store import installed_certificates, stations, variables
from csms.store.edits import Connection
from csms.store.installed_certificates import InstalledCertificateRow
from csms.wire import words
from csms.wire.router import Router

log = structlog.get_logger()
router = Router()
after = After()

V2G = ("V2GCertificate", "V2G20Certificate")
_OCSP_MAX = 5500  # of ocspResult, in Base64
_INFO_MAX = 512

_ASK_AGAIN = timedelta(hours=1)
_STANDINGS: dict[Status, words.CertificateStatusEnumType] = {
    Status.GOOD: "Good",
    Status.REVOKED: "Revoked",
    Status.UNKNOWN: "Unknown",
}


# ---- what stations tell us


@router.on(words.SignCertificateRequest)
async def sign_certificate(
    request: words.SignCertificateRequest, ctx: Context
) -> words.SignCertificateResponse:
    """A02: what is good is signed after this answer (`signing`), what is not is refused with the reason."""
    use = request.certificate_type
    try:
        if ctx.policy.trust.authority is None:  # A02.FR.03
            raise Invalid("csr", "No certificate authority here.")
        csr.checked(request.csr, await own_names(ctx, use))
    except Invalid as error:
        log.warning("certificate not signed", station_id=ctx.station.id, use=use, reason=error.detail)
        return words.SignCertificateResponse(status="Rejected", status_info=_info("NotSigned", error.detail))
    ctx.emit(CertificateWanted(ctx.now, ctx.station.id, request.csr, use, request.request_id))
    return words.SignCertificateResponse(status="Accepted")  # A02.FR.02


async def own_names(ctx: Context, use: str | None) -> set[str]:
    """The common names that a station may ask for. Raises `Invalid` if there are none.

    For its own certificate its serial number (A00.FR.404), if no other station has it: a station tells its
    own, and with the certificate it could log in as the other. Towards vehicles also the id that it uses
    there, ISO15118Ctrlr.SeccId: with such a certificate it cannot log in.
    """
    row = await stations.get(ctx.db, ctx.station.id)
    serial = None if row is None else row.serial_number
    names = {serial} if serial else set()
    if use in V2G:
        told = await variables.reported(ctx.db, ctx.station.id, component="ISO15118Ctrlr", variable="SeccId")
        names |= {ctx.station.id, *(one.value for one in told if one.value)}
    elif serial and await stations.called_alike(ctx.db, serial, ctx.station.id):
        raise Invalid("csr", "Another station has this serial number, too.")
    if not names:
        raise Invalid("csr", "No serial number of this station is known.")
    return names


@router.on(words.Get15118EVCertificateRequest)
async def ev_certificate(
    request: words.Get15118EVCertificateRequest, ctx: Context
) -> words.Get15118EVCertificateResponse:
    """M01, M02: what the contract service says. It alone reads and writes the EXI."""
    service = ctx.policy.trust.contracts
    try:
        if service is None:
            raise NoContract("no contract service")
        told = await service.ask(msgspec.json.encode(request))
        return msgspec.convert(told, words.Get15118EVCertificateResponse)
    except NoContract as error:
        reason = error.reason
    except msgspec.ValidationError:
        reason = "answer not understood"
    log.warning("no contract certificate", station_id=ctx.station.id, action=request.action, reason=reason)
    return words.Get15118EVCertificateResponse(
        status="Failed", exi_response="", status_info=_info("NoContract", reason)
    )


@router.on(words.GetCertificateStatusRequest)
async def certificate_status(
    request: words.GetCertificateStatusRequest, ctx: Context
) -> words.GetCertificateStatusResponse:
    """M06: what the responder says, in its own words: who needs it checks its signature (M06.FR.06)."""
    responders = ctx.policy.trust.responders
    try:
        if responders is None:
            raise NoStatus("no responder is set up")
        told = await responders.ask(question_of(request.ocsp_request_data))
        text = base64.b64encode(told.der).decode()
        if len(text) > _OCSP_MAX:
            raise NoStatus("answer too long")
        return words.GetCertificateStatusResponse(status="Accepted", ocsp_result=text)
    except NoStatus as error:  # M06.FR.07
        log.warning("certificate status not known", station_id=ctx.station.id, reason=error.reason)
        return words.GetCertificateStatusResponse(
            status="Failed", status_info=_info("NoStatus", error.reason)
        )


def question_of(data: words.OCSPRequestDataType) -> Question:
    """What a station wants to know, in bytes. Raises `NoStatus` for what is not in hexadecimal."""
    try:
        return Question(
            data.hash_algorithm,
            bytes.fromhex(data.issuer_name_hash),
            bytes.fromhex(data.issuer_key_hash),
            int(data.serial_number, 16),
            data.responder_url,
        )
    except ValueError:
        raise NoStatus("hashes are not in hexadecimal") from None


def _info(code: str, detail: str) -> words.StatusInfoType:
    return words.StatusInfoType(reason_code=code, additional_info=detail[:_INFO_MAX])


@router.on(words.GetCertificateChainStatusRequest)
async def chain_status(
    request: words.GetCertificateChainStatusRequest, ctx: Context
) -> words.GetCertificateChainStatusResponse:
    """M07 (2.1): what the responders say of each; revocation lists are not read for stations."""
    told = [await _standing(asked, ctx) for asked in request.certificate_status_requests]
    return words.GetCertificateChainStatusResponse(certificate_status=tuple(told))


async def _standing(
    asked: words.CertificateStatusRequestInfoType, ctx: Context
) -> words.CertificateStatusType:
    data, responders = asked.certificate_hash_data, ctx.policy.trust.responders
    status: words.CertificateStatusEnumType = "Failed"
    until = ctx.now + _ASK_AGAIN
    try:
        if responders is None or asked.source != "OCSP":
            raise NoStatus("no responder is set up")
        told = await responders.ask(question_of(_with_address(data, asked.urls[0])))
        if not told.verified:  # the station cannot check it: it gets our word only
            raise NoStatus("answer not verified")
        status, until = _STANDINGS[told.status], told.until or until
    except NoStatus as error:
        log.warning("chain status not known", station_id=ctx.station.id, reason=error.reason)
    return words.CertificateStatusType(
        certificate_hash_data=data, source=asked.source, status=status, next_update=written(until)
    )


def _with_address(data: words.CertificateHashDataType, url: str) -> words.OCSPRequestDataType:
    return words.OCSPRequestDataType(
        hash_algorithm=data.hash_algorithm,
        issuer_name_hash=data.issuer_name_hash,
        issuer_key_hash=data.issuer_key_hash,
        serial_number=data.serial_number,
        responder_url=url,
    )


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
