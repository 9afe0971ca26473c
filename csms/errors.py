"""Every exception of the product, under one root.

CsmsError
├── OcppError                  an OCPP-J error code that goes back to the station
├── StationError               what can go wrong when one station is asked
│   ├── StationOffline
│   ├── StationTimeout
│   ├── StationRefused         the station answered with a CALLERROR
│   ├── BadAnswer              the station's answer breaks the schema
│   ├── AskSuperseded          a newer setpoint replaced this one before it was sent
│   └── NotSupportedByDialect
├── Refused                    a person or program asked for something impossible
│   ├── NotFound
│   ├── Conflict
│   ├── Invalid                one field is wrong; names it
│   ├── Unauthenticated
│   └── Forbidden
├── StoreUnavailable           the store could not commit; stations must go offline and queue
├── ChangeRefused              the store works, but this one change cannot be kept
├── ConfigurationError
└── Unsafe                     an order that the safety rules forbid
"""


class CsmsError(Exception):
    """Root of all errors of the product."""


class OcppError(CsmsError):
    """A refusal in OCPP's own words: `code` is an OCPP-J error code, `description` at most 255 characters."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description


class StationError(CsmsError):
    """Asking one station went wrong."""

    def __init__(self, station_id: str, reason: str = "") -> None:
        super().__init__(station_id, reason)
        self.station_id = station_id
        self.reason = reason


class StationOffline(StationError):
    """The station holds no connection."""


class StationTimeout(StationError):
    """No answer came in time."""


class StationRefused(StationError):
    """The station answered with a CALLERROR."""

    def __init__(self, station_id: str, code: str, description: str = "") -> None:
        super().__init__(station_id, f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


class BadAnswer(StationError):
    """The station's answer breaks the schema of its version."""


class AskSuperseded(StationError):
    """A newer setpoint for the same EVSE replaced this one before it was sent."""


class NotSupportedByDialect(StationError):
    """The station's OCPP version has no word for this."""


class Refused(CsmsError):
    """Somebody asked for something that cannot be done; `detail` is one plain sentence."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(Refused):
    """No such thing: `kind` and `key` say which."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"There is no {kind} {key!r}.")
        self.kind = kind
        self.key = key


class Conflict(Refused):
    """The thing exists already, or its state forbids this."""


class Invalid(Refused):
    """One field of a request is wrong."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class Unauthenticated(Refused):
    """No valid key was given."""


class Forbidden(Refused):
    """The key's role does not allow this."""


class StoreUnavailable(CsmsError):
    """The store could not commit. Nothing was acknowledged; intake stops until it works again."""


class ChangeRefused(CsmsError):
    """The store works, but one change breaks its rules or holds a value it cannot keep; others were kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ConfigurationError(CsmsError):
    """The configuration cannot be used; `key` names the setting."""

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(f"{key}: {detail}")
        self.key = key
        self.detail = detail


class Unsafe(CsmsError):
    """An order that `domain.safety` forbids; `rule` names the invariant (V-01 ...)."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(rule, detail)
        self.rule = rule
        self.detail = detail
