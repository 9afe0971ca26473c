"""The dashboard: static files that talk to the REST API only."""
