"""What the station answers: who may charge (blocks C and D)."""

from ocpp.v201 import call_result

from chargepoint_sim.station.local_list import Kept, folded
from chargepoint_sim.station.v201 import spelling
from chargepoint_sim.station.v201.desk import Desk, Routes
from chargepoint_sim.station.v201.spelling import Payload


class Authorization:
    """Blocks C and D."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Routes:
        """Who answers what."""
        return {
            "ClearCache": self.clear_cache,
            "GetLocalListVersion": self.get_local_list_version,
            "SendLocalList": self.send_local_list,
        }

    def clear_cache(self, **_: object) -> object:
        """Forget what the server has said of tokens."""
        cleared = self._desk.cabinet.authorizer.cache.clear()
        return call_result.ClearCache(status="Accepted" if cleared else "Rejected")

    def get_local_list_version(self, **_: object) -> object:
        """Which local list is here."""
        listed = self._desk.cabinet.authorizer.local_list
        return call_result.GetLocalListVersion(version_number=listed.version if listed.enabled else 0)

    def send_local_list(
        self,
        version_number: int,
        update_type: str,
        local_authorization_list: list[Payload] | None = None,
        **_: object,
    ) -> object:
        """Take a local list, or a difference."""
        rows = local_authorization_list or []
        entries = {
            spelling.token(row["id_token"]): (
                spelling.token_info(row["id_token_info"]) if "id_token_info" in row else None
            )
            for row in rows
        }
        listed = self._desk.cabinet.authorizer.local_list
        twice = len({folded(token) for token in entries}) < len(rows)  # D01.FR.18: no token twice
        take = listed.replace if update_type == "Full" else listed.change
        return call_result.SendLocalList(status=Kept.FAILED if twice else take(version_number, entries))
