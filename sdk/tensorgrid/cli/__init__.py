"""The command line: parse, call the Client, print. No logic lives here."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Annotated

import typer

from tensorgrid.cli import audits, batches, checking, jobs, keys, money, networks, orders, rounds, tables
from tensorgrid.cli.output import error_console, show_version
from tensorgrid.domain.errors import TensorgridError
from tensorgrid.text import plain

app = typer.Typer(
    name="tensorgrid",
    help="Buy GPU work from strangers; pay only for results that were checked.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", is_eager=True, callback=show_version)
    ] = False,
) -> None:
    """Buy GPU work from strangers; pay only for results that were checked."""


networks.add_to(app)
checking.add_to(app)
jobs.add_to(app)
tables.add_to(app)
batches.add_to(app)
keys.add_to(app)
audits.add_to(app)
orders.add_to(app)
money.add_to(app)
rounds.add_to(app)


def main() -> None:
    """Entry point: errors of ours are one sentence and exit code 1, with --json an object; a traceback is a bug."""
    # an ordinary exception, so that whatever was started is ended on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except TensorgridError as error:
        if os.environ.get("TENSORGRID_DEBUG"):
            raise
        if "--json" in sys.argv:
            print(json.dumps({"error": {"type": type(error).__name__, "message": str(error)}}))
        else:
            error_console().print(f"{type(error).__name__}: {plain(error, 2000)}", markup=False, highlight=False)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


__all__ = ["app", "main"]
