"""`python -m chargepoint_sim`."""

from chargepoint_sim.cli import main

if __name__ == "__main__":
    main()
