"""`csms station reset`, `trigger`, `variables` ...: commands to one station, with its answer.

What comes later than the answer (reports, logs, firmware ...) is followed with `--wait`.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Identity, Json, Url, client, text_of
from csms.cli.outcome import Exit, Failed, as_json, fields, say, table
from csms.cli.rest import Object, Rest

Evse = Annotated[int | None, typer.Option(min=1, help="Only this EVSE.")]
Connector = Annotated[int | None, typer.Option(min=1, help="Only this connector of the EVSE.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow it to its end.")]

app = typer.Typer()

_STEP_S = 30
_DONE = frozenset(
    {"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked", "Unpublished"}
    | {"EmptyResultSet", "NoProfiles", "NoTariff", "NotFound", "Unknown"}
)
"""What a station says that does as it is asked, or has nothing to do or to tell."""
_CALLS = ("createdAt", "action", "state", "user", "errorCode", "callId")
_REQUESTS = ("requestId", "kind", "state", "status", "parts", "changedAt")


class Reset(StrEnum):
    """When to restart."""

    ON_IDLE = "OnIdle"
    IMMEDIATE = "Immediate"


class Available(StrEnum):
    """What it shall be."""

    OPERATIVE = "Operative"
    INOPERATIVE = "Inoperative"


class LogKind(StrEnum):
    """Which log."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"


def path(identity: str, *parts: str) -> str:
    """Under a station."""
    return "/".join((f"/stations/{quote(identity, safe='')}", *parts))


def told(found: Object, json: bool) -> None:
    """A station's answer for people: its status and what stands beside it. Raises `Failed` if it said no."""
    answer = found.get("answer") or {}
    status = answer.get("status") if isinstance(answer, dict) else None
    if json:
        as_json(found)
    else:
        _say_answer(found, answer)
    if status is not None and status not in _DONE:
        raise Failed(f"The station said {status}.")


def _say_answer(found: Object, answer: object) -> None:
    told = answer if isinstance(answer, dict) else {}
    say(str(told.get("status", found["state"])) if told is answer else str(answer))
    reason = told.get("statusInfo")
    if reason:
        say(f"{reason.get('reasonCode')} {reason.get('additionalInfo') or ''}".rstrip())
    if found.get("requestId") is not None:
        say(f"request {found['requestId']}")


def followed(rest: Rest, identity: str, found: Object, wait: bool, json: bool) -> None:
    """A request that the answer has begun, to its end if wanted. Fails if it comes to nothing."""
    if not wait:
        told(found, json)
        return
    place = path(identity, "requests", str(found["requestId"]))
    last = ""
    while True:
        request = rest.call(place, params={"wait": _STEP_S}, method="GET")
        if not json and str(request["status"]) != last:
            last = str(request["status"])
            say(f"{request['kind']}: {last}, {request['parts']} parts")
        if request["state"] != "open":
            break
    if json:
        as_json(request)
    else:
        for part in request["result"]:
            as_json(part) if isinstance(part, dict | list) else say(str(part))
    if request["state"] != "complete":
        raise Failed(f"{request['kind']} {request['state']}: {request['status']}")


def _given(**said: object) -> Object:
    return {name: value for name, value in said.items() if value is not None}


