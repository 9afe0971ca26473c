"""Who takes part in the live events: programs, enrolments and opt-outs, read once a tick."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from csms.domain.grid_event import GridEvent, assign
from csms.domain.program import Program
from csms.domain.site import names_around
from csms.grid.fleet import Membership, Snapshot
from csms.grid.leases import EvseKey
from csms.grid.pace import Steps, slices
from csms.grid.participation import Part, Roster
from csms.store import programs
from csms.store.database import Database
from csms.store.transactions import FleetRow


class Members:
    """Programs and memberships of the live events."""

    def __init__(self, known: dict[str, tuple[Program, Membership]]) -> None:
        self._known = known

    @classmethod
    async def read(cls, db: Database, events: Iterable[GridEvent]) -> "Members":
        """Ask the store. An event whose program is gone has no members."""
        known: dict[str, tuple[Program, Membership]] = {}
        for event in events:
            program = await programs.get(db, event.program_id)
            if program is None:
                known[event.id] = (Program(event.program_id, event.program_id), Membership())
                continue
            enrolled = await programs.enrolled(db, program.id)
            opted_out = await programs.opted_out(db, program.id, event.id)
            known[event.id] = (program, Membership(enrolled=enrolled, opted_out=opted_out))
        return cls(known)

    def program(self, event_id: str) -> Program:
        """The event's program."""
        return self._known[event_id][0]

    def of(self, event_id: str) -> Membership:
        """Who is enrolled, who opted out."""
        return self._known[event_id][1]

    def taking_part(self, event_id: str, driver_id: str | None) -> bool:
        """Whether this driver is part of the event."""
        membership = self.of(event_id)
        return (
            driver_id is not None
            and driver_id in membership.enrolled
            and driver_id not in membership.opted_out
        )

    def ruled(self, events: Sequence[GridEvent], snapshot: Snapshot) -> Steps[dict[str, list[FleetRow]]]:
        """Event id -> the EVSEs it rules: of the events that cover an EVSE and its driver the strongest."""
        ruled: dict[str, list[FleetRow]] = {event.id: [] for event in events}
        meant: dict[str | None, frozenset[str]] = {}
        for part in slices(snapshot.rows):
            for row in part:
                if row.site_id not in meant:
                    meant[row.site_id] = names_around(snapshot.sites, row.site_id)
                own = [event for event in events if self.taking_part(event.id, row.driver_id)]
                event = assign(own, row.station_id, meant[row.site_id])
                if event is not None:
                    ruled[event.id].append(row)
            yield
        return ruled

    def seen(
        self,
        event_id: str,
        roster: Roster,
        silent: set[EvseKey],
        watched: tuple[set[EvseKey], dict[EvseKey, float]],
    ) -> Membership:
        """The membership with what the event, and the watch over all SoC, have learned of its EVSEs."""
        parts = roster.rows(event_id)
        return replace(
            self.of(event_id),
            refused={(part.identity, part.evse_id) for part in parts if part.state == Part.REFUSED},
            not_following={
                (part.identity, part.evse_id) for part in parts if part.state == Part.NOT_FOLLOWING
            },
            silent=silent,
            soc_refused=watched[0],
            most_soc=watched[1],
        )
