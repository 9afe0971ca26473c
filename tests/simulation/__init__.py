"""Deterministic simulation: the real gateway and store on a made-up network, disk and clock."""
