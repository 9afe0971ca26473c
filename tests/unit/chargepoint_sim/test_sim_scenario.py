"""Scenario files: what they say, and what is said of those that are wrong."""

from pathlib import Path

import pytest

from chargepoint_sim.faults import FAULTS, parse_fault
from chargepoint_sim.fleet.catalogue import Catalogue
from chargepoint_sim.scenario import BadScenario, read_scenario
from chargepoint_sim.scenario.sentences import NoSentence, amount, read_sentence
from chargepoint_sim.scenario.story import Measure
from chargepoint_sim.station.words import Version

_FLEET = '[fleet]\nurl = "ws://x"\ncount = 4\n'


@pytest.mark.parametrize(
    ("text", "measure", "least", "most", "at_s", "from_s"),
    [
        ("exported >= 40 kWh", Measure.EXPORTED_WH, 40_000, None, None, None),
        ("imported <= 1 MWh at 10 min", Measure.IMPORTED_WH, None, 1e6, 600, None),
        ("power between -20 kW and -15 kW from 120 s to 5 min", Measure.POWER_W, -20_000, -15_000, 300, 120),
        ("power between -15 kW and -20 kW", Measure.POWER_W, -20_000, -15_000, None, None),
        ("no station below reserve", Measure.LOWEST_SOC_MARGIN, 0, None, None, None),
        ("all answered within 2 s", Measure.SLOWEST_ANSWER_S, None, 2, None, None),
        ("none offline at the end", Measure.OFFLINE, None, 0, None, None),
        ("online = 5", Measure.ONLINE, 5, 5, None, None),
        ("profiles  rejected <= 3", Measure.PROFILES_REJECTED, None, 3, None, None),
    ],
)
def test_sentences(
    text: str, measure: Measure, least: float, most: float, at_s: float, from_s: float
) -> None:
    said = read_sentence(text)
    assert (said.measure, said.least, said.most, said.at_s, said.from_s) == (
        measure,
        least,
        most,
        at_s,
        from_s,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("exported >= 40 kW", "kW is no unit of energy"),
        ("exported >= 40 kilos", "no unit 'kilos'"),
        ("happiness >= 1", "there is no 'happiness'"),
        ("online", "is no expectation"),
        ("", "is no expectation"),
    ],
)
def test_sentences_that_mean_nothing(text: str, says: str) -> None:
    with pytest.raises(NoSentence, match=says):
        read_sentence(text)


def test_every_fault_has_a_name_for_scenarios_and_the_command_line(tmp_path: Path) -> None:
    rows = "".join(f'[[fault]]\nfault = "{fault.written}"\nat_s = 1\n' for fault in FAULTS.values())
    (tmp_path / "all.toml").write_text(f"duration_s = 10\n{_FLEET}{rows}")
    orders = [one.order for one in read_scenario(tmp_path / "all.toml", None).happenings]
    assert orders == [parse_fault(fault.written) for fault in FAULTS.values()]  # what --fault reads
    assert [order.argument for order in orders] == [fault.usual for fault in FAULTS.values()]


def test_amounts() -> None:
    assert (amount("-20 kW", "power"), amount(-5, "power"), amount("1.5 h", "time")) == (-20_000, -5, 5_400)
    with pytest.raises(NoSentence):
        amount("much", "power")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("duration_s = 5\n", "missing required field `fleet`"),
        ("duration_s = 5\n[fleet]\ncount = 1\n", "`fleet.url`"),
        (f"duration_s = 0\n{_FLEET}", "`duration_s`"),
        (f"duration_s = 5\n{_FLEET}colour = 1\n", "unknown field `colour` - at `fleet`"),
        (f"duration_s = 5\n{_FLEET}hlc = 'shout'\n", "`fleet.hlc`"),
        (f"duration_s = 5\n{_FLEET}versions = {{ '3.0' = 1 }}\n", "`fleet.versions"),
        (f"duration_s = 5\n{_FLEET}vehicles = {{ Batmobile = 1 }}\n", "`fleet.vehicles`"),
        (f"duration_s = 5\n{_FLEET}[[fault]]\nfault = 'flood'\n", "`fault[0].fault`"),
        (f"duration_s = 5\n{_FLEET}[[fault]]\nfault = 'cut'\nstation = 9\n", "`fault[0].station`"),
        (f"duration_s = 5\n{_FLEET}[[fault]]\nfault = 'cut'\nat_s = 9\n", "`fault[0].at_s`"),
        (f"duration_s = 5\n{_FLEET}[[fault]]\nfault = 'cut'\nat_s = 3\nuntil_s = 2\n", "`fault[0].until_s`"),
        (f"duration_s = 5\n{_FLEET}[[event]]\npower = '5 Wh'\nfor_s = 1\n", "`event[0].power`"),
        (f"duration_s = 5\n{_FLEET}[[expect]]\nthat = 'peace'\n", "`expect[0].that`"),
        (f"duration_s = 5\n{_FLEET}[[expect]]\nwhat = 'online'\n", "`expect[0]`"),
        (f"duration_s = 5\n{_FLEET}[[expect]]\nthat = 'none offline'\nat_s = 6\n", "`expect[0].at_s`"),
        ("duration_s = ", "Invalid"),
    ],
)
def test_a_wrong_file_names_the_key(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(BadScenario) as caught:
        read_scenario(file, None)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shares_and_arrivals_fall_where_they_belong(tmp_path: Path) -> None:
    file = tmp_path / "mix.toml"
    file.write_text(
        f"duration_s = 50\n{_FLEET}versions = {{ '2.0.1' = 1, '2.1' = 1 }}\n"
        "[[arrival]]\nstation = 3\nvehicle = 'Leaf e+'\nsoc = 55\nleaves_s = 40\nreserve_soc = 25\n"
        "[[fault]]\nfault = 'cut'\nshare = 0.5\nat_s = 1\nuntil_s = 5\n"
    )
    scenario = read_scenario(file, None)
    plan = scenario.plan
    assert [plan.fixed(one).version for one in (1, 2, 3, 4)] == [Version.V201] * 2 + [Version.V21] * 2
    (guest,) = plan.guests(3, [], Catalogue())
    assert guest.vehicle.battery.soc == pytest.approx(55)
    assert guest.reserve_soc == 25
    assert plan.guests(1, [], Catalogue()) == []
    assert len(scenario.happenings[0].stations or ()) == 2
    assert read_scenario(file, None).happenings == scenario.happenings
