"""What of a payload may be kept and shown: passwords, keys and logins in addresses are replaced (pure)."""

import re
from collections.abc import Mapping

HIDDEN = "***"

_LOGIN = re.compile(r"://[^/\"\s]*@")
_SECRETS = ("password", "secret", "authorizationkey")


def without_secrets(payload: object) -> object:
    """A payload as it may be kept: what sets or carries a secret is replaced, whatever the OCPP version."""
    if isinstance(payload, Mapping):
        named = _names_secret(payload)
        login = "key" in payload and "password" in payload  # of a VPN
        return {
            key: HIDDEN if _is_secret(str(key), named) or (login and key == "key") else without_secrets(value)
            for key, value in payload.items()
        }
    if isinstance(payload, list | tuple):
        return [without_secrets(one) for one in payload]
    return _LOGIN.sub(f"://{HIDDEN}@", payload) if isinstance(payload, str) else payload


def secret_variable(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    return any(word in name.lower() for word in _SECRETS)


def _names_secret(one: Mapping[str, object]) -> bool:
    variable = one.get("variable")
    return secret_variable(
        str(variable.get("name", "")) if isinstance(variable, Mapping) else str(one.get("key", ""))
    )


def _is_secret(key: str, named: bool) -> bool:
    lowered = key.lower()
    if lowered in ("attributevalue", "value"):
        return named
    return "password" in lowered or "secret" in lowered or lowered == "simpin"
