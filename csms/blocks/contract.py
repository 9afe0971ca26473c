"""C07: what a contract certificate is worth, by its chain and by what OCSP responders say of each link.

By hashes (the station has checked the chain and wants to know what was revoked), or by the chain itself (the
station has no root for it). Unknown means no: only what a responder that we believe calls good is Accepted.
"""

import asyncio
from collections.abc import Sequence

import structlog
from cryptography import x509

from csms.blocks.certificates import question_of
from csms.blocks.context import Context
from csms.errors import Invalid
from csms.pki import chains
from csms.pki.chains import Standing
from csms.pki.ocsp import NoStatus, Question, Status, Told, questions
from csms.wire import words

log = structlog.get_logger()

_HASHES_MAX = 4

Worth = words.AuthorizeCertificateStatusEnumType


async def standing(request: words.AuthorizeRequest, ctx: Context) -> Worth:
    """What the contract certificate of an Authorize is worth. Reasons are logged, not told."""
    try:
        if request.certificate is not None:
            worth, reason = await _of_chain(request.certificate, request.id_token, ctx)
        else:
            hashes = request.iso15118_certificate_hash_data or ()
            worth, reason = await _asked([question_of(data) for data in hashes], (), ctx)
    except (NoStatus, Invalid) as error:
        worth, reason = "NoCertificateAvailable", str(error.args[0])
    if worth != "Accepted":
        log.warning("contract certificate refused", station_id=ctx.station.id, worth=worth, reason=reason)
    return worth


async def _of_chain(pem: str, token: words.IdTokenType, ctx: Context) -> tuple[Worth, str]:
    """C07.FR.06: the chain up to one of our roots, the contract's name in it, and each link by OCSP."""
    chain = chains.read(pem)
    roots, subs = chains.parted(ctx.policy.trust.contract_roots)
    found, way = chains.standing([*chain, *subs], roots, ctx.now)
    if found is not Standing.ACCEPTED:
        return _WORTH[found], "chain"
    if token.type != "eMAID" or chains.emaid(chain[0]) != chains.normal_emaid(token.id_token):
        return "CertChainError", "another contract's"
    asked = questions(way)
    if asked is None:
        return "NoCertificateAvailable", "a certificate names no responder"
    return await _asked(asked, way, ctx)


async def _asked(
    asked: Sequence[Question], believed: Sequence[x509.Certificate], ctx: Context
) -> tuple[Worth, str]:
    """C07.FR.05: what the responders say of all links."""
    responders = ctx.policy.trust.responders
    if responders is None:
        raise NoStatus("no responder is set up")
    if len(asked) > _HASHES_MAX:
        raise NoStatus("too many certificates to ask about")
    answers = await asyncio.gather(
        *(responders.ask(question, believed) for question in asked), return_exceptions=True
    )
    told = [answer for answer in answers if isinstance(answer, Told) and answer.verified]
    if any(answer.status is Status.REVOKED for answer in told):
        return "CertificateRevoked", "by its responder"
    failed = next((answer for answer in answers if isinstance(answer, BaseException)), None)
    if failed is not None:
        raise failed
    if not told or len(told) < len(answers):
        raise NoStatus("answer is not signed by whom we believe")
    if any(answer.status is Status.UNKNOWN for answer in told):
        raise NoStatus("not known to its responder")
    return "Accepted", ""


_WORTH: dict[Standing, Worth] = {
    Standing.ACCEPTED: "Accepted",
    Standing.EXPIRED: "CertificateExpired",
    Standing.BROKEN: "CertChainError",
    Standing.FORGED: "SignatureError",
}
