"""run, status, drain, version: a worker's days."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from tensorgrid_worker.cli.common import (
    STILL_DRAINING,
    AsJson,
    Config,
    Worker,
    fleet_of,
    hint,
    sentences,
    show,
)


def run(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Log JSON lines even to a terminal.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="On SIGTERM or `drain`: end audited jobs early, paid for what is done.")
    ] = False,
) -> None:
    """Work until SIGTERM or `drain`, which finish what was taken and take nothing more; a second SIGTERM stops at once.

    Example: tensorgrid-worker run --config worker.toml
    """
    from tensorgrid_worker.fleet import run_fleet
    from tensorgrid_worker.logs import configure

    configure(as_json=as_json or None)
    with sentences():
        run_fleet(fleet_of(config).changed(drain_abandons=True) if abandon else fleet_of(config))


def status(config: Config = None, worker: Worker = "", as_json: AsJson = False) -> None:
    """What the chain knows of this worker, and its journal: state, stake, earnings, jobs, transactions on their way.

    Example: tensorgrid-worker status --config worker.toml --json
    """
    from tensorgrid_worker.membership.status import as_table, full_status

    with sentences():
        found = [full_status(one) for one in fleet_of(config).some(worker)]
        shown: Any = found[0] if len(found) == 1 else {"workers": found}
        show(shown, "\n\n".join(map(as_table, found)), as_json=as_json)


def drain(
    config: Config = None,
    worker: Worker = "",
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for its end; 0: only ask.")] = 3600,
    and_abandon: Annotated[
        bool, typer.Option("--abandon", help="Do not finish audited jobs: end them early, paid for what is done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let the running daemon finish what it took, take nothing more, and end. Shows what is left meanwhile.

    Example: tensorgrid-worker drain --config worker.toml
    """
    from tensorgrid_worker.draining import abandon_jobs, drained

    with sentences():
        fleet = fleet_of(config)
        for one in fleet.some(worker) if and_abandon else ():
            abandon_jobs(one)
        asked, left = drained(fleet.some(worker), seconds=wait, say=hint)
        text = "no daemon runs here" if not asked else "it goes on draining" if left else "drained"
        show({"asked": asked, "draining": left}, text, as_json=as_json)
        if left and wait:
            raise SystemExit(STILL_DRAINING)


def abandon(
    job: Annotated[str, typer.Argument(help="The job's id, or an unambiguous beginning of it.")],
    config: Config = None,
    worker: Worker = "",
    as_json: AsJson = False,
) -> None:
    """Give up a job that this worker does alone. It cannot be undone.

    Of an audited one the segments that are done are committed to, audited and paid. Any other seat goes back at once,
    for half the no-show bond: another worker may take it, and this one takes no other job for a while.

    Example: tensorgrid-worker abandon 0x1234abcd --config worker.toml
    """
    from tensorgrid_worker.draining import abandon_jobs

    with sentences():
        [asked] = abandon_jobs(fleet_of(config).one(worker), job)
        show(
            {"abandoned": asked},
            f"{asked} is given up; an audited one ends behind the segment that it is in",
            as_json=as_json,
        )


def version(as_json: AsJson = False) -> None:
    """Versions of the worker and of what its jobs run on.

    Example: tensorgrid-worker version
    """
    from importlib.metadata import version as installed

    from tensorgrid_worker.hardware import environment

    here = environment()
    found = {
        "tensorgrid": installed("tensorgrid"),
        "python": here.python,
        "torch": here.torch,
        "platform": here.platform,
    }
    typer.echo(
        json.dumps(found) if as_json else "\n".join(f"{name} {value or 'missing'}" for name, value in found.items())
    )


def add_to(app: typer.Typer) -> None:
    for command in (run, status, drain, abandon, version):
        app.command()(command)
