"""`csms station composite`, `profiles`, `limits`, `offer`, `publish`, `unpublish`, over REST."""

from typing import Annotated

import typer

from csms.cli.options import URL, Identity, Json, Url, client
from csms.cli.orders import Wait, followed, path, told
from csms.cli.outcome import as_json, say, table
from csms.domain.units import parse_duration, parse_power

app = typer.Typer()

_PROFILE = ("evseId", "profileId", "role", "purpose", "limitW", "transactionId", "validTo", "state", "reason")
_LIMIT = ("evseId", "source", "gridCritical", "setAt", "clearedAt")
Checksum = Annotated[str, typer.Argument(metavar="MD5", help="Of the file, 32 hexadecimal digits.")]


@app.command()
def composite(
    identity: Identity,
    evse: Annotated[int, typer.Option(min=0, help="0: the whole station.")] = 0,
    length: Annotated[str, typer.Option("--for", help="From now on, for example 1h.")] = "1h",
    unit: Annotated[str | None, typer.Option(help="W or A.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """What results from all profiles, by the station's own word."""
    body: dict[str, object] = {"evseId": evse, "durationS": parse_duration(length, "--for")}
    if unit is not None:
        body["unit"] = unit
    found = client(url).call(path(identity, "composite-schedule"), body)
    told(found, json)
    schedule = (found.get("answer") or {}).get("schedule")
    if schedule and not json:
        periods = schedule["chargingSchedulePeriod"]
        table(
            f"{schedule['scheduleStart']}, {schedule['chargingRateUnit']}", ("startPeriod", "limit"), periods
        )


@app.command()
def profiles(
    identity: Identity,
    report: Annotated[bool, typer.Option("--report", help="Have the station tell all that it has.")] = False,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """The charging profiles that we have sent and what became of them."""
    rest = client(url)
    if report:
        found = rest.call(path(identity, "profiles", "report"), {"criterion": {}})
        followed(rest, identity, found, wait, json)
        return
    items = rest.get(path(identity, "profiles"))["items"]
    as_json(items) if json else table(f"Profiles of {identity}", _PROFILE, items)


@app.command()
def limits(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """Limits that others (a grid operator, an energy manager) have set at a station."""
    found = client(url).get(path(identity, "charging-limits"))["items"]
    as_json(found) if json else table(f"Limits of others at {identity}", _LIMIT, found)


@app.command()
def offer(
    identity: Identity,
    evse: Annotated[int, typer.Option(min=1)],
    limit: Annotated[str | None, typer.Option(help="Lower than it would be, for example 4kW.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Offer the plugged-in vehicle a limit for its plan anew."""
    body: dict[str, object] = {"evseId": evse}
    if limit is not None:
        body["limitW"] = parse_power(limit, "--limit")
    found = client(url).call(path(identity, "charging-offers"), body)
    if json:
        as_json(found)
        return
    word = "taken" if found["accepted"] else f"refused: {found['reason'] or 'no reason given'}"
    say(f"{found['limitW']:.0f} W until {found['until']}: {word}")


@app.command()
def publish(
    identity: Identity,
    location: Annotated[str, typer.Argument(help="Where the firmware is, a URL.")],
    checksum: Checksum,
    wait: Wait = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a local controller offer a firmware to the stations behind it."""
    rest = client(url)
    body = {"location": location, "checksum": checksum}
    followed(rest, identity, rest.call(path(identity, "published-firmware"), body), wait, json)


@app.command()
def unpublish(identity: Identity, checksum: Checksum, json: Json = False, url: Url = URL) -> None:
    """Have a local controller offer a firmware no longer."""
    told(client(url).call(path(identity, "published-firmware", checksum, "unpublish")), json)
