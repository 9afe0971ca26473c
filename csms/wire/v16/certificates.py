"""Certificates in stations by the security extension of OCPP 1.6: two kinds of roots, and the station's."""

from csms.errors import NotSupportedByDialect
from csms.wire import words
from csms.wire.dialect import Outbound, by_ask
from csms.wire.v16 import messages as m

_ROOTS: dict[str, m.CertificateType] = {
    "CSMSRootCertificate": "CentralSystemRootCertificate",
    "ManufacturerRootCertificate": "ManufacturerRootCertificate",
}


def _root(kind: str) -> m.CertificateType:
    root = _ROOTS.get(kind)
    if root is None:
        raise NotSupportedByDialect("", f"OCPP 1.6 has no {kind}")
    return root


def _signed(ask: words.CertificateSignedRequest) -> m.CertificateSignedRequest:
    if ask.certificate_type not in (None, "ChargingStationCertificate"):
        raise NotSupportedByDialect("", f"OCPP 1.6 has no {ask.certificate_type}")
    return m.CertificateSignedRequest(certificate_chain=ask.certificate_chain)


def _signed_taken(answer: m.CertificateSignedResponse) -> words.CertificateSignedResponse:
    return words.CertificateSignedResponse(status=answer.status)


def _install(ask: words.InstallCertificateRequest) -> m.InstallCertificateRequest:
    return m.InstallCertificateRequest(
        certificate_type=_root(ask.certificate_type), certificate=ask.certificate
    )


def _installed(answer: m.InstallCertificateResponse) -> words.InstallCertificateResponse:
    return words.InstallCertificateResponse(status=answer.status)


def _ids(ask: words.GetInstalledCertificateIdsRequest) -> tuple[str, m.GetInstalledCertificateIdsRequest]:
    if ask.certificate_type is None or len(ask.certificate_type) != 1:
        raise NotSupportedByDialect("", "OCPP 1.6 lists certificates of one type at a time")
    request = m.GetInstalledCertificateIdsRequest(certificate_type=_root(ask.certificate_type[0]))
    return "GetInstalledCertificateIds", request


def _ids_told(
    ask: words.GetInstalledCertificateIdsRequest, answer: m.GetInstalledCertificateIdsResponse
) -> words.GetInstalledCertificateIdsResponse:
    (kind,) = ask.certificate_type or ("CSMSRootCertificate",)
    chain = tuple(
        words.CertificateHashDataChainType(
            certificate_type=kind,
            certificate_hash_data=words.CertificateHashDataType(
                hash_algorithm=one.hash_algorithm,
                issuer_name_hash=one.issuer_name_hash,
                issuer_key_hash=one.issuer_key_hash,
                serial_number=one.serial_number,
            ),
        )
        for one in answer.certificate_hash_data or ()
    )
    return words.GetInstalledCertificateIdsResponse(
        status=answer.status, certificate_hash_data_chain=chain or None
    )


OUTBOUND: dict[type, Outbound] = {
    words.CertificateSignedRequest: Outbound("CertificateSigned", _signed, _signed_taken),
    words.GetInstalledCertificateIdsRequest: by_ask(_ids, _ids_told),
    words.InstallCertificateRequest: Outbound("InstallCertificate", _install, _installed),
}
