"""Block C: may this token charge here and now."""

from datetime import datetime

from csms.blocks import contract, remote_control
from csms.blocks.bidirectional import transfers
from csms.blocks.context import Context
from csms.blocks.times import written
from csms.domain.transaction import UNTYPED, IdToken, IdTokenInfo
from csms.store import tokens, transactions
from csms.store.database import Database
from csms.store.tokens import IdTokenRow
from csms.wire import words
from csms.wire.router import Router

router = Router()

NO_AUTHORIZATION = "NoAuthorization"
CENTRAL = "Central"


@router.on(words.AuthorizeRequest)
async def authorize(request: words.AuthorizeRequest, ctx: Context) -> words.AuthorizeResponse:
    """C01, C02, C04, C06, C07: the status of a token, and of the contract certificate that it comes from."""
    certificate = None
    if request.certificate is not None or request.iso15118_certificate_hash_data:
        certificate = await contract.standing(request, ctx)
    if certificate in (None, "Accepted"):
        token = IdToken(request.id_token.id_token, request.id_token.type)
        meant = await remote_control.meant(ctx.db, ctx.station.id, token, ctx.now)
        info = await check(ctx.db, token if meant is None else meant.token, ctx.now)
    else:
        info = IdTokenInfo("Invalid")
    group = info.group_id_token
    told = request.id_token.id_token
    allowed = await transfers(ctx.db, ctx.station.id, told) if info.status == "Accepted" else None
    return words.AuthorizeResponse(
        allowed_energy_transfer=allowed,
        certificate_status=certificate,
        id_token_info=words.IdTokenInfoType(
            status=_STATUSES[info.status],
            cache_expiry_date_time=None if info.expiry is None else written(info.expiry),
            group_id_token=None
            if group is None
            else words.IdTokenType(id_token=group.token, type=group.type),
        ),
    )


async def check(
    db: Database, token: IdToken, now: datetime, besides: tuple[str, str] | None = None
) -> IdTokenInfo:
    """What a token is worth now. Tokens are compared without regard to case (identifierString).

    A token that may have one transaction at a time is worth none while another is open; `besides` (station,
    transaction) is the one that it is shown for.
    """
    if token.type == NO_AUTHORIZATION:  # C02.FR.01: the button at the station is the permission
        return IdTokenInfo("Accepted")
    if not token.token:
        return IdTokenInfo("Invalid")
    row = await tokens.get(db, token.token)
    if row is None:
        # C05: we invent Central tokens ourselves for a remote start and keep none of them
        return IdTokenInfo("Accepted" if token.type == CENTRAL else "Unknown")
    info = _worth(row, token, now)
    if info.status == "Accepted" and not row.concurrent:
        others = await transactions.open_of_token(db, row.token)
        if any(other != besides for other in others):
            return IdTokenInfo("ConcurrentTx", info.group_id_token)
    return info


def _worth(row: IdTokenRow, token: IdToken, now: datetime) -> IdTokenInfo:
    status = row.status if row.status in _STATUSES else "Invalid"
    if token.type not in (row.type, UNTYPED):
        status = "Invalid"
    elif status == "Accepted" and row.expiry is not None and row.expiry <= now:
        status = "Expired"
    # C09.FR.02: the group is told with every status, so that its members can stop each other's transactions
    group = None if row.group_token is None else IdToken(row.group_token, CENTRAL)
    return IdTokenInfo(status, group, row.expiry if status == "Accepted" else None)


_STATUSES: dict[str, words.AuthorizationStatusEnumType] = {
    "Accepted": "Accepted",
    "Blocked": "Blocked",
    "ConcurrentTx": "ConcurrentTx",
    "Expired": "Expired",
    "Invalid": "Invalid",
    "NoCredit": "NoCredit",
    "NotAllowedTypeEVSE": "NotAllowedTypeEVSE",
    "NotAtThisLocation": "NotAtThisLocation",
    "NotAtThisTime": "NotAtThisTime",
    "Unknown": "Unknown",
}
