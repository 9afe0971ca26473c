"""How a driver is identified in -20: by external means (EIM), that is a card or an app at the station.

Plug and Charge has its place here: the vehicle's choice in `offered` and `request`, the station's offer in
`setup`, and the check of a signed request before `verdict`.
"""

from chargepoint_sim.iso15118.outlet import Permission
from chargepoint_sim.iso15118.v20 import messages as m


def setup(header: m.MessageHeaderType, code: m.responseCodeType = "OK") -> m.AuthorizationSetupRes:
    """What a station offers."""
    return m.AuthorizationSetupRes(
        Header=header,
        ResponseCode=code,
        AuthorizationServices=("EIM",),
        CertificateInstallationService=False,
        EIM_ASResAuthorizationMode=m.EIM_ASResAuthorizationModeType(),
    )


def offered(response: m.AuthorizationSetupRes) -> bool:
    """Whether a vehicle finds its way among a station's offers."""
    return "EIM" in response.AuthorizationServices


def request(header: m.MessageHeaderType) -> m.AuthorizationReq:
    """What a vehicle asks until its driver may charge."""
    return m.AuthorizationReq(
        Header=header,
        SelectedAuthorizationService="EIM",
        EIM_AReqAuthorizationMode=m.EIM_AReqAuthorizationModeType(),
    )


def acceptable(asked: m.AuthorizationReq) -> bool:
    """Whether a vehicle chose what was offered."""
    return asked.SelectedAuthorizationService == "EIM" and asked.EIM_AReqAuthorizationMode is not None


_VERDICTS: dict[Permission, tuple[m.responseCodeType, m.processingType]] = {
    Permission.GRANTED: ("OK", "Finished"),
    Permission.REFUSED: ("WARNING_EIMAuthorizationFailure", "Finished"),
    Permission.PENDING: ("OK", "Ongoing_WaitingForCustomerInteraction"),
}


def verdict(header: m.MessageHeaderType, permission: Permission) -> m.AuthorizationRes:
    """How far a driver's authorisation is."""
    code, processing = _VERDICTS[permission]
    return m.AuthorizationRes(Header=header, ResponseCode=code, EVSEProcessing=processing)


WRONG_SERVICE: m.responseCodeType = "WARNING_AuthorizationSelectionInvalid"
