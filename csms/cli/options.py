"""Options that every command takes, and the client that they make."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from csms.cli.outcome import Exit, Failed
from csms.cli.rest import DEFAULT_URL, Object, Rest
from csms.domain.units import parse_power

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Url = Annotated[str, typer.Option("--url", envvar="CSMS_URL", help="The server.")]
Identity = Annotated[str, typer.Argument(metavar="IDENTITY", help="A station's identity.")]
Limit = Annotated[str | None, typer.Option(help="A power, for example 50kW.")]
URL = DEFAULT_URL


def client(url: str) -> Rest:
    """The client for a server; the key is found when it is needed."""
    return Rest(url)


def limits_of(import_limit: str | None, export_limit: str | None) -> Object:
    """The limits of a site or a station, magnitudes in W; what is not given is left out."""
    body: Object = {}
    if import_limit is not None:
        body["importLimitW"] = parse_power(import_limit, "--import-limit")
    if export_limit is not None:
        body["exportLimitW"] = abs(parse_power(export_limit, "--export-limit"))
    return body


def text_of(file: Path) -> str:
    """What stands in a text file that was named. Raises `Failed` if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Failed(f"{file} cannot be read: {reason}", Exit.WRONG_USE) from None


def time_of(text: str, option: str) -> str:
    """A time as RFC 3339 in UTC; one without zone is meant in the zone of this machine."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Failed(f"{option}: {text!r} is not a time like 2026-01-31T12:00:00Z.", Exit.WRONG_USE) from None
