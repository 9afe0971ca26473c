"""Many stations in one process, with vehicles that come and go."""
