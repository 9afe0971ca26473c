"""Scenarios: a fleet, what happens to it, and what has to be true of it."""

from chargepoint_sim.scenario.play import Outcome, play
from chargepoint_sim.scenario.reading import BadScenario, read_scenario
from chargepoint_sim.scenario.story import Scenario

__all__ = ["BadScenario", "Outcome", "Scenario", "play", "read_scenario"]
