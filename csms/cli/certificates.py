"""`csms certificate ...`, over REST: certificates in stations, and those that our authority has issued."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Identity, Json, Url, client, text_of
from csms.cli.orders import path, told
from csms.cli.outcome import Failed, as_json, say, table

app = typer.Typer(help="Certificates in stations, and issued ones.", no_args_is_help=True)

_INSTALLED = ("use", "serialNumber", "hashAlgorithm", "issuerKeyHash", "reportedAt")
_ISSUED = ("serial", "use", "name", "identity", "expiresAt", "revokedAt")


class Root(StrEnum):
    """Whom a station is to trust, and for what."""

    CSMS = "CSMSRootCertificate"
    V2G = "V2GRootCertificate"
    MO = "MORootCertificate"
    MANUFACTURER = "ManufacturerRootCertificate"


class Signed(StrEnum):
    """Which of its own certificates a station shall ask for."""

    STATION = "station"
    V2G = "v2g"
    COMBINED = "combined"


_TRIGGERS = {
    Signed.STATION: "SignChargingStationCertificate",
    Signed.V2G: "SignV2GCertificate",
    Signed.COMBINED: "SignCombinedCertificate",
}


@app.command("list")
def list_(identity: Identity, json: Json = False, url: Url = URL) -> None:
    """What a station has told to have; `read` asks it."""
    found = client(url).get(path(identity, "certificates"))["items"]
    as_json(found) if json else table(f"Certificates in {identity}", _INSTALLED, found)


@app.command()
def read(
    identity: Identity,
    use: Annotated[list[str] | None, typer.Option(help="Only these uses; may be repeated.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Ask a station which certificates it has."""
    told(client(url).call(path(identity, "certificates", "read"), {"uses": use or []}), json)


@app.command()
def install(
    identity: Identity,
    use: Root,
    file: Annotated[Path, typer.Argument(help="A root certificate, PEM.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station trust a root."""
    body = {"use": use.value, "certificate": text_of(file)}
    told(client(url).call(path(identity, "certificates"), body), json)


@app.command()
def delete(
    identity: Identity,
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="As `list` shows it.")],
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station forget a certificate that it has told of."""
    rest = client(url)
    names = ("hashAlgorithm", "issuerNameHash", "issuerKeyHash", "serialNumber")
    known = rest.get(path(identity, "certificates"))["items"]
    found = [one for one in known if one["serialNumber"] == serial]
    if not found:
        raise Failed(f"{identity} has told of no certificate {serial!r}; `csms certificate read` asks it.")
    if len(found) > 1:
        raise Failed(f"{identity} has told of {len(found)} certificates {serial!r}: call DeleteCertificate.")
    told(rest.call(path(identity, "certificates", "delete"), {name: found[0][name] for name in names}), json)


@app.command()
def renew(
    identity: Identity,
    kind: Annotated[Signed, typer.Option("--use", help="Which one.")] = Signed.STATION,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Have a station ask for a new certificate of its own; our authority signs it."""
    told(client(url).call(path(identity, "trigger"), {"message": _TRIGGERS[kind]}), json)


@app.command()
def issued(
    station: Annotated[str | None, typer.Option(help="Only of this station.")] = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """What our authority has issued."""
    found = client(url).get("/certificates", {} if station is None else {"station": station.lower()})["items"]
    as_json(found) if json else table("Issued certificates", _ISSUED, found)


@app.command()
def revoke(
    serial: Annotated[str, typer.Argument(metavar="SERIAL")], json: Json = False, url: Url = URL
) -> None:
    """Trust an issued certificate no longer."""
    found = client(url).post(f"/certificates/{quote(serial, safe='')}/revoke")
    as_json(found) if json else say(f"{found['serial']} ({found['name']}) is revoked.")
