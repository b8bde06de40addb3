"""Commands around private jobs: handover, delegate."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorgrid.cli.jobs import JobArgument
from tensorgrid.cli.output import NetworkOption, connect, say


def add_to(app: typer.Typer) -> None:
    for command in (handover, delegate):
        app.command()(command)


def handover(job: JobArgument, network: NetworkOption = None) -> None:
    """Hand the key of a private job to the worker that took it.

    Example: tensorgrid handover 0x1234abcd
    """
    run = connect(network).run(job)
    run.hand()
    say(f"handed; its worker begins now. Fetch the result: tensorgrid result {run.hex[:12]} --out result")


def delegate(
    who: Annotated[str, typer.Argument(help="An address that may hand keys for this account; 0x0…0: nobody.")],
    network: NetworkOption = None,
) -> None:
    """Let another account hand the keys of your private jobs. It must hold an identity that they are sealed to.

    Example: tensorgrid delegate 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    connect(network).delegate(who)
    say(f"{who} may hand the keys of this account's private jobs, and do nothing else")
