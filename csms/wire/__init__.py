"""Translates between stations and the house. Bytes in, values out: no socket, no wait, no clock."""
