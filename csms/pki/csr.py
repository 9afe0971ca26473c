"""What a station may ask to have signed (A02): a request that is whole, with a sound key, in its own name."""

from collections.abc import Collection
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from csms.errors import Invalid

RSA_BITS_MIN = 2048  # A00.FR.507
CURVES = ("secp256r1", "secp384r1", "secp521r1")  # at least 256 bits (A00.FR.506)

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


@dataclass(frozen=True, slots=True)
class Wish:
    """A public key, and the common name that it shall stand under."""

    name: str
    public_key: PublicKey


def checked(pem: str, names: Collection[str]) -> Wish:
    """What a certificate signing request wants, if its sender may have it. Raises `Invalid`.

    `names` are the common names that its sender may have (A00.FR.404: a station's serial number).
    """
    wish = read(pem)
    if wish.name not in names:
        raise Invalid("csr", f"The common name {wish.name[:64]!r} is not the station's.")
    return wish


def read(pem: str) -> Wish:
    """The name and the key in a sound request. Raises `Invalid` with what is wrong with it.

    All else that it asks for is the authority's to decide.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        sound = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid("csr", "It is no certificate signing request in PEM.") from None
    if not sound:
        raise Invalid("csr", "It is not signed with its own key.")
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise Invalid("csr", "The key is neither ECDSA nor RSA.")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        raise Invalid("csr", f"An RSA key has at least {RSA_BITS_MIN} bits.")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in CURVES:
        raise Invalid("csr", f"The curve {key.curve.name} is not known.")
    told = [str(one.value) for one in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(told) != 1:
        raise Invalid("csr", "It needs one common name.")
    return Wish(told[0], key)
