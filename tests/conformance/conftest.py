"""A lab for each case."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance.lab import Lab, lab


@pytest.fixture
async def octt() -> AsyncIterator[Lab]:
    """A lab whose station is connected, booted and idle."""
    async with lab() as running:
        yield running
