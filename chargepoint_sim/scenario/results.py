"""What came of a scenario as files: JUnit XML for a CI, a picture for people."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from chargepoint_sim.scenario.play import Outcome
from chargepoint_sim.scenario.story import Scenario

_SIZE = (9.0, 5.0)


def write_junit(path: Path, scenario: Scenario, outcome: Outcome, seconds: float) -> None:
    """One test case for each expectation; one that failed says what was found. `OSError`."""
    checks = outcome.checks
    failures = sum(not check.held for check in checks) + (not outcome.ready)
    suite = ElementTree.Element(
        "testsuite",
        name=scenario.name,
        tests=str(len(checks) + (not outcome.ready)),
        failures=str(failures),
        errors="0",
        time=f"{seconds:.1f}",
    )
    for check in checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"scenario.{scenario.name}", name=check.expectation.sentence
        )
        if not check.held:
            ElementTree.SubElement(case, "failure", message=check.sentence)
    if not outcome.ready:
        case = ElementTree.SubElement(suite, "testcase", classname=f"scenario.{scenario.name}", name="ready")
        ElementTree.SubElement(case, "failure", message="the fleet never got ready")
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def draw(path: Path, scenario: Scenario, outcome: Outcome) -> None:
    """Power and energy over time, stations online, and what happened when. `OSError`, `ValueError`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    power, stations = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    at_s = [sample.at_s for sample in outcome.samples]
    power.plot(at_s, [sample.power_w / 1e3 for sample in outcome.samples], label="power into vehicles, kW")
    energy = power.twinx()
    for label, values in (
        ("imported, kWh", [sample.imported_wh / 1e3 for sample in outcome.samples]),
        ("exported, kWh", [sample.exported_wh / 1e3 for sample in outcome.samples]),
    ):
        energy.plot(at_s, values, linestyle="--", linewidth=1.0, label=label)
    power.axhline(0.0, color="0.6", linewidth=0.8)
    power.set_ylabel("kW")
    energy.set_ylabel("kWh")
    stations.step(at_s, [sample.online for sample in outcome.samples], where="post")
    stations.set_ylim(0, scenario.plan.count * 1.1)
    stations.set_ylabel("online")
    stations.set_xlabel("simulated seconds")
    for moment_s, text in _moments(scenario):
        for axes in (power, stations):
            axes.axvline(moment_s, color="0.5", linewidth=0.8, linestyle=":")
        power.annotate(
            text, (moment_s, 1.0), xycoords=("data", "axes fraction"), rotation=90, va="top", size=7
        )
    handles = [line for axes in (power, energy) for line in axes.get_legend_handles_labels()[0]]
    power.legend(handles=handles, loc="lower left", fontsize=8)
    held = "passed" if outcome.passed else "FAILED"
    power.set_title(f"{scenario.name}: {held}")
    figure.savefig(path)


def _moments(scenario: Scenario) -> Iterable[tuple[float, str]]:
    for one in scenario.happenings:
        yield one.from_s or 0.0, one.order.fault.name
        if one.until_s is not None:
            yield one.until_s, f"end of {one.order.fault.name}"
    for event in scenario.events:
        yield event.at_s + event.lead_s, f"event {event.power_w / 1e3:g} kW"
