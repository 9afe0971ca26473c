"""Write the next revision of the schema from what the rows say: `python tools/new_revision.py "what"`.

Read and correct what comes out: it knows nothing of data.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

_SCRIPTS = Path(__file__).parent.parent / "csms" / "store" / "migrations"


def main(message: str) -> None:
    """Migrate an empty database to the newest revision and compare it with the rows."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    number = sum(1 for _ in (_SCRIPTS / "versions").glob("0*.py")) + 1
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    main(sys.argv[1])
