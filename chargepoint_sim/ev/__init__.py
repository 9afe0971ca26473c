"""The electric vehicle: its battery and what its driver needs."""
