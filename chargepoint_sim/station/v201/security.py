"""What the station answers: keys, certificates and ways to the server (blocks A, B09 and M)."""

from collections.abc import Mapping

from ocpp.v201 import call_result

from chargepoint_sim.station.certificates import HashData, Use
from chargepoint_sim.station.credentials import STATION
from chargepoint_sim.station.networks import NetworkProfile
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload


class Security:
    """Blocks A and M, and network profiles."""

    def __init__(self, desk: Desk) -> None:
        self._instruments = desk.cabinet.instruments

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "CertificateSigned": self.certificate_signed,
            "DeleteCertificate": self.delete_certificate,
            "GetInstalledCertificateIds": self.get_installed_certificate_ids,
            "InstallCertificate": self.install_certificate,
            "SetNetworkProfile": self.set_network_profile,
        }

    def certificate_signed(
        self, certificate_chain: str, certificate_type: str | None = None, **_: object
    ) -> object:
        """Take a certificate that was asked for."""
        taken = self._instruments.credentials.signed(certificate_type or STATION, certificate_chain)
        return call_result.CertificateSigned(status="Accepted" if taken else "Rejected")

    def install_certificate(self, certificate_type: str, certificate: str, **_: object) -> object:
        """Trust a root."""
        status = self._instruments.certificates.install(Use(certificate_type), certificate)
        return call_result.InstallCertificate(status=status)

    def delete_certificate(self, certificate_hash_data: Payload, **_: object) -> object:
        """Trust a root no longer."""
        wanted = hash_data_of(certificate_hash_data)
        return call_result.DeleteCertificate(status=self._instruments.certificates.delete(wanted))

    def get_installed_certificate_ids(self, certificate_type: list[str] | None = None, **_: object) -> object:
        """Say what is trusted."""
        uses = [Use(one) for one in certificate_type] if certificate_type else list(Use)
        rows = self._instruments.certificates.listed(uses)
        if not rows:
            return call_result.GetInstalledCertificateIds(status="NotFound")
        chains = []
        for use, own, children in rows:
            row = {"certificateType": use.value, "certificateHashData": written_hash_data(own)}
            below = [written_hash_data(one) for one in children]
            chains.append(row | ({"childCertificateHashData": below} if below else {}))
        return call_result.GetInstalledCertificateIds(status="Accepted", certificate_hash_data_chain=chains)

    def set_network_profile(self, configuration_slot: int, connection_data: Payload, **_: object) -> object:
        """Learn a way to the server."""
        profile = NetworkProfile(
            connection_data["ocpp_csms_url"],
            connection_data["security_profile"],
            connection_data["ocpp_version"],
            connection_data["ocpp_transport"],
        )
        status, reason = self._instruments.networks.set(configuration_slot, profile)
        info = None if reason is None else {"reasonCode": reason}
        return call_result.SetNetworkProfile(status=status, status_info=info)


def hash_data_of(written: Payload) -> HashData:
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
