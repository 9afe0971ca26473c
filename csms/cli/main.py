"""The command tree, and the only place where exit codes are given."""

import sys
from collections.abc import Sequence

import typer

from csms.cli import (
    access,
    certificates,
    charging,
    configuration,
    database,
    der,
    device_model,
    diagnostics,
    dialects,
    events,
    orders,
    pki,
    programs,
    reservations,
    sites,
    stations,
    vehicles,
)
from csms.cli.demo import demo
from csms.cli.outcome import Exit, Failed, complain
from csms.cli.serve import serve
from csms.errors import ConfigurationError, CsmsError, Invalid, StoreUnavailable

app = typer.Typer(
    help="Charging station management system for virtual power plants.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(demo)
for more in (orders, charging, device_model, dialects, der):
    stations.app.add_typer(more.app)
sites.app.add_typer(device_model.sites)
app.add_typer(stations.app, name="station")
app.add_typer(sites.app, name="site")
app.add_typer(certificates.app, name="certificate")
app.add_typer(diagnostics.monitors, name="monitor")
app.add_typer(diagnostics.displays, name="display")
app.add_typer(reservations.reservations, name="reservation")
app.add_typer(reservations.tariffs, name="tariff")
app.add_typer(access.tokens, name="token")
access.transactions.add_typer(der.transactions)
app.add_typer(access.transactions, name="transaction")
app.add_typer(events.app, name="event")
app.add_typer(programs.programs, name="program")
app.add_typer(programs.drivers, name="driver")
app.add_typer(vehicles.app, name="vehicle")
app.add_typer(programs.settlements, name="settlement")
app.command("fleet")(access.fleet)
app.add_typer(access.users, name="user")
app.add_typer(database.app, name="db")
app.add_typer(pki.app, name="pki")
app.add_typer(configuration.app, name="config")


def main() -> None:
    """What `csms` on the command line calls."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; every failure is one line on standard error."""
    try:
        code = app(args=list(arguments), prog_name="csms", standalone_mode=False)
    except Exception as error:
        line, end = outcome(error)
        if line:
            complain(line)
        return end
    return code if isinstance(code, int) else Exit.DONE


def outcome(error: Exception) -> tuple[str, Exit]:
    """The one line and the exit code for an error."""
    match error:
        case Failed():
            return error.line, error.code
        case Invalid():
            return f"{error.field}: {error.detail}", Exit.WRONG_USE
        case ConfigurationError():
            return f"configuration error: {error}", Exit.FAILED
        case StoreUnavailable():
            return f"the store is not available: {error}", Exit.FAILED
        case CsmsError():
            return str(error), Exit.FAILED
        case typer.Abort():
            return "aborted", Exit.FAILED
        case typer.TyperException():
            # help that was asked for by giving no arguments has been printed already
            asked = type(error).__name__ == "NoArgsIsHelpError"
            return "" if asked else error.format_message(), Exit.WRONG_USE
        case OSError():
            return f"{error.filename or 'the system'}: {error.strerror or error}", Exit.FAILED
    return f"unexpected {type(error).__name__}: {error}", Exit.FAILED
