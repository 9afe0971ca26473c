"""Options that several commands have, and what is checked about them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from chargepoint_sim.cli.process import WrongUse
from chargepoint_sim.fleet.registration import Registrar
from chargepoint_sim.station.equipment import HighLevel

Url = Annotated[str, typer.Option(help="The server's OCPP address, without the identity.")]
Trust = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="The roots of a wss:// server, PEM.")
]
Chain = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Its own certificate: security profile 3.")
]
Key = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The key of --certificate.")]
AsJson = Annotated[bool, typer.Option("--json", help="Say what happens as JSON lines.")]
Speed = Annotated[float, typer.Option(min=0.01, help="Simulated seconds per real second.")]
Faults = Annotated[
    list[str] | None, typer.Option("--fault", help="NAME or NAME:ARG; may be given more than once.")
]
Seed = Annotated[str, typer.Option(help="Which vehicles come.")]
MeterInterval = Annotated[int, typer.Option(min=1, help="Simulated seconds between meter values.")]
LoopPeriod = Annotated[float, typer.Option(min=0.05, help="Simulated seconds between charge loops.")]
Register = Annotated[str | None, typer.Option(help="The server's REST address.")]
ApiKey = Annotated[str | None, typer.Option(envvar="CSMS_API_KEY", help="The key for --register.")]
Program = Annotated[str | None, typer.Option(help="The program that drivers are enrolled in.")]
Watts = Annotated[float | None, typer.Option(min=0.0, help="W")]
Hlc = Annotated[HighLevel, typer.Option(help="How station and vehicle talk.")]
Sessions = Annotated[
    Path | None, typer.Option(help="Real sessions: a CSV or CSV.GZ file in ACN format, or acn-jpl.")
]


class Server:
    """Where the fleet is registered, if anywhere."""

    def __init__(self, url: str | None, api_key: str | None, program: str | None) -> None:
        if url is not None and api_key is None:
            raise WrongUse("--register needs --api-key")
        if url is not None and not url.startswith(("http://", "https://")):
            raise WrongUse("--register must begin with http:// or https://")
        self._url, self._api_key, self._program = url, api_key, program

    def registrar(self, program: str | None = None) -> Registrar | None:
        """A client of its REST interface."""
        if self._url is None or self._api_key is None:
            return None
        return Registrar(self._url, self._api_key, self._program or program)


def websocket(url: str) -> str:
    """An address of a server, or `WrongUse`."""
    if not url.startswith(("ws://", "wss://")):
        raise WrongUse("--url must begin with ws:// or wss://")
    return url


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
