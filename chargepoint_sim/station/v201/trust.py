"""What the station answers about its own certificates and the roots that it trusts: in 1.6 the same words."""

from collections.abc import Callable, Mapping

from ocpp.v201 import call_result

from chargepoint_sim.station.certificates import HashData, Use
from chargepoint_sim.station.credentials import STATION
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload


class Trust:
    """Certificates taken, roots installed and deleted. `use` reads a version's word for a root's use."""

    def __init__(self, desk: Desk, use: Callable[[str], Use]) -> None:
        self._instruments = desk.cabinet.instruments
        self._use = use

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "CertificateSigned": self.certificate_signed,
            "DeleteCertificate": self.delete_certificate,
            "InstallCertificate": self.install_certificate,
        }

    def certificate_signed(
        self, certificate_chain: str, certificate_type: str | None = None, **_: object
    ) -> object:
        """Take a certificate that was asked for."""
        taken = self._instruments.credentials.signed(certificate_type or STATION, certificate_chain)
        return call_result.CertificateSigned(status="Accepted" if taken else "Rejected")

    def install_certificate(self, certificate_type: str, certificate: str, **_: object) -> object:
        """Trust a root."""
        status = self._instruments.certificates.install(self._use(certificate_type), certificate)
        return call_result.InstallCertificate(status=status)

    def delete_certificate(self, certificate_hash_data: Payload, **_: object) -> object:
        """Trust a root no longer."""
        wanted = _hash_data_of(certificate_hash_data)
        return call_result.DeleteCertificate(status=self._instruments.certificates.delete(wanted))


def _hash_data_of(written: Payload) -> HashData:
    """What identifies a certificate."""
    return HashData(
        written["hash_algorithm"],
        written["issuer_name_hash"].casefold(),
        written["issuer_key_hash"].casefold(),
        written["serial_number"].casefold().lstrip("0") or "0",
    )


def written_hash_data(one: HashData) -> Mapping[str, str]:
    """What identifies a certificate."""
    return {
        "hashAlgorithm": one.algorithm,
        "issuerNameHash": one.issuer_name,
        "issuerKeyHash": one.issuer_key,
        "serialNumber": one.serial,
    }
