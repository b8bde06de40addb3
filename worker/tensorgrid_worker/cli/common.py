"""What the commands share: options, exit codes, errors as sentences."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorgrid.domain.errors import (
    KeyMissing,
    SandboxUnavailable,
    TensorgridError,
    UnknownDeployment,
    Unreachable,
    WrongChain,
)

if TYPE_CHECKING:
    from tensorgrid_worker.config import Fleet

EXIT_CODES: tuple[tuple[type[TensorgridError], int], ...] = (
    (KeyMissing, 3),
    (WrongChain, 4),
    (UnknownDeployment, 4),
    (Unreachable, 5),
    (SandboxUnavailable, 6),
    (TensorgridError, 2),
)
UNFIT, STILL_DRAINING = 7, 8

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="TOML file; TENSORGRID_WORKER_* variables win over it. Default: where `init` writes it.",
    ),
]
Worker = Annotated[str, typer.Option("--worker", "-w", help="One of several identities, by its name, such as gpu0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def default_home() -> Path:
    """Where `init` puts a worker: TENSORGRID_HOME/worker, or ~/.tensorgrid/worker."""
    from tensorgrid.chain.deployments import home

    return home() / "worker"


def found_config(config: Path | None) -> Path | None:
    """The file that was named, else the one that `init` writes, else none: then all stands in the environment."""
    if config is not None:
        return config
    usual = default_home() / "worker.toml"
    return usual if usual.is_file() else None


def fleet_of(config: Path | None) -> Fleet:
    """Raises ConfigInvalid."""
    from tensorgrid_worker.config import load_fleet

    return load_fleet(found_config(config))


def show(found: Any, text: str, *, as_json: bool) -> None:
    """To stdout: one JSON document, or lines for people."""
    typer.echo(json.dumps(found, indent=2) if as_json else text)


def hint(text: str) -> None:
    """To stderr: what goes on meanwhile."""
    from tensorgrid_worker.logs import printable

    print(printable(text), file=sys.stderr, flush=True)


@contextmanager
def sentences() -> Iterator[None]:
    """Errors that we raise on purpose end as one sentence and an exit code, not as a traceback."""
    try:
        yield
    except TensorgridError as error:
        hint(f"tensorgrid-worker: {error}")
        raise SystemExit(next(code for kind, code in EXIT_CODES if isinstance(error, kind))) from None
