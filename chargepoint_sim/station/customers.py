"""What the station keeps of a customer, to be told or erased (N09, N10)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chargepoint_sim.station.authorization import Authorizer
from chargepoint_sim.station.local_list import folded
from chargepoint_sim.station.reservations import Reservations
from chargepoint_sim.station.visit import Visit
from chargepoint_sim.station.words import IdToken


@dataclass
class Customers:
    """A look into everything that remembers people. `observe` notes an erasure, without saying whose."""

    authorizer: Authorizer
    reservations: Reservations
    visits: Mapping[int, Visit]
    observe: Callable[[str, dict[str, object]], None]

    def named(self, identifier: str) -> list[IdToken]:
        """The tokens that an identifier means: those with that value, of whatever kind."""
        known = [
            *self.authorizer.cache.entries,
            *self.authorizer.local_list.entries,
            *(folded(one.token) for one in self.reservations.kept.values()),
            *(folded(visit.holder.token) for visit in self.visits.values() if visit.holder is not None),
        ]
        return [token for token in dict.fromkeys(known) if token.value == identifier.casefold()]

    def report(self, token: IdToken) -> str:
        """All that is known of a token, as text; empty if nothing."""
        lines = []
        cached = self.authorizer.cache.entries.get(folded(token))
        if cached is not None:
            lines.append(f"authorization cache: {token.value}, {cached.info.status}")
        listed = self.authorizer.local_list.entries.get(folded(token))
        if listed is not None:
            lines.append(f"local list: {token.value}, {listed.status}")
        lines += [
            f"reservation {one.id}: {token.value}, until {one.until.isoformat()}"
            for one in self.reservations.kept.values()
            if folded(one.token) == folded(token)
        ]
        for evse_id, visit in self.visits.items():
            if visit.holder is not None and folded(visit.holder.token) == folded(token):
                running = visit.transaction.id if visit.transaction is not None else "none"
                lines.append(f"EVSE {evse_id}: {token.value}, transaction {running}")
        return "\n".join(lines)

    def erase(self, token: IdToken) -> None:
        """Forget all but what runs; the server sends the local list anew (N10.FR.06, N10.FR.07)."""
        gone = self.authorizer.cache.forget(token)
        gone = self.authorizer.local_list.forget(token) or gone
        gone = bool(self.reservations.forget(token)) or gone
        self.observe("customer_erased", {"found": gone})
