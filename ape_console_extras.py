"""What `ape console` knows beside ape's own names: the devnet that is running.

    client, contracts, deployment, board, escrow, vault, registry, reputation, parameters, beacon, lottery, offers,
    replication, acceptance (None where the network has no jury)

Without a devnet only `devnet_home` and `connect` are there. Start one with `tensorgrid devnet`.
"""

from __future__ import annotations

from typing import Any


def connect(network: str | None = None) -> dict[str, Any]:
    """Names for a network: None for the running devnet, a node's URL or a devnet.json otherwise."""
    from tensorgrid.client import Client

    client = Client(network)
    contracts = client.contracts
    ledgers = ("board", "escrow", "vault", "registry", "reputation", "parameters", "beacon")
    names = (*ledgers, "lottery", "offers", "replication", "acceptance")
    return {
        "client": client,
        "contracts": contracts,
        "connection": contracts.connection,
        "deployment": contracts.deployment,
        **{name: getattr(contracts, name) for name in names},
    }


def ape_init_extras() -> dict[str, Any]:
    """Called by `ape console`."""
    from tensorgrid.chain.deployments import home
    from tensorgrid.domain.errors import TensorgridError

    extras: dict[str, Any] = {"connect": connect, "devnet_home": home()}
    try:
        return extras | connect()
    except TensorgridError as error:
        print(f"tensorgrid: {error}")
        return extras
