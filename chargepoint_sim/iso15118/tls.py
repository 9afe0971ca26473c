"""TLS between vehicle and station: 1.3, both show a certificate."""

import ssl

from chargepoint_sim.iso15118.pki import Identity


def station_context(identity: Identity) -> ssl.SSLContext:
    """What a station listens with: a vehicle has to show a chain to the trusted root."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    return _filled(context, identity)


def vehicle_context(identity: Identity) -> ssl.SSLContext:
    """What a vehicle connects with. A station has no name: its chain to the trusted root is all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    return _filled(context, identity)


def _filled(context: ssl.SSLContext, identity: Identity) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(identity.trusted)
    context.load_cert_chain(identity.chain, identity.key)
    return context
