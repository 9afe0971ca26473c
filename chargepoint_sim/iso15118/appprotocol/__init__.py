"""The handshake in which vehicle and station agree on a protocol."""
