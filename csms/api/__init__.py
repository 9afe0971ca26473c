"""People's and programs' door: REST under /api/v1. One resource a file; a route checks, calls, shapes."""
