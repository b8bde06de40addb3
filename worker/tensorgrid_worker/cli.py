"""tensorgrid-worker: run, status, offer, cancel-offers, version. Thin: parse, call, print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from tensorgrid.domain.errors import (
    KeyMissing,
    SandboxUnavailable,
    TensorgridError,
    UnknownDeployment,
    Unreachable,
    WrongChain,
)

EXIT_CODES: tuple[tuple[type[TensorgridError], int], ...] = (
    (KeyMissing, 3),
    (WrongChain, 4),
    (UnknownDeployment, 4),
    (Unreachable, 5),
    (SandboxUnavailable, 6),
    (TensorgridError, 2),
)
HELP = """Takes tensorgrid jobs, runs them in a sandbox, and is paid for results that others agree with.

Exit codes: 0 drained, 1 a fault of the program, 2 settings or home, 3 key, 4 wrong chain or contracts, 5 node out of
reach at start, 6 no sandbox.
"""

app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file; TENSORGRID_WORKER_* variables win over it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@app.command()
def run(
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Log JSON lines even to a terminal.")] = False,
) -> None:
    """Work until SIGTERM, which finishes what was taken and takes nothing more; a second one stops at once.

    Example: tensorgrid-worker run --config worker.toml
    """
    from tensorgrid_worker.config import load_config
    from tensorgrid_worker.logs import configure
    from tensorgrid_worker.start import run_worker

    configure(as_json=as_json or None)
    with _Sentences():
        run_worker(load_config(config))


@app.command()
def status(config: Config = None, as_json: AsJson = False) -> None:
    """What this worker's journal knows: jobs, newest first, and transactions on their way.

    Example: tensorgrid-worker status --config worker.toml --json
    """
    from tensorgrid_worker.config import load_config
    from tensorgrid_worker.status import as_table, read_status

    with _Sentences():
        found = read_status(load_config(config).home)
        typer.echo(json.dumps(found, indent=2) if as_json else as_table(found))


@app.command()
def offer(
    price: Annotated[str, typer.Option("--price", help='Least pay of a job, such as "0.5 USDC".')],
    config: Config = None,
    life: Annotated[str, typer.Option("--for", help="How long it can be used: 90s, 30m, at most 1h.")] = "30m",
    wall: Annotated[str | None, typer.Option("--wall", help="Longest work time; else max_wall_seconds.")] = None,
    max_stake: Annotated[int | None, typer.Option("--max-stake", help="Most stake one job locks, in units.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a standing offer. Who holds it can seat this worker in a job at once; keep the daemon running meanwhile.

    Example: tensorgrid-worker offer --config worker.toml --price "0.5 USDC" --for 30m --json
    """
    from tensorgrid_worker.config import load_config

    with _Sentences():
        settings = load_config(config)
        from tensorgrid_worker.offers import as_text, make_offer, parse_seconds

        seconds = None if wall is None else parse_seconds(wall)
        made = make_offer(settings, price=price, seconds=parse_seconds(life), wall=seconds, max_stake=max_stake)
        typer.echo(made.to_json() if as_json else as_text(made, price))


@app.command()
def cancel_offers(config: Config = None, as_json: AsJson = False) -> None:
    """Make every standing offer signed so far worthless: one transaction by the hot key.

    Example: tensorgrid-worker cancel-offers --config worker.toml
    """
    from tensorgrid_worker.config import load_config
    from tensorgrid_worker.logs import configure

    configure()
    with _Sentences():
        settings = load_config(config)
        from tensorgrid_worker import offers

        epoch = offers.cancel_offers(settings)
        typer.echo(json.dumps({"epoch": epoch}) if as_json else f"all offers are cancelled; the epoch is {epoch} now")


@app.command()
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


def main() -> None:
    """Entry point of `tensorgrid-worker` and of `python -m tensorgrid_worker`."""
    app()


class _Sentences:
    """Errors that we raise on purpose end as one sentence and an exit code, not as a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if not isinstance(error, TensorgridError):
            return
        from tensorgrid_worker.logs import printable

        print(f"tensorgrid-worker: {printable(str(error))}", file=sys.stderr)
        raise SystemExit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
