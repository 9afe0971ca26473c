"""What the station answers: what concerns people and vendors (blocks I, O and P)."""

from ocpp.v201 import call_result

from chargepoint_sim.station.v201.desk import Desk, Routes


class Messages:
    """Blocks I, O and P."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "DataTransfer": self.data_transfer,
        }

    def data_transfer(self, vendor_id: str, **_: object) -> object:
        """No vendor is known here."""
        return call_result.DataTransfer(status="UnknownVendorId")
