"""The command line `chargepoint-sim`."""

from chargepoint_sim.cli.commands import main

__all__ = ["main"]
