"""Vendors' own ways to order a discharge by DataTransfer, by the name that a dialect record gives them.

None is known yet. An adapter writes a lease as the vendor's DataTransfer and reads its answer; a record that
names an adapter which is not here gets no order.
"""

from collections.abc import Mapping
from typing import Protocol

from csms.domain.profile import InstallProfile, ProfileAnswer
from csms.wire.v201.messages import DataTransferRequest, DataTransferResponse


class Adapter(Protocol):
    """One vendor's form of an order."""

    def write(self, ask: InstallProfile) -> DataTransferRequest:
        """The lease as the vendor takes it; it must end by itself like any lease."""

    def read(self, answer: DataTransferResponse) -> ProfileAnswer:
        """What the station made of it."""


ADAPTERS: Mapping[str, Adapter] = {}
