"""Steers the fleet: senses, decides with the rules of `domain`, records, and only then acts."""
