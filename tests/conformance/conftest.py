"""A lab for each case."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.lab import Lab, lab


@pytest.fixture
async def octt() -> AsyncIterator[Lab]:
    """A lab whose station is connected, booted and idle."""
    async with lab() as running:
        yield running


@pytest.fixture
async def newest() -> AsyncIterator[Lab]:
    """The same with a station of OCPP 2.1."""
    async with lab(version="2.1") as running:
        yield running
