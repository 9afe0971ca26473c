"""The stage of the grid's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.grid.stage import Stage, open_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A house with a site and a program, no vehicles."""
    async with open_stage() as opened:
        await opened.site()
        await opened.program()
        yield opened
