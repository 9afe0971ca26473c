"""One charging station: its EVSEs, its rules and its conversation with the server."""
