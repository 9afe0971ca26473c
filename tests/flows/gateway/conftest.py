"""A gateway for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.flows.gateway.front import Front, front


@pytest.fixture
async def door() -> AsyncIterator[Front]:
    """A gateway with all blocks, short time-outs and one registered station."""
    async with front() as house:
        yield house
