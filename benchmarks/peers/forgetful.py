"""`csms serve` with a writer that says "kept" and keeps nothing: what durability costs is the difference.

Everything else is the product: sockets, authentication, validation, transaction state, facts, metrics, log.
"""

from collections.abc import Sequence

from csms import app
from csms.cli.main import main
from csms.store.writer import Change, Writer


class ForgetfulWriter(Writer):
    """Never to be used for anything but this measurement."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Keep nothing."""


if __name__ == "__main__":
    vars(app)["Writer"] = ForgetfulWriter
    main()
