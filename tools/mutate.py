"""Mutation test of the safety kernel: changes `csms/domain/safety.py` bit by bit, looks whether a test minds.

Works in a copy, which is removed again. Prints how many mutants were killed and each survivor's difference,
and fails if one survives that is not explained here. Run by `make mutate` (extra `mutate`).
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("csms", "tests", "pyproject.toml", "README.md")
EXPLAINED = {
    "csms.domain.safety.x_check_order__mutmut_3": "the rules that always hold read no clock",
}


def main() -> int:
    """Run it; 0 if nothing survives unexplained."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        for name in COPIED:
            source, target = ROOT / name, Path(folder, name)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        run = _mutmut(folder, "run", "--max-children", sys.argv[1] if len(sys.argv) > 1 else "2")
        if run.returncode != 0:
            print(run.stdout[-3000:], run.stderr[-3000:])
            return 1
        found = dict(
            re.findall(r"(csms\.\S+): (\w[\w ]*)", _mutmut(folder, "results", "--all", "true").stdout)
        )
        alive = [name for name, state in found.items() if state != "killed"]
        print(f"{len(found)} mutants, {len(found) - len(alive)} killed, {len(alive)} not")
        for name in alive:
            print(f"\n{name}: {found[name]}. {EXPLAINED.get(name, 'NOT EXPLAINED')}")
            print(*_changed(_mutmut(folder, "show", name).stdout), sep="\n")
        return 0 if found and set(alive) <= EXPLAINED.keys() else 1


def _mutmut(folder: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("mutmut")), *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=3600, check=False)


def _changed(diff: str) -> list[str]:
    return [line for line in diff.splitlines() if re.match(r"[+-](?![+-])", line)]


if __name__ == "__main__":
    sys.exit(main())
