"""Commands around networks: demo, devnet, network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorgrid.cli.output import JsonOption, NetworkOption, connect, pairs, print_json, print_table, say


def add_to(app: typer.Typer) -> None:
    for command in (demo, devnet, network):
        app.command()(command)


def demo(
    scenario: Annotated[str, typer.Argument(help="Which story; --list names them.")] = "main",
    seed: Annotated[int | None, typer.Option(help="Fix keys, data and the chain's randomness.")] = None,
    report: Annotated[Path, typer.Option(help="Where the numbers go, as JSON.")] = Path("build/demo.json"),
    plain_lines: Annotated[bool, typer.Option("--plain", help="No moving display, one line per change.")] = False,
    list_scenarios: Annotated[bool, typer.Option("--list", help="Name the stories and stop.")] = False,
) -> None:
    """Run a whole network on this machine and watch a job: five workers, one of them a liar.

    Examples: tensorgrid demo; tensorgrid demo --seed 7 --report /tmp/demo.json
    """
    from tensorgrid.demo import SCENARIOS, Options
    from tensorgrid.demo import scenario as named

    if list_scenarios:
        print_table(("scenario", "what it shows"), [(s.name, s.title) for s in SCENARIOS.values()])
        return
    named(scenario).run(Options(seed=seed, report=report, live=not plain_lines))


def network(network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Show the network: its chain, contracts, tokens and rules for new jobs.

    Example: tensorgrid network --json
    """
    client = connect(network)
    values, head = client.contracts.parameters.values(), client.connection.latest()
    deployment = client.contracts.deployment
    contracts = {name: ref.address for name, ref in sorted(deployment.contracts.items())}
    facts = {
        "network": deployment.network,
        "chain": deployment.chain_id,
        "node": client.connection.shown_url,
        "block": head.number,
        "time": head.timestamp,
        "new jobs": "paused" if values.paused else "open",
        "fee": f"{values.fee_bps / 100:g} %",
        "least stake per worker": values.min_stake,
        "tokens": ", ".join(token.symbol for token in deployment.tokens),
    }
    if as_json:
        print_json(facts | {"contracts": contracts, "tokens": [t.symbol for t in deployment.tokens]})
        return
    pairs(facts)
    print_table(("contract", "address"), list(contracts.items()))
