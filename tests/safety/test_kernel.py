"""Every branch of the safety kernel is met by its tests; it stays small and imports nothing that plans."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
KERNEL = ROOT / "csms" / "domain" / "safety.py"
MAY_IMPORT = {
    "collections.abc", "csms.domain.dialect_record", "csms.domain.profile", "csms.domain.setpoint",
    "csms.domain.units", "csms.errors", "dataclasses", "datetime", "itertools", "math",
}  # fmt: skip


def test_g_21_every_branch_of_the_kernel_is_met(tmp_path: Path) -> None:
    coverage = [sys.executable, "-m", "coverage"]
    environ = os.environ | {"COVERAGE_FILE": str(tmp_path / "data")}
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/domain/test_safety.py"]
    run = [*coverage, "run", "--branch", f"--include={KERNEL}", *tests]
    done = subprocess.run(
        run, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    report = tmp_path / "report.json"
    subprocess.run(
        [*coverage, "json", "-o", str(report)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        timeout=60,
        check=True,
    )
    (figures,) = json.loads(report.read_text())["files"].values()
    assert figures["missing_lines"] == []
    assert figures["missing_branches"] == []


def test_v_16_the_kernel_knows_nothing_that_plans_and_stays_small() -> None:
    text = KERNEL.read_text()
    imported = {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    assert imported <= MAY_IMPORT
    assert not any(isinstance(node, ast.Import) for node in ast.walk(ast.parse(text)))
    assert text.count("\n") <= 400  # G21 would allow 1,500
