"""The command around the beacon: round."""

from __future__ import annotations

from typing import Annotated

import typer

from tensorgrid.cli.output import JsonOption, NetworkOption, connect, pairs, print_json
from tensorgrid.domain.errors import SpecInvalid


def add_to(app: typer.Typer) -> None:
    app.command("round")(round_)


def round_(
    job: Annotated[str | None, typer.Argument(help="The job whose workers it draws, by its id.")] = None,
    number: Annotated[int | None, typer.Option(min=1, help="Or the round itself.")] = None,
    relay: Annotated[
        list[str] | None, typer.Option(help="Where to ask for it; default: those of the network. None is trusted.")
    ] = None,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a round of the beacon on chain, as anyone may once it is published: it then serves every job that names it.

    Workers do so by themselves. Examples: tensorgrid round 0x1234abcd; tensorgrid round --number 20672105
    """
    from tensorgrid.chain.relays import Relays, storing

    client = connect(network)
    if (job is None) == (number is None):
        raise SpecInvalid("which round? give a job, or --number, and not both")
    wanted = number if job is None else client.run(job).story().round
    assert wanted is not None, "one of the two is given"
    with Relays(relay or client.contracts.deployment.relays) as relays:
        call = storing(client.contracts.beacon, relays, wanted)
    sent = client.sender.transact(call).hash if call is not None else None
    facts = {"round": wanted, "value": "0x" + client.contracts.beacon.value_of(wanted).hex(), "transaction": sent}
    if as_json:
        print_json(facts)
    else:
        pairs(facts | {"transaction": sent or "none: it was stored already"})
