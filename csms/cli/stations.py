"""`csms station ...`, over REST."""

import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Identity, Json, Limit, Url, client, limits_of, text_of
from csms.cli.outcome import Exit, Failed, as_json, fields, say, table
from csms.cli.rest import Object, parsed
from csms.domain.units import parse_duration, parse_power

app = typer.Typer(help="Charging stations.", no_args_is_help=True)

_COLUMNS = ("identity", "connected", "registration", "site", "discharge", "vendor", "model", "version")
_FOLLOW_S = 1.0


@app.command()
def add(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    password: Annotated[str | None, typer.Option(help="Made if it is not given, and shown once.")] = None,
    serial: Annotated[str | None, typer.Option(help="Its serial number.")] = None,
    profile: Annotated[int, typer.Option(min=1, max=3, help="Security profile.")] = 1,
    vendor: Annotated[str | None, typer.Option()] = None,
    model: Annotated[str | None, typer.Option()] = None,
    site: Annotated[str | None, typer.Option(help="The site it stands at.")] = None,
    discharge: Annotated[
        str | None, typer.Option(help="How it takes an order to discharge; or none.")
    ] = None,
    evses: Annotated[
        int, typer.Option(min=0, max=200, help="How many EVSEs of the rating below it has.")
    ] = 0,
    max_charge: Limit = None,
    max_discharge: Limit = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Let it in, but no further than approved.")
    ] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Register a station and print its password, this once."""
    body = _given(
        identity=identity,
        password=password,
        serialNumber=serial,
        securityProfile=profile,
        vendor=vendor,
        model=model,
        site=site,
        discharge=discharge,
        registration="Pending" if pending else "Accepted",
        evses=_ratings(evses, max_charge, max_discharge),
    )
    station = client(url).post("/stations", body)
    if json:
        as_json(station)
    else:
        say(f"{station['identity']} is registered. Password, shown this once: {station['password']}")


@app.command("list")
def list_(json: Json = False, url: Url = URL) -> None:
    """All stations."""
    found = client(url).all("/stations")
    as_json(found) if json else table("Stations", _COLUMNS, found)


@app.command()
def show(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """One station with its EVSEs and connectors."""
    found = client(url).get(f"/stations/{quote(identity, safe='')}")
    as_json(found) if json else fields(f"Station {found['identity']}", found)


@app.command()
def hold(
    identity: Identity,
    reason: Annotated[str, typer.Argument(help="Why; shown to people.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Send no order to a station until it is released; its vehicles charge as usual."""
    _change(identity, {"hold": reason}, "held", json, url)


@app.command()
def release(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Let orders go to a station again, after an alarm or a hold."""
    _change(identity, {"hold": None}, "released", json, url)


@app.command()
def remove(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Forget a station and close its connection."""
    client(url).delete(f"/stations/{quote(identity, safe='')}")
    as_json({"removed": identity}) if json else say(f"{identity} is removed.")


@app.command()
def call(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    action: Annotated[str, typer.Argument(help="For example GetVariables.")],
    payload: Annotated[str, typer.Argument(help="JSON, @FILE, or - for standard input.")] = "{}",
    override: Annotated[
        str | None,
        typer.Option(help="An administrator's reason to send a negative limit or an unchecked firmware."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, max=600, help="Seconds to wait for the station.")
    ] = None,
    retry: Annotated[
        str | None, typer.Option(help="Send it again for so long if the station is not there: 2h, 3d.")
    ] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Send any call that a CSMS may send, and print the station's answer."""
    params: dict[str, str | int] = {} if override is None else {"override": override}
    if timeout is not None:
        params["timeoutS"] = str(timeout)
    if retry is not None:
        params["retryS"] = parse_duration(retry, "--retry")
    path = f"/stations/{quote(identity, safe='')}/calls/{quote(action, safe='')}"
    found = client(url).call(path, parsed(_read(payload), "The payload"), params)
    if not json and "answer" not in found:
        say(f"Not answered yet, it is sent again: {found['callId']}")
        return
    as_json(found if json else found["answer"])


@app.command()
def messages(
    identity: Identity,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come, until Ctrl-C.")] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """The frame log of a station, secrets replaced."""
    rest, after = client(url), "0"
    while True:
        found = rest.get(f"/stations/{quote(identity, safe='')}/messages", {"after": after, "limit": 500})
        for frame in found["items"]:
            as_json(frame, lines=True) if json else _show_frame(frame)
        after = found["next"]
        if len(found["items"]) < 500:
            if not follow:
                return
            time.sleep(_FOLLOW_S)


def _given(**said: object) -> Object:
    return {name: value for name, value in said.items() if value is not None}


@app.command("limit")
def limit_(
    identity: Identity,
    import_limit: Limit = None,
    export_limit: Limit = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Bound what all EVSEs of a station together may take and give; the limits of its site hold besides."""
    _change(identity, limits_of(import_limit, export_limit), "limited", json, url)


def _change(identity: str, body: Object, what: str, json: bool, url: str) -> None:
    found = client(url).patch(f"/stations/{quote(identity, safe='')}", body)
    as_json(found) if json else say(f"{found['identity']} is {what}.")


def _ratings(count: int, max_charge: str | None, max_discharge: str | None) -> list[Object]:
    """So many EVSEs of one rating, magnitudes in W."""
    rating = {
        "maxChargeW": None if max_charge is None else parse_power(max_charge, "--max-charge"),
        "maxDischargeW": None
        if max_discharge is None
        else abs(parse_power(max_discharge, "--max-discharge")),
    }
    return [{"evseId": number, **rating} for number in range(1, count + 1)]


def _read(payload: str) -> str:
    if payload == "-":
        try:
            return sys.stdin.read()
        except UnicodeDecodeError:
            raise Failed("Standard input cannot be read: not UTF-8", Exit.WRONG_USE) from None
    return text_of(Path(payload[1:])) if payload.startswith("@") else payload


def _show_frame(frame: Object) -> None:
    arrow = "->" if frame["way"] == "in" else "<-"
    text = "".join(char if char.isprintable() else " " for char in frame["text"])
    say(f"{frame['at']} {arrow} {text}")
