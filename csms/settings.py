"""All configuration as one frozen model, read from TOML and environment; the environment wins.

`CSMS_OCPP__PORT=9000` sets `port` in section `ocpp`. Every key and its default stand in `configs/csms.toml`.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from csms.errors import ConfigurationError

_PREFIX = "CSMS_"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Section(BaseModel):
    """What all sections share: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OcppSettings(Section):
    """The stations' listeners, without TLS and with it. Times in real seconds."""

    plain: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=9000, ge=0, le=65535)
    path: str = Field(default="/ocpp", pattern=r"^(/[A-Za-z0-9._~-]+)+$")
    allow_insecure_bind: bool = False
    tls_host: str = "127.0.0.1"
    tls_port: int = Field(default=9443, ge=0, le=65535)
    tls_certificates: tuple[Path, ...] = ()
    tls_keys: tuple[Path, ...] = ()
    forward_secrecy_only: bool = False
    client_ca: str = ""
    client_crl: str = ""
    client_organisations: tuple[str, ...] = ()
    max_message_kib: int = Field(default=256, ge=16, le=65536)
    ping_interval_s: float = Field(default=20.0, gt=0)
    heartbeat_interval_s: int = Field(default=300, ge=1)
    pending_interval_s: int = Field(default=60, ge=1)
    offer_schedules: bool = True


class LimitSettings(Section):
    """What the stations' listener bears (docs/reliability.md). Times in real seconds, by the names it has."""

    upgrade_timeout_s: float = Field(default=10.0, gt=0, le=120)
    first_message_timeout_s: float = Field(default=60.0, gt=0, le=3600)
    ping_timeout_s: float = Field(default=20.0, gt=0, le=600)
    close_timeout_s: float = Field(default=5.0, gt=0, le=8)
    write_buffer_bytes: int = Field(default=512 * 1024, ge=16 * 1024, le=64 * 1024 * 1024)
    retry_after_s: int = Field(default=10, ge=1, le=3600)
    max_unauthenticated: int = Field(default=8192, ge=1)
    max_handshakes: int = Field(default=64, ge=1)
    max_waiting_handshakes: int = Field(default=4096, ge=1)
    failed_per_identity: int = Field(default=10, ge=1)
    failed_per_address: int = Field(default=300, ge=1)
    failed_window_s: float = Field(default=60.0, gt=0)
    frames_kept: int = Field(default=2000, ge=0)


class ApiSettings(Section):
    """REST, live facts and metrics."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    allow_insecure_bind: bool = False


class StoreSettings(Section):
    """The database."""

    url: str = "sqlite:///var/csms.db"


class BusSettings(Section):
    """What carries facts and asks."""

    url: Literal["memory:"] = "memory:"


class GridSettings(Section):
    """The grid loop; times in house seconds."""

    tick_s: float = Field(default=10.0, gt=0, le=60)
    settle_every_s: float = Field(default=10.0, gt=0, le=600)


class MqttSettings(Section):
    """Grid signals and vehicles' states of charge in, progress out. Off while `url` is empty."""

    url: str = ""
    topic_in: str = "csms/grid-events"
    topic_out: str = "csms/progress"
    topic_soc: str = "csms/vehicles/+/soc"


class PkiSettings(Section):
    """Whom we vouch for and whom we believe: the local authority, contract certificates, OCSP."""

    folder: Path = Path("var/pki")
    valid_days: int = Field(default=365, ge=1, le=3650)
    contract_roots: tuple[Path, ...] = ()
    ocsp_responders: tuple[str, ...] = ()
    ocsp_timeout_s: float = Field(default=5.0, gt=0, le=30)
    contract_service: str = ""
    firmware_sources: tuple[str, ...] = ()
    firmware_roots: tuple[Path, ...] = ()


class ClockSettings(Section):
    """House time. A rate other than 1 is for demonstrations, on loopback only."""

    rate: float = Field(default=1.0, gt=0, le=3600)


