"""What the station answers: keys, certificates and ways to the server (blocks A, B09 and M)."""

from ocpp.v201 import call_result

from chargepoint_sim.station.certificates import Use
from chargepoint_sim.station.networks import NetworkProfile
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload
from chargepoint_sim.station.v201.trust import Trust, written_hash_data


class Security:
    """Blocks A and M, and network profiles."""

    def __init__(self, desk: Desk) -> None:
        self._instruments = desk.cabinet.instruments
        self._trust = Trust(desk, Use)

    def routes(self) -> Routes:
        """Who answers what."""
        return self._trust.routes() | {
            "GetInstalledCertificateIds": self.get_installed_certificate_ids,
            "SetNetworkProfile": self.set_network_profile,
        }

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
