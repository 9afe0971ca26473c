"""The station's own stack of charging profiles, by the letter of OCPP 2.0.1 block K. Pure."""
