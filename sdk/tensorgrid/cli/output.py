"""How commands print: tables for people, one JSON document for programs, strangers' text cleaned in both."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tensorgrid.domain.money import Amount
from tensorgrid.text import plain

if TYPE_CHECKING:
    from tensorgrid.client import Client

NetworkOption = Annotated[
    str | None,
    typer.Option("--network", "-n", help="A node's URL or a devnet.json; default: the devnet that is running."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def connect(network: str | None) -> Client:
    """Raises UnknownDeployment, Unreachable, WrongChain."""
    from tensorgrid.client import Client  # half a second of imports, which --help does not need

    return Client(network)


def console() -> Console:
    wide = None if sys.stdout.isatty() else 200  # a pipe has no width, and ids must not be cut in it
    return Console(highlight=False, markup=False, width=wide)


def error_console() -> Console:
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def show_version(wanted: bool) -> None:
    if wanted:
        from tensorgrid import __version__

        print(f"tensorgrid {__version__}")
        raise typer.Exit


def say(text: str) -> None:
    console().print(Text(text), soft_wrap=True)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Cells are cleaned: what they show may come from the network."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console().print(table)


def amount_json(amount: Amount) -> dict[str, Any]:
    """Units as text: they exceed what JSON's numbers hold."""
    return {"units": str(amount.units), "token": amount.token.symbol, "text": str(amount)}


def pairs(values: Mapping[str, object]) -> None:
    """`name: value` lines, names aligned."""
    width = max(len(name) for name in values) + 2
    for name, value in values.items():
        say(f"{name + ':':<{width}}{plain(value)}")


def fresh_folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
