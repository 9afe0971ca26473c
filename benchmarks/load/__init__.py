"""The load generator: stations without a WebSocket library, in a process of their own."""
