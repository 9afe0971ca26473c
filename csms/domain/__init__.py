"""Decides. Plain values and functions: nothing here awaits, logs, opens or reads a clock."""