class LogSettings(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", allow_inf_nan=False
    )

    ocpp: OcppSettings = OcppSettings()
    limits: LimitSettings = LimitSettings()
    api: ApiSettings = ApiSettings()
    store: StoreSettings = StoreSettings()
    bus: BusSettings = BusSettings()
    grid: GridSettings = GridSettings()
    mqtt: MqttSettings = MqttSettings()
    pki: PkiSettings = PkiSettings()
    clock: ClockSettings = ClockSettings()
    log: LogSettings = LogSettings()
    admin_key_file: Path = Path("var/admin.key")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the file (which comes in as arguments), then the defaults; nothing else."""
        return env_settings, init_settings


def load(file: Path | None = None) -> Settings:
    """Read the file (if one is given) and the environment; `ConfigurationError` names the first wrong key."""
    _refuse_unknown_environment()
    try:
        settings = Settings(**({} if file is None else _read(file)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        detail = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigurationError(key, detail) from None
    _check_binding(settings)
    _check_tls(settings.ocpp)
    _check_pki(settings.pki)
    return settings


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on that host."""
    return host in _LOOPBACK


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(str(file), f"cannot be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(str(file), f"is not TOML: {error}") from None


def _refuse_unknown_environment() -> None:
    """pydantic-settings ignores a section it does not know; a spelling mistake must not go unseen."""
    for name in sorted(os.environ):
        section, found, _ = name.upper().removeprefix(_PREFIX).partition("__")
        if name.upper().startswith(_PREFIX) and found and section.lower() not in Settings.model_fields:
            raise ConfigurationError(name, "there is no such setting")


def _check_binding(settings: Settings) -> None:
    """Keys and passwords do not travel in the clear unless somebody says so (profile 1 on loopback only)."""
    hosts = [("ocpp.tls_host", settings.ocpp.tls_host), ("api.host", settings.api.host)]
    clear = [("api", settings.api.host, settings.api.allow_insecure_bind)]
    if settings.ocpp.plain:
        hosts.append(("ocpp.host", settings.ocpp.host))
        clear.append(("ocpp", settings.ocpp.host, settings.ocpp.allow_insecure_bind))
    for key, host in hosts:
        if settings.clock.rate != 1.0 and not is_loopback(host):
            raise ConfigurationError("clock.rate", f"a scaled clock needs {key} on loopback")
    for name, host, allowed in clear:
        if not allowed and not is_loopback(host):
            raise ConfigurationError(
                f"{name}.host", f"{host} is not loopback; set {name}.allow_insecure_bind to accept that"
            )


def _check_pki(pki: PkiSettings) -> None:
    for key, urls in (
        ("ocsp_responders", pki.ocsp_responders),
        ("contract_service", (pki.contract_service,)),
        ("firmware_sources", pki.firmware_sources),
    ):
        for url in filter(None, urls):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
                raise ConfigurationError(f"pki.{key}", f"{url} is not an http or https address")
    service = urlsplit(pki.contract_service)
    if service.scheme == "http" and not is_loopback(service.hostname or ""):
        raise ConfigurationError("pki.contract_service", "contracts travel by https, or on loopback")


def _check_tls(ocpp: OcppSettings) -> None:
    if len(ocpp.tls_keys) != len(ocpp.tls_certificates):
        raise ConfigurationError("ocpp.tls_keys", "each certificate needs its key, in the same order")
    if not ocpp.plain and not ocpp.tls_certificates:
        raise ConfigurationError("ocpp.plain", "without it and without ocpp.tls_certificates nobody can come")
    if ocpp.client_ca and not ocpp.tls_certificates:
        raise ConfigurationError("ocpp.client_ca", "needs ocpp.tls_certificates")
    if ocpp.client_ca and not ocpp.client_organisations:  # A00.FR.404
        raise ConfigurationError("ocpp.client_organisations", "say whose stations' certificates are trusted")
    if ocpp.client_crl and not ocpp.client_ca:
        raise ConfigurationError("ocpp.client_crl", "needs ocpp.client_ca")
