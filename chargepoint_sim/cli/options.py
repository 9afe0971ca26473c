"""Options that several commands have, and what is checked about them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from chargepoint_sim.cli.process import WrongUse
from chargepoint_sim.faults import BadFault, FaultOrder, parse_fault
from chargepoint_sim.fleet.registration import Registrar
from chargepoint_sim.station.equipment import HighLevel
from chargepoint_sim.station.link import wrong_address

_LONGEST_NAME = 48
MOST_W = 1e9

Url = Annotated[str, typer.Option(help="The server's OCPP address, without the identity.")]
Trust = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="The roots of a wss:// server, PEM.")
]
Chain = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Its own certificate: security profile 3.")
]
Key = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The key of --certificate.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say what happens as JSON lines.")]
Speed = Annotated[float, typer.Option(min=0.01, max=100_000.0, help="Simulated seconds per real second.")]
Faults = Annotated[
    list[str] | None, typer.Option("--fault", help="NAME or NAME:ARG; may be given more than once.")
]
Seed = Annotated[str, typer.Option(help="One seed, one run: vehicles, back-off, faults by chance.")]
MeterInterval = Annotated[int, typer.Option(min=1, help="Simulated seconds between meter values.")]
LoopPeriod = Annotated[
    float, typer.Option(min=0.05, max=86_400.0, help="Simulated seconds between charge loops.")
]
Register = Annotated[str | None, typer.Option(help="The server's REST address.")]
ApiKey = Annotated[str | None, typer.Option(envvar="CSMS_API_KEY", help="The key for --register.")]
Program = Annotated[str | None, typer.Option(help="The program that drivers are enrolled in.")]
Watts = Annotated[float | None, typer.Option(min=0.0, max=MOST_W, help="W")]
Rating = Annotated[float, typer.Option(min=0.0, max=MOST_W, help="W")]
Hlc = Annotated[HighLevel, typer.Option(help="How station and vehicle talk.")]
Sessions = Annotated[
    Path | None, typer.Option(help="Real sessions: a CSV or CSV.GZ file in ACN format, or acn-jpl.")
]


class Server:
    """Where the fleet is registered, if anywhere."""

    def __init__(self, url: str | None, api_key: str | None, program: str | None) -> None:
        if url is not None and api_key is None:
            raise WrongUse("--register needs --api-key")
        if url is not None and (why := wrong_address(url, ("http", "https"))) is not None:
            raise WrongUse(f"--register: {why}")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise WrongUse("--api-key: a key is of plain letters and digits")
        self._url, self._api_key, self._program = url, api_key, program

    def registrar(self, program: str | None = None) -> Registrar | None:
        """A client of its REST interface."""
        if self._url is None or self._api_key is None:
            return None
        return Registrar(self._url, self._api_key, self._program or program)


def websocket(url: str) -> str:
    """An address of a server, or `WrongUse`."""
    if (why := wrong_address(url)) is not None:
        raise WrongUse(f"--url: {why}")
    return url


def faults(texts: list[str] | None) -> list[FaultOrder]:
    """What --fault says, or `WrongUse`."""
    try:
        return [parse_fault(text) for text in texts or []]
    except BadFault as why:
        raise WrongUse(f"--fault: {why}") from None


def name(option: str, text: str) -> str:
    """What stations are called by in an address and as a user, or `WrongUse`."""
    if not 0 < len(text) <= _LONGEST_NAME or ":" in text or not text.isprintable():
        raise WrongUse(f"{option}: 1 to {_LONGEST_NAME} characters, none of them a colon")
    return text


def written_to(option: str, file: Path | None) -> Path | None:
    """A file that can be written when the work is done, or `WrongUse`."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise WrongUse(f"{option}: {file} is no file in a folder that there is")
    return file


def pem(option: str, file: Path | None) -> str:
    """The text of certificates or a key, or `WrongUse`."""
    try:
        return "" if file is None else file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise WrongUse(f"{option}: {file} cannot be read as PEM") from None


def moment(text: str | None) -> datetime | None:
    """A time with its zone, or `WrongUse`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"--session-time: {text!r} is not a time") from None
    if found.tzinfo is None:
        raise WrongUse("--session-time needs a zone, such as -07:00")
    return found
