"""Before buying: lint, preflight. Neither needs a network."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorgrid.cli.loading import arguments_from, function_from, text_of
from tensorgrid.cli.output import JsonOption, pairs, print_json, say
from tensorgrid.domain.jobs import ZERO_ADDRESS
from tensorgrid.domain.money import Amount, Token
from tensorgrid.text import plain

if TYPE_CHECKING:
    from tensorgrid.preflight import Preflight

FOUND = 8
"""Exit code: something was found that makes runs differ."""
DECIMALS = 6

CpuOption = Annotated[bool, typer.Option("--cpu", help="It will run on a CPU: leave out what only CUDA lacks.")]


def add_to(app: typer.Typer) -> None:
    for command in (lint, preflight):
        app.command()(command)


def lint(
    what: Annotated[str, typer.Argument(help="FILE.py, or FILE.py:FUNCTION for what of it would travel.")],
    cpu: CpuOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read a job's source for what makes two runs of it differ: an audited job must be bit-equal. Exit code 8 when
    something surely does. FILE.py is only read; FILE.py:FUNCTION is imported, as `submit` does.

    Examples: tensorgrid lint train.py; tensorgrid lint train.py:train --cpu --json
    """
    from tensorgrid.lint import lint_source

    source = _source(what)
    found, lines = lint_source(source, gpu=not cpu), source.split("\n")
    texts = [lines[int(one.place.rpartition(" ")[2]) - 1].strip() for one in found]
    if as_json:
        print_json([one.to_json() | {"text": text} for one, text in zip(found, texts, strict=True)])
    for one, text in zip(found, texts, strict=True):
        if not as_json:
            say(f"{plain(one, 1000)}\n    {plain(text)}")
    if not found and not as_json:
        say("nothing known to differ; `tensorgrid preflight` runs it twice and compares")
    if any(one.level == "error" for one in found):
        raise typer.Exit(FOUND)


def preflight(
    what: Annotated[str, typer.Argument(help="FILE.py:FUNCTION, a function with or without @tg.job.")],
    arg: Annotated[list[str] | None, typer.Option("--arg", "-a", help="NAME=VALUE, the value in JSON or text.")] = None,
    steps: Annotated[int, typer.Option("--steps", min=0, help="Steps of the whole job; else as @tg.job says.")] = 0,
    price: Annotated[str, typer.Option("--price", help='To the worker, such as "5 USDC".')] = "",
    gas: Annotated[str, typer.Option("--gas", help="What a job's transactions cost in all, in the same token.")] = "",
    gpu: Annotated[bool, typer.Option("--gpu", help="On a GPU, as it will be bought.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the first steps of a job twice, in fresh processes, and compare its state bit by bit: what differs cannot be
    audited. With --steps and --price: how long the whole takes, what an audit costs, and which way to verify fits.

    Examples: tensorgrid preflight train.py:train --arg epochs=3; tensorgrid preflight train.py:train --steps 100000
    --price "5 USDC" --gas "0.05 USDC"
    """
    from tensorgrid.ordering.options import Buyable, JobOptions
    from tensorgrid.preflight import preflight as compare

    work = function_from(what)
    function, options = (work.function, work.settings) if isinstance(work, Buyable) else (work, JobOptions())
    done = compare(function, arguments_from(arg or []), options, gpu=gpu)
    steps = steps or options.steps or 0
    costs = _costs(done, steps, price, gas) if steps and price else {}
    if as_json:
        print_json(asdict(done) | ({"costs": costs} if costs else {}))
        return
    say(f"{done.steps} steps in two processes: bit-equal; model {done.roots[-1][0][:16]}…")
    say(f"a step takes {done.step_seconds:.4g} s, hashing its state {done.record_seconds:.4g} s")
    for finding in done.findings:
        say(plain(finding, 1000))
    if costs:
        pairs({name.replace("_", " "): value for name, value in costs.items() if value not in ("", None)})


def _costs(done: Preflight, steps: int, price: str, gas: str) -> dict[str, Any]:
    """In the words of the price's token; shares of one, times in seconds."""
    from tensorgrid.parameters.audit import audit_terms
    from tensorgrid.preflight import costs_of

    token = Token(
        ZERO_ADDRESS, (price.rsplit(maxsplit=1) or [""])[-1][:16], DECIMALS
    )  # no network is asked which one it is
    asked = Amount.parse(price, (token,)).units
    found = costs_of(done, steps, asked, audit_terms(), gas=Amount.parse(gas, (token,)).units if gas else None)
    money = {
        name: str(Amount(getattr(found, name), token)) for name in ("price", "audit", "reserve", "ceiling", "likely")
    }
    return {
        name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(found).items()
    } | money


def _source(what: str) -> str:
    if Path(what).is_file():
        return text_of(Path(what))
    from tensorgrid.bundle import bundle_of

    function = function_from(what)
    return bundle_of(getattr(function, "function", function)).source.decode()