@app.command()
def reset(
    identity: Identity,
    kind: Annotated[Reset, typer.Option("--type")] = Reset.ON_IDLE,
    evse: Evse = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Restart a station or one of its EVSEs."""
    body = _given(type=kind.value, evseId=evse)
    told(client(url).call(path(identity, "reset"), body), json)


@app.command()
def availability(
    identity: Identity,
    status: Available,
    evse: Evse = None,
    connector: Connector = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Take a station, an EVSE or a connector into or out of service."""
    body = _given(status=status.value, evseId=evse, connectorId=connector)
    told(client(url).call(path(identity, "availability"), body), json)


@app.command()
def unlock(
    identity: Identity,
    evse: Annotated[int, typer.Option(min=1)],
    connector: Annotated[int, typer.Option(min=1)] = 1,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Unlock a connector."""
    told(client(url).call(path(identity, "unlock"), {"evseId": evse, "connectorId": connector}), json)


@app.command()
def trigger(
    identity: Identity,
    message: Annotated[str, typer.Argument(help="For example MeterValues, StatusNotification.")],
    evse: Evse = None,
    connector: Connector = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station send a message now."""
    body = _given(message=message, evseId=evse, connectorId=connector)
    told(client(url).call(path(identity, "trigger"), body), json)


@app.command("clear-cache")
def clear_cache(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Have a station forget its authorization cache."""
    told(client(url).call(path(identity, "clear-cache")), json)


@app.command()
def start(
    identity: Identity,
    token: Annotated[str, typer.Argument(metavar="TOKEN")],
    evse: Evse = None,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Start a transaction for a token; with --wait until it has begun."""
    rest = client(url)
    found = rest.call(path(identity, "transactions"), _given(idToken=token, evseId=evse))
    followed(rest, identity, found, wait, json)


@app.command()
def log(
    identity: Identity,
    location: Annotated[str, typer.Argument(help="Where the station shall put it, a URL.")],
    kind: Annotated[LogKind, typer.Option("--type")] = LogKind.DIAGNOSTICS,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station upload a log."""
    rest = client(url)
    found = rest.call(path(identity, "logs"), {"type": kind.value, "location": location})
    followed(rest, identity, found, wait, json)


@app.command()
def firmware(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    location: Annotated[str, typer.Argument(help="Where the firmware is, a URL.")],
    certificate: Annotated[Path | None, typer.Option(help="The signing certificate, PEM.")] = None,
    signature: Annotated[str | None, typer.Option(help="The signature, Base64.")] = None,
    override: Annotated[
        str | None, typer.Option(help="An administrator's reason to order it unchecked.")
    ] = None,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station fetch and install a firmware."""
    rest = client(url)
    signing = None if certificate is None else text_of(certificate)
    body = _given(location=location, signingCertificate=signing, signature=signature)
    params = {} if override is None else {"override": override}
    followed(rest, identity, rest.call(path(identity, "firmware"), body, params), wait, json)


@app.command()
def customer(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    token: Annotated[str, typer.Argument(metavar="TOKEN")],
    kind: Annotated[str, typer.Option("--type")] = "Central",
    clear: Annotated[bool, typer.Option("--clear", help="Have it forgotten.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report")] = True,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """What a station knows of a customer; with --clear it forgets that."""
    rest = client(url)
    body = {"idToken": token, "type": kind, "clear": clear, "report": report}
    followed(rest, identity, rest.call(path(identity, "customer-information"), body), wait, json)


@app.command()
def report(
    identity: Identity,
    base: Annotated[str, typer.Option(help="FullInventory, ConfigurationInventory, SummaryInventory.")] = (
        "FullInventory"
    ),
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station report its device model; `variables` shows it."""
    rest = client(url)
    followed(rest, identity, rest.call(path(identity, "reports"), {"base": base}), wait, json)


@app.command("calls")
def list_calls(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """The newest calls to a station and what became of each."""
    found = client(url).get(path(identity, "calls"))["items"]
    as_json(found) if json else table(f"Calls to {identity}", _CALLS, found)


@app.command("requests")
def list_requests(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """The newest requests whose result comes later, and how they go on."""
    found = client(url).get(path(identity, "requests"))["items"]
    as_json(found) if json else table(f"Requests to {identity}", _REQUESTS, found)


@app.command("request")
def show_request(
    identity: Identity,
    number: Annotated[int, typer.Argument(metavar="REQUEST")],
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """One request and what came of it."""
    rest = client(url)
    if wait:
        followed(rest, identity, {"requestId": number}, wait, json)
        return
    found = rest.get(path(identity, "requests", str(number)))
    as_json(found) if json else fields(f"Request {number}", found)


@app.command("local-list")
def local_list(  # noqa: PLR0913 - one option for each thing that can be said
    identity: Identity,
    sync: Annotated[bool, typer.Option("--sync", help="Bring it to what the tokens say.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Send the whole list.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="From now on only these tokens shall stand in it; may be repeated."),
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="From now on all tokens shall stand in it.")
    ] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """The local authorization list of a station: shown, decided, sent."""
    rest, place = client(url), path(identity, "local-list")
    if only or everyone:
        rest.put(place, {"idTokens": None if everyone else only})
    if sync or full:
        found = rest.call(f"{place}/sync", params={"full": str(full).lower()})
    else:
        found = rest.get(place)
    as_json(found) if json else fields(f"Local list of {identity}", found)
    if found.get("status", "Accepted") != "Accepted":
        raise Failed(f"The station said {found['status']}.", Exit.FAILED)
