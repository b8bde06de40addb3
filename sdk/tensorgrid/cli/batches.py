"""The command around batches: map."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from tensorgrid.cli.jobs import BudgetOption, ReplicasOption, VerifyOption, WallOption, WorkArgument, chosen
from tensorgrid.cli.loading import arguments_from, function_from
from tensorgrid.cli.output import JsonOption, NetworkOption, amount_json, connect, error_console, print_json, say
from tensorgrid.domain.arrays import kind_of
from tensorgrid.domain.batches import MOST_ITEMS
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.text import plain

if TYPE_CHECKING:
    from tensorgrid.runs.batch import Batch

MOST_LINE = 8 << 20


def add_to(app: typer.Typer) -> None:
    app.command("map")(map_items)


def map_items(
    what: WorkArgument,
    items: Annotated[Path, typer.Argument(help="One item per line, as JSON.")],
    workers: Annotated[int, typer.Option(help="Into how many jobs the items are split.")] = 10,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Results, one JSON object per line.")] = None,
    shared: Annotated[
        list[str] | None, typer.Option("--shared", help="NAME=VALUE, an argument that is the same for all.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="To find it by, if this ends before the batch does.")] = None,
    budget: BudgetOption = None,
    wall: WallOption = None,
    verify: VerifyOption = None,
    replicas: ReplicasOption = None,
    tolerance: Annotated[
        float | None, typer.Option(help="With audit: how far unlike machines' outputs may differ, such as 1e-3.")
    ] = None,
    retries: Annotated[int, typer.Option(help="How often what nobody did is posted again.")] = 2,
    go_on: Annotated[bool, typer.Option("--continue", help="Go on with the batch of this --name.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a function called once per line of a file, by many workers; failures of single items do not stop the rest.

    Each line of the results is {"index", "value"}, or {"index", "failed", "reason"}; arrays become lists.

    Example: tensorgrid map classify.py:classify items.jsonl --workers 10 --budget "5 USDC" --out results.jsonl
    """
    options = chosen(budget=budget, wall=wall, verify=verify, replicas=replicas, tolerance=tolerance)
    client = connect(network)
    if go_on:
        if name is None:
            raise SpecInvalid("--continue needs the --name of the batch")
        batch = client.batch(name, return_failures=True, retries=retries)
    else:
        function, values = function_from(what), list(items_from(items))
        same = arguments_from(shared or [])
        if dry_run:
            estimate = client.estimate_map(function, values, workers=workers, shared=same, **options)
            money = {key: amount_json(getattr(estimate, key)) for key in ("ceiling", "likely", "per_item")}
            print_json(money | {"slices": estimate.slices, "drawn": estimate.drawn}) if as_json else say(str(estimate))
            return
        batch = client.map(
            function, values, workers=workers, shared=same, name=name, retries=retries, return_failures=True, **options
        )
    error_console().print(f"batch {batch.name}: {len(batch)} items in {len(batch.ids)} jobs", highlight=False)
    with nullcontext() if out is None else out.open("w", encoding="utf-8") as file:
        _follow(batch, file, quiet=as_json)
    found = batch.progress()
    if as_json:
        paid = None if found.paid is None else amount_json(found.paid)
        told = {"name": batch.name, "root": "0x" + batch.root.hex(), "jobs": list(batch.ids), "items": found.items}
        print_json(told | {"done": found.done, "failed": found.failed, "paid": paid, "out": str(out) if out else None})
    else:
        say(f"{found}" + (f"; saved in {out}" if out else ""))


def items_from(path: Path) -> Iterator[Any]:
    """One JSON value per line; empty lines are left out. Raises SpecInvalid naming the line."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(MOST_LINE), ""), start=1):
                if number > 2 * MOST_ITEMS:
                    raise SpecInvalid(f"{path} has too many lines: a batch has at most {MOST_ITEMS} items; split it")
                if line.strip():
                    yield _value(path, number, line)
    except (OSError, UnicodeDecodeError) as error:
        raise SpecInvalid(f"{path} cannot be read as text: {error}; give a file of JSON lines") from error


def _value(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SpecInvalid(f"{path}, line {number}: not JSON ({error}); one item per line") from error


def _follow(batch: Batch, file: TextIO | None, *, quiet: bool) -> None:
    for index, found in enumerate(batch):
        line = {"index": index, **_shown(found)}
        if file is not None:
            file.write(json.dumps(line, ensure_ascii=True) + "\n")
            file.flush()
        elif not quiet:
            say(plain(json.dumps(line, ensure_ascii=True), 400))
        if file is not None and not quiet and (index + 1) % max(1, len(batch) // 20) == 0:
            say(f"{index + 1} of {len(batch)} items")


def _shown(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):  # an ItemFailure
        return {"failed": plain(found.kind), "reason": plain(found.reason, 500)}
    return {"value": {key: value if kind_of(value) is None else value.tolist() for key, value in found.items()}}
