"""`csms site ...`, over REST."""

from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Json, Limit, Url, client, limits_of
from csms.cli.outcome import as_json, say, table
from csms.cli.rest import Object

app = typer.Typer(help="Sites: places with one grid connection, one within another.", no_args_is_help=True)

Site = Annotated[str, typer.Argument(metavar="SITE")]
Within = Annotated[
    str | None,
    typer.Option(help="The site around it, a transformer or feeder, whose limits hold for all within."),
]


@app.command()
def add(
    site: Site,
    within: Within = None,
    import_limit: Limit = None,
    export_limit: Limit = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Register a site. Without an export limit nothing there is discharged into the grid."""
    body: Object = {"siteId": site, "within": within, **limits_of(import_limit, export_limit)}
    found = client(url).post("/sites", body)
    as_json(found) if json else say(f"Site {found['siteId']} is registered.")


@app.command()
def change(
    site: Site,
    within: Within = None,
    import_limit: Limit = None,
    export_limit: Limit = None,
    json: Json = False,
    url: Url = URL,
) -> None:
    """Change a site's limits, or the site around it; an empty --within takes it out of all others."""
    body = limits_of(import_limit, export_limit)
    if within is not None:
        body["within"] = within or None
    found = client(url).patch(f"/sites/{quote(site, safe='')}", body)
    as_json(found) if json else say(f"Site {found['siteId']} is changed.")


@app.command("list")
def list_(json: Json = False, url: Url = URL) -> None:
    """All sites."""
    found = client(url).all("/sites")
    as_json(found) if json else table("Sites", ("siteId", "within", "importLimitW", "exportLimitW"), found)
