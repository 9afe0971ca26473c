"""Simulated charging stations and vehicles that speak real OCPP to any server."""
