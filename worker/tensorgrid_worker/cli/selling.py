"""offer, cancel-offers, bench: what this worker promises, and whether it can keep it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tensorgrid_worker.cli.common import AsJson, Config, Worker, found_config, sentences


def offer(
    price: Annotated[str, typer.Option("--price", help='Least pay of a job, such as "0.5 USDC".')],
    config: Config = None,
    worker: Worker = "",
    life: Annotated[str, typer.Option("--for", help="How long it can be used: 90s, 30m, at most 1h.")] = "30m",
    wall: Annotated[str | None, typer.Option("--wall", help="Longest work time; else max_wall_seconds.")] = None,
    max_stake: Annotated[int | None, typer.Option("--max-stake", help="Most stake one job locks, in units.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a standing offer. Who holds it can seat this worker in a job at once; keep the daemon running meanwhile.

    Example: tensorgrid-worker offer --config worker.toml --price "0.5 USDC" --for 30m --json
    """
    from tensorgrid_worker.config import load_config

    with sentences():
        settings = load_config(found_config(config), worker)
        from tensorgrid_worker.offers import as_text, make_offer, parse_seconds

        seconds = None if wall is None else parse_seconds(wall)
        made = make_offer(settings, price=price, seconds=parse_seconds(life), wall=seconds, max_stake=max_stake)
        typer.echo(made.to_json() if as_json else as_text(made, price))


def cancel_offers(config: Config = None, worker: Worker = "", as_json: AsJson = False) -> None:
    """Make every standing offer signed so far worthless: one transaction by the hot key.

    Example: tensorgrid-worker cancel-offers --config worker.toml
    """
    from tensorgrid_worker.config import load_config
    from tensorgrid_worker.logs import configure

    configure()
    with sentences():
        settings = load_config(found_config(config), worker)
        from tensorgrid_worker import offers

        epoch = offers.cancel_offers(settings)
        typer.echo(json.dumps({"epoch": epoch}) if as_json else f"all offers are cancelled; the epoch is {epoch} now")


def bench(
    config: Config = None,
    worker: Worker = "",
    seconds: Annotated[float, typer.Option("--seconds", min=1, max=600, help="About how long per device.")] = 20,
    nonce: Annotated[str, typer.Option("--nonce", help="Hex that the inputs grow from, such as a block hash.")] = "",
    as_json: AsJson = False,
) -> None:
    """Measure this machine as its jobs would see it, and keep the result. Stop the daemon first.

    Example: tensorgrid-worker bench --config worker.toml --seconds 20
    """
    from tensorgrid_worker.config import load_config
    from tensorgrid_worker.logs import configure

    configure()
    with sentences():
        settings = load_config(found_config(config), worker)
        from tensorgrid_worker.capability.report import as_table, parse_nonce
        from tensorgrid_worker.capability.report import bench as measure_now
        from tensorgrid_worker.start import choose_sandbox, lock

        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock(settings.home):
            found = measure_now(settings, choose_sandbox(settings), seconds=seconds, nonce=parse_nonce(nonce))
        shown = json.dumps(found.to_json(), indent=2) if as_json else as_table(found, settings.hardware_class)
        typer.echo(shown)


def add_to(app: typer.Typer) -> None:
    for command in (offer, cancel_offers, bench):
        app.command()(command)
