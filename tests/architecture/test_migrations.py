"""The schema's history is one chain: two revisions that were made side by side would stop every start."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from csms.store import migrations


def test_the_migrations_are_one_chain_and_each_number_is_used_once() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    files = [path for path in Path(scripts.versions).glob("*.py") if path.name != "__init__.py"]
    chain = [revision.revision for revision in scripts.walk_revisions("base", "heads")]
    assert len(scripts.get_heads()) == 1
    assert sorted(chain) == sorted(path.name.partition("_")[0] for path in files)
