"""`csms serve` with a writer that says "kept" and keeps nothing: what durability costs is the difference.

Everything else is the product: sockets, authentication, validation, transaction state, facts, metrics, log.
"""

import asyncio
from collections.abc import Sequence

from csms import app
from csms.cli.main import main
from csms.store.writer import Change, Done, Writer


class ForgetfulWriter(Writer):
    """Never to be used for anything but this measurement."""

    def submit(self, changes: Sequence[Change], done: Done) -> None:
        """Keep nothing, and say so at once."""
        asyncio.get_running_loop().call_soon(done, None)

    async def commit(self, changes: Sequence[Change]) -> None:
        """Keep nothing."""


if __name__ == "__main__":
    vars(app)["Writer"] = ForgetfulWriter
    main()
