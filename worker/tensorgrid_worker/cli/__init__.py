"""tensorgrid-worker: init, doctor, register, run, status, drain, leave; and offers. Thin: parse, call, print."""

from __future__ import annotations

import typer

from tensorgrid_worker.cli import membership, running, selling
from tensorgrid_worker.cli.common import EXIT_CODES

HELP = """Takes tensorgrid jobs, runs them in a sandbox, and is paid for results that others agree with.

To join: init, register, doctor, run; then status. To go: drain, leave.

Exit codes: 0 done or drained, 1 a fault of the program, 2 settings, home or a refusal, 3 key, 4 wrong chain or
contracts, 5 node out of reach at start, 6 no sandbox, 7 doctor found red, 8 still draining when the time was over.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
membership.add_to(app)
running.add_to(app)
selling.add_to(app)


def main() -> None:
    """Entry point of `tensorgrid-worker` and of `python -m tensorgrid_worker`."""
    app()


__all__ = ["EXIT_CODES", "app", "main"]
