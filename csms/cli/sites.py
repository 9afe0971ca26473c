"""`csms site ...`, over REST."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

import typer

from csms.cli.options import URL, Json, Limit, Url, client, limits_of
from csms.cli.outcome import as_json, say, table
from csms.cli.rest import Object, Rest

app = typer.Typer(help="Sites: places with one grid connection, one within another.", no_args_is_help=True)

Site = Annotated[str, typer.Argument(metavar="SITE")]
Within = Annotated[
    str | None,
    typer.Option(help="The site around it, a transformer or feeder, whose limits hold for all within."),
]


def _command(send: Callable[[Rest, str, Object], Object], done: str) -> Callable[..., None]:
    """A command that takes all that can be said of a site."""

    def command(
        site: Site,
        within: Within = None,
        import_limit: Limit = None,
        export_limit: Limit = None,
        json: Json = False,
        url: Url = URL,
    ) -> None:
        body = limits_of(import_limit, export_limit)
        if within is not None:
            body["within"] = within or None
        found = send(client(url), site, body)
        as_json(found) if json else say(f"Site {found['siteId']} is {done}.")

    return command


def _add(rest: Rest, site: str, body: Object) -> Object:
    return rest.post("/sites", {"siteId": site, **body})


def _change(rest: Rest, site: str, body: Object) -> Object:
    return rest.patch(f"/sites/{quote(site, safe='')}", body)


app.command(
    "add", help="Register a site. Without an export limit nothing there is discharged into the grid."
)(_command(_add, "registered"))
app.command(
    "change",
    help="Change a site's limits, or the site around it; an empty --within takes it out of all others.",
)(_command(_change, "changed"))


@app.command("list")
def list_(json: Json = False, url: Url = URL) -> None:
    """All sites."""
    found = client(url).all("/sites")
    as_json(found) if json else table("Sites", ("siteId", "within", "importLimitW", "exportLimitW"), found)
