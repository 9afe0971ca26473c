"""Tells: facts to whom they may concern, asks to one station."""
