"""`csms pki ...`: the local certificate authority, on the machine where its keys are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms.cli.options import Json, text_of
from csms.cli.outcome import Exit, Failed, as_json, say, table
from csms.cli.serve import ConfigOption
from csms.errors import ConfigurationError
from csms.pki import authority, csr
from csms.pki.authority import Authority, Issued, Use

app = typer.Typer(help="The local certificate authority.", no_args_is_help=True)

_COLUMNS = ("serial", "use", "name", "station", "expiresAt", "revokedAt")


@app.command()
def init(
    organisation: Annotated[
        str, typer.Argument(help="The O of all its certificates, for example your name.")
    ],
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Make an authority: a root, a sub CA that signs, an empty list of the revoked."""
    if not 1 <= len(organisation) <= 64:  # the bounds of X.520
        raise Failed("ORGANISATION: it has 1 to 64 characters.", Exit.WRONG_USE)
    from csms.settings import load

    folder = load(config).pki.folder
    authority.create(folder, organisation, datetime.now(UTC))
    if json:
        as_json({"folder": str(folder), "root": str(folder / "root.pem"), "crl": str(folder / "crl.pem")})
        return
    say(f"Made in {folder}. Keep a copy of root.key elsewhere and take it away from here.")
    say(f'[ocpp] client_ca = "{folder}/root.pem", client_crl = "{folder}/crl.pem",')
    say(f'client_organisations = ["{organisation}"] let stations in that it vouches for.')


@app.command()
def issue(
    name: Annotated[str, typer.Argument(help="The common name: a host, or a station's serial number.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.pem and NAME.key.")] = Path(),
    use: Annotated[Use, typer.Option(help="What it is for.")] = Use.SERVER,
    request: Annotated[
        Path | None, typer.Option("--csr", help="Sign this request; else a key is made.")
    ] = None,
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Issue a certificate by hand: for our own TLS listener, or for a station that cannot ask."""
    ours = _authority(config)
    made = None if request is not None else ec.generate_private_key(ec.SECP256R1())
    text = text_of(request) if request is not None else ""
    wish = csr.checked(text, {name}) if made is None else csr.Wish(name, made.public_key())
    stem = "".join(char if char.isalnum() or char in ".-_" else "_" for char in name).lstrip(".") or "issued"
    files = {"certificate": out / f"{stem}.pem", "key": out / f"{stem}.key"}
    taken = [file for file in files.values() if file.exists()]
    if taken:
        raise Failed(f"{taken[0]} is there already.")
    issued = ours.issue(wish, use, datetime.now(UTC))
    if made is not None:
        authority.write_private(files["key"], made)
    files["certificate"].write_text(issued.chain)
    shown = _shown(issued) | {name: str(file) for name, file in files.items() if file.exists()}
    as_json(shown) if json else say(
        f"{issued.serial}: {', '.join(str(f) for f in files.values() if f.exists())}"
    )


@app.command()
def revoke(
    serial: Annotated[str, typer.Argument(metavar="SERIAL")],
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """Trust a certificate no longer; a running server reads the new list by itself."""
    done = _authority(config).revoke(serial, datetime.now(UTC))
    as_json(_shown(done)) if json else say(f"{done.serial} ({done.name}) is revoked.")


@app.command()
def show(
    config: ConfigOption = None,
    json: Json = False,
) -> None:
    """The authority, and all that it has issued."""
    ours = _authority(config)
    found = [_shown(one) for one in ours.issued()]
    facts = {"folder": str(ours.folder), "root": _fact(ours.root), "sub": _fact(ours.sub), "issued": found}
    if json:
        as_json(facts)
        return
    for kind, certificate in (("root", ours.root), ("sub", ours.sub)):
        fact = _fact(certificate)
        say(f"{kind}: {fact['name']}, until {fact['expiresAt']}, SHA-256 {fact['fingerprint']}")
    table("Issued", _COLUMNS, found)


def _authority(config: Path | None) -> Authority:
    from csms.settings import load

    pki = load(config).pki
    if not authority.exists(pki.folder):
        raise ConfigurationError(
            "pki.folder", f"there is no authority in {pki.folder}; `csms pki init` makes one"
        )
    return authority.load(pki.folder, pki.valid_days)


def _fact(certificate: x509.Certificate) -> dict[str, object]:
    return {
        "name": str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        "expiresAt": certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        "fingerprint": certificate.fingerprint(hashes.SHA256()).hex(),
    }


def _shown(one: Issued) -> dict[str, object]:
    return {
        "serial": one.serial,
        "use": str(one.use),
        "name": one.name,
        "station": one.identity,
        "issuedAt": one.issued_at.isoformat().replace("+00:00", "Z"),
        "expiresAt": one.expires_at.isoformat().replace("+00:00", "Z"),
        "revokedAt": None if one.revoked_at is None else one.revoked_at.isoformat().replace("+00:00", "Z"),
    }
