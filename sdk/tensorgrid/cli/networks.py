"""Commands around networks: demo, devnet, network."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tensorgrid.cli.output import JsonOption, NetworkOption, connect, pairs, print_json, print_table, say
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.money import Amount
from tensorgrid.text import plain

if TYPE_CHECKING:
    from tensorgrid.chain.contracts import Contracts


class Beacon(StrEnum):
    BLOCK = "block"
    DRAND = "drand"


def add_to(app: typer.Typer) -> None:
    for command in (demo, devnet, network):
        app.command()(command)


def demo(
    scenario: Annotated[str, typer.Argument(help="Which story; --list names them.")] = "main",
    seed: Annotated[int | None, typer.Option(help="Fix keys, data and the chain's randomness.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Where the numbers go; build/demo.json or build/demo-SCENARIO.json if left out.")
    ] = None,
    plain_lines: Annotated[bool, typer.Option("--plain", help="No moving display, one line per change.")] = False,
    only: Annotated[
        str | None, typer.Option(help="One part of the story: strategies, replace or batch of `market`.")
    ] = None,
    list_scenarios: Annotated[bool, typer.Option("--list", help="Name the stories and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a whole network on this machine and watch a job: five workers, one of them a liar; or follow the money; or
    break the workers; or have a training audited; or see who gets the work.

    Examples: tensorgrid demo; tensorgrid demo money; tensorgrid demo crash; tensorgrid demo audit --seed 7 --json;
    tensorgrid demo market --only batch
    """
    from tensorgrid.demo import SCENARIOS, Options
    from tensorgrid.demo import scenario as named

    if list_scenarios:
        print_table(("scenario", "what it shows"), [(s.name, s.title) for s in SCENARIOS.values()])
        return
    story = named(scenario)
    if only is not None and only not in story.parts:
        raise SpecInvalid(f"story {story.name!r} has no part {only[:40]!r}; it has {', '.join(story.parts) or 'none'}")
    chosen = Options(seed=seed, report=report or story.report, live=not plain_lines, quiet=as_json, only=only)
    story.load()(chosen)
    if as_json:
        print_json(json.loads(chosen.report.read_text()))


def devnet(
    workers: Annotated[int, typer.Option(min=0, max=32, help="How many; a job needs 3, and 5 when they differ.")] = 5,
    seed: Annotated[int | None, typer.Option(help="Fix keys and the chain's start.")] = None,
    beacon: Annotated[
        Beacon, typer.Option(help="What draws: hashes of blocks, or rounds of a drand of its own.")
    ] = Beacon.BLOCK,
) -> None:
    """Start a chain, the contracts and workers on this machine, and keep them until you press Ctrl-C.

    Client() and every command of this program find it by themselves.

    Examples: tensorgrid devnet --workers 3; tensorgrid devnet --beacon drand
    """
    from tensorgrid.chain.deployments import home
    from tensorgrid.devnet import Devnet, wait_for_signal

    with Devnet(home(), workers=workers, seed=seed, beacon=beacon.value, listen=say) as net:
        say(f"node {net.rpc_url}, files in {home()}")
        say(f"requester {net.requester.address}; Client() uses its key by itself")
        print_table(("worker", "process", "log"), [(w.address, w.pid, w.log) for w in net.workers])
        say("ready; stop with Ctrl-C")
        wait_for_signal()
    say("stopped")


def network(network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Show the network: its chain, contracts, tokens and rules for new jobs.

    Example: tensorgrid network --json
    """
    from tensorgrid.ordering.strategies import strategies_of
    from tensorgrid.ordering.tiers import tiers_of

    client = connect(network)
    values, head = client.contracts.parameters.values(), client.connection.latest()
    deployment = client.contracts.deployment
    stake = deployment.stake_token
    contracts = {name: ref.address for name, ref in sorted(deployment.contracts.items())}
    facts = {
        "network": deployment.network,
        "chain": deployment.chain_id,
        "node": client.connection.shown_url,
        "block": head.number,
        "time": head.timestamp,
        "new jobs": "paused" if values.paused else "open",
        "checks": ", ".join(tiers_of(client.contracts)),
        "strategies": ", ".join(strategies_of(client.contracts)),
        "draws by": _beacon_text(client.contracts),
        "fee": f"{values.fee_bps / 100:g} %",
        "least stake per worker": str(Amount(values.min_stake, stake)) if stake else str(values.min_stake),
        "tokens": ", ".join(token.symbol for token in deployment.tokens),
    }
    if as_json:
        print_json(facts | {"contracts": contracts, "tokens": [token.symbol for token in deployment.tokens]})
        return
    pairs(facts)
    print_table(("contract", "address"), list(contracts.items()))


def _beacon_text(contracts: Contracts) -> str:
    if contracts.beacon.by_block:
        return "block hashes"
    relays = ", ".join(plain(url, 100) for url in contracts.deployment.relays) or "no relay named"
    return f"drand, a round every {contracts.beacon.clock[1]} s, from {relays}"
