"""Vouches: passwords, keys and certificates."""
