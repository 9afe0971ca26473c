"""`csms token ...`, `csms transaction ...`, `csms user ...`, `csms fleet`, over REST."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Json, Url, client
from csms.cli.orders import told
from csms.cli.outcome import as_json, fields, say, table

tokens = typer.Typer(help="Id tokens: who may start transactions.", no_args_is_help=True)
transactions = typer.Typer(help="Transactions.", no_args_is_help=True)
users = typer.Typer(help="Users of the API.", no_args_is_help=True)

_TOKEN = ("idToken", "type", "status", "driverId", "vehicleId", "expiry")
_TRANSACTION = ("transactionId", "station", "evseId", "open", "startedAt", "chargingState", "powerW", "soc")
Token = Annotated[str, typer.Argument(metavar="TOKEN")]
Transaction = Annotated[str, typer.Argument(metavar="TRANSACTION")]


class RoleName(StrEnum):
    """What a user may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


@tokens.command("add")
def add_token(  # noqa: PLR0913 - one option for each thing that can be said
    token: Token,
    kind: Annotated[str, typer.Option("--type", help="For example ISO14443, eMAID, Central.")] = "ISO14443",
    status: Annotated[str, typer.Option(help="For example Accepted, Blocked.")] = "Accepted",
    group: Annotated[str | None, typer.Option(help="Its group: its tokens stop each other's.")] = None,
    single: Annotated[bool, typer.Option("--single", help="One transaction at a time.")] = False,
    driver: Annotated[str | None, typer.Option(help="Whose it is.")] = None,
    vehicle: Annotated[str | None, typer.Option(help="Which vehicle comes with it.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Register an id token."""
    body = {"idToken": token, "type": kind, "status": status, "driverId": driver, "vehicleId": vehicle}
    found = client(url).post("/id-tokens", body | {"groupIdToken": group, "concurrent": not single})
    as_json(found) if json else say(f"Token {found['idToken']} is registered.")


@tokens.command("list")
def list_tokens(json: Json = False, url: Url = URL) -> None:
    """All id tokens."""
    found = client(url).all("/id-tokens")
    as_json(found) if json else table("Id tokens", _TOKEN, found)


@tokens.command("remove")
def remove_token(token: Token, json: Json = False, url: Url = URL) -> None:
    """Forget an id token."""
    client(url).delete(f"/id-tokens/{quote(token, safe='')}")
    as_json({"removed": token}) if json else say(f"Token {token} is removed.")


@transactions.command("list")
def list_transactions(
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are still open.")] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Transactions."""
    params = {} if station is None else {"station": station}
    found = client(url).all("/transactions", params | ({"open": "true"} if open_only else {}))
    as_json(found) if json else table("Transactions", _TRANSACTION, found)


@transactions.command("show")
def show_transaction(
    transaction: Transaction,
    readings: Annotated[bool, typer.Option("--readings", help="Its meter readings too.")] = False,
    json: Json = False,
    url: Url = URL,
) -> None:
    """One transaction."""
    rest, path = client(url), f"/transactions/{quote(transaction, safe='')}"
    found = rest.get(path)
    taken = rest.all(f"{path}/readings") if readings else []
    if json:
        as_json(found | {"readings": taken} if readings else found)
        return
    fields(f"Transaction {found['transactionId']}", found)
    if readings:
        table("Readings", ("at", "powerW", "importWh", "exportWh", "soc", "context"), taken)


@transactions.command("stop")
def stop_transaction(transaction: Transaction, json: Json = False, url: Url = URL) -> None:
    """Ask the station to end a transaction."""
    told(client(url).call(f"/transactions/{quote(transaction, safe='')}/stop"), json)


@transactions.command("status")
def transaction_status(transaction: Transaction, json: Json = False, url: Url = URL) -> None:
    """Ask the station whether a transaction goes on, and whether messages of it wait there."""
    found = client(url).call(f"/transactions/{quote(transaction, safe='')}/status")
    as_json(found if json else found["answer"])


@transactions.command("cost")
def transaction_cost(transaction: Transaction, json: Json = False, url: Url = URL) -> None:
    """What a transaction costs by the newest that is known."""
    found = client(url).get(f"/transactions/{quote(transaction, safe='')}/cost")
    as_json(found) if json else say(
        f"{found['total']} {found['currency']}{' final' if found['final'] else ''}"
    )


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    role: Annotated[RoleName, typer.Option(help="What the user may do.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Add a user and print the API key, this once."""
    found = client(url).post("/users", {"name": name, "role": role.value})
    as_json(found) if json else say(
        f"{found['name']} is {found['role']}. Key, shown this once: {found['key']}"
    )


@users.command("list")
def list_users(json: Json = False, url: Url = URL) -> None:
    """All users."""
    found = client(url).all("/users")
    as_json(found) if json else table("Users", ("name", "role", "createdAt"), found)


def fleet(json: Json = False, url: Url = URL) -> None:
    """What the fleet can give and take now."""
    found = client(url).get("/fleet")
    if json:
        as_json(found)
        return
    say(f"{found['pluggedIn']} vehicles plugged in, {found['online']} of them at stations that are online.")
    columns = (
        "id",
        "pluggedIn",
        "online",
        "measuredW",
        "canDischargeW",
        "canChargeW",
        "availableWh",
        "reasons",
    )
    table("By program", columns, found["programs"])
    table("By site", columns, found["sites"])
