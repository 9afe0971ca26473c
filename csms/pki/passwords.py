"""Passwords of stations and keys of API users: made, hashed, compared.

Both are random machine secrets, not words that people think up: a generated password holds 160 bits and no
dictionary helps against it. So a fast salted hash is enough, and a slow one would only hold up the event
loop at each of thousands of handshakes. Passwords that an operator chooses must pass `check_strength`
first.
"""

import hashlib
import hmac
import math
import secrets
import string

from csms.errors import Invalid

PASSWORD_LENGTH = 40
PASSWORD_MIN = 16
PASSWORD_MAX = 64
MIN_BITS = 60.0
KEY_PREFIX = "csms_"

_SCHEME = "hmac-sha256"
_SALT_BYTES = 16

DUMMY_HASH = f"{_SCHEME}${'0' * 2 * _SALT_BYTES}${'0' * 64}"
"""A hash that no password has.

Verify against it for an unknown identity, so that it costs the same time (B-04).
"""


def generate() -> str:
    """A new station password: 160 random bits (A01.FR.06 asks for enough randomness).

    In 40 hexadecimal digits, because OCPP 1.6 takes nothing else, and the largest key that it takes.
    """
    return secrets.token_hex(PASSWORD_LENGTH // 2)


def hash_password(password: str) -> str:
    """The salted hash of a password: all that is ever stored of it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return f"{_SCHEME}${salt.hex()}${_digest(salt, password)}"


def verify(password: str, stored: str) -> bool:
    """Whether this is the password behind a stored hash; takes the same time whatever the answer is."""
    scheme, _, rest = stored.partition("$")
    salt, _, wanted = rest.partition("$")
    if scheme != _SCHEME:
        return False
    try:
        return hmac.compare_digest(_digest(bytes.fromhex(salt), password), wanted)
    except (ValueError, TypeError):
        return False


def check_strength(password: str) -> None:
    """Refuse an operator-chosen password that is too short, too long or too easily guessed.

    Raises `Invalid` naming `password`. The length bounds are those of BasicAuthPassword (16 to 64, A00.FR.205
    with its erratum).
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Invalid("password", f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.")
    if not password.isprintable():
        raise Invalid("password", "A password has printable characters only.")
    if entropy_bits(password) < MIN_BITS:
        raise Invalid("password", "This password is too easily guessed; let one be generated.")


def entropy_bits(password: str) -> float:
    """A cautious estimate: characters that follow from those before them count for nothing.

    Counted as following: a repeat or the neighbour of the character before ("aaa", "4567", "cba"), and what
    has followed the same two characters before ("passwordpassword").
    """
    seen: set[tuple[str, str]] = set()
    surprises = 0
    for place, char in enumerate(password):
        run = place >= 1 and abs(ord(char) - ord(password[place - 1])) <= 1
        context = (password[max(0, place - 2) : place], char)
        if not run and (place < 2 or context not in seen):
            surprises += 1
        seen.add(context)
    return surprises * math.log2(_pool(password))


def generate_key() -> str:
    """A new API key: 256 bits, with a prefix by which secret scanners know it."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """The hash under which an API key is looked up. Unsalted: the key itself is 256 random bits."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _digest(salt: bytes, password: str) -> str:
    return hmac.digest(salt, password.encode("utf-8", "surrogatepass"), "sha256").hex()


def _pool(password: str) -> int:
    """How many characters the writer has chosen from, going by the kinds of characters used."""
    kinds = (
        (string.ascii_lowercase, 26),
        (string.ascii_uppercase, 26),
        (string.digits, 10),
        (string.punctuation + " ", 33),
    )
    size = sum(count for kind, count in kinds if any(char in kind for char in password))
    other = any(not char.isascii() for char in password)
    return max(2, size + (64 if other else 0))
