"""What docs/simulator.md says of the simulator is what the code says."""

from pathlib import Path

from chargepoint_sim.cli.output import fault_lines
from chargepoint_sim.scenario import read_scenario

_TEXT = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_the_table_of_faults_is_the_one_of_the_code() -> None:
    """`chargepoint-sim faults --markdown` prints it."""
    _, _, behind = _TEXT.partition("<!-- faults: from chargepoint_sim/faults.py, held by a test -->\n")
    table, _, _ = behind.partition("<!-- faults end -->")
    assert table.splitlines() == fault_lines(markdown=True)


def test_the_scenario_of_the_first_ten_minutes_can_be_played(tmp_path: Path) -> None:
    text = _TEXT.partition("```toml\n")[2].partition("```")[0]
    file = tmp_path / "first.toml"
    file.write_text(text, encoding="utf-8")
    scenario = read_scenario(file, None)
    assert (scenario.plan.count, len(scenario.expectations)) == (3, 3)
