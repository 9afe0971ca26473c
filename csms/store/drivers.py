"""How a batch of changes reaches the disk: what each kind of database has to do. Never the ORM."""

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlmodel import Field, SQLModel

from csms.store.rows import wide
from csms.store.statements import Change, put


class ProbeRow(SQLModel, table=True):
    """One row that is written to learn whether the store works again."""

    __tablename__ = "probe"

    probe_id: int = Field(sa_column=wide(primary_key=True))
    ballast: bytes


PROBE = put(ProbeRow)
PROBE_CHANGE = Change(PROBE, ((1, bytes(256 * 1024)),))
"""Large, so that a disk with room for a single page does not count as working."""


class Driver(Protocol):
    """One connection that commits batches."""

    async def open(self) -> None:
        """Connect. Raises `StoreUnavailable`."""
        ...

    async def flush(self, changes: Sequence[Change], kept: Callable[[], None]) -> None:
        """Commit all of them or none; call `kept` as soon as they are on disk.

        Raises `ChangeRefused` (one of them is bad) or `StoreUnavailable`, and then does not call `kept`; nor
        is it called when the caller was cancelled.
        """
        ...

    async def probe(self) -> None:
        """After a failure: connect anew and prove that a write reaches the disk.

        Raises `StoreUnavailable`.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and disconnect."""
        ...


def reason(error: Exception) -> str:
    """What was wrong with a change, without its values: those may be anybody's secret."""
    told = str(error).partition("\n")[0] if "constraint" in str(error) else ""
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
