"""Which certification cases hold: `python tools/conformance.py` runs their tests, writes docs/conformance.md.

`--list` only looks which tests there are and prints what is missing. A test says which cases it does by
`@pytest.mark.octt("TC_B_01_CSMS")`; a case holds if all its tests pass.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests" / "conformance" / "cases.csv"
PAGE = ROOT / "docs" / "conformance.md"

HEAD = """# Certification cases

The 252 cases of the Open Charge Alliance's programme for a CSMS (OCPP 2.0.1), and what our tests say of each.
Written by `make conformance`, which runs the tests; each speaks plain JSON to a running server.
A case is marked only where all of its steps and checks are done.
M: mandatory where its profile is certified; C: where its option is declared.

Beside them `tests/cli/test_every_message.py` drives every message at a running server: of 1.6 with its
security extension 39 (26 that we call, 14 that stations call), of 2.0.1 64 (40 and 25), of 2.1 91 (55 and 36,
and one that is only sent); DataTransfer goes both ways in each. Each call goes by the command line and by
REST with its answer, each message of a station is answered as its schema asks for. The test fails where a
version's messages are not those of its schemas.

"""


class Witness:
    """Hears which tests do which cases, and how they end."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)
        self.failed: set[str] = set()
        self.passed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the marks."""
        for item in items:
            for mark in item.iter_markers("octt"):
                for case in mark.args:
                    self.tests[case].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the end of a test."""
        if report.failed:
            self.failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def result(self, case: str) -> str:
        """passed, failed or missing."""
        tests = self.tests.get(case)
        if not tests:
            return "missing"
        return "passed" if all(one in self.passed and one not in self.failed for one in tests) else "failed"


def cases() -> list[dict[str, str]]:
    """All cases, in their order."""
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page(witness: Witness) -> str:
    """The page for people."""
    rows = [(one, witness.result(one["case"])) for one in cases()]
    held = sum(result == "passed" for _, result in rows)
    mandatory = [result for one, result in rows if one["need"] == "M"]
    counts = (
        f"{held} of {len(rows)} hold; of the {len(mandatory)} mandatory ones {mandatory.count('passed')}.\n\n"
    )
    lines = ["| case | title | use case | need | result |", "| --- | --- | --- | --- | --- |"]
    for one, result in rows:
        shown = "-" if result == "missing" else result
        lines.append(
            f"| {one['case']} | {one['title']} | {one['use case']} | {one['need'] or '-'} | {shown} |"
        )
    return HEAD + counts + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Run or list."""
    witness = Witness()
    listing = "--list" in arguments
    options = ["-q", "-m", "octt", "-p", "no:cacheprovider", str(ROOT / "tests" / "conformance")]
    code = pytest.main([*options, "--collect-only", "-qq"] if listing else options, plugins=[witness])
    known = {one["case"] for one in cases()}
    unknown = sorted(set(witness.tests) - known)
    missing = [one for one in cases() if not witness.tests.get(one["case"])]
    for one in missing:
        print(f"missing {one['case']} {one['need'] or '-'} {one['title']}")
    print(f"{len(known) - len(missing)} of {len(known)} cases have a test")
    if unknown:
        print("no such case:", *unknown)
    if not listing:
        PAGE.write_text(page(witness), encoding="utf-8")
    return int(code) or bool(unknown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
