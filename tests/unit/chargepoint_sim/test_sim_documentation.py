"""What docs/simulator.md says of the simulator is what the code says."""

from pathlib import Path

from chargepoint_sim.cli.output import fault_lines

_TEXT = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_table_of_faults_is_the_one_of_the_code() -> None:
    """`chargepoint-sim faults --markdown` prints it."""
    _, _, behind = _TEXT.partition("<!-- faults: from chargepoint_sim/faults.py, held by a test -->\n")
    table, _, _ = behind.partition("<!-- faults end -->")
    assert table.splitlines() == fault_lines(markdown=True)
