"""ISO 15118-20 between a vehicle (EVCC) and its station (SECC)."""
