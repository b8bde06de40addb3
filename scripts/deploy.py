"""Deploy a network with one of ape's accounts: `ape run deploy --network ethereum:local:foundry`.

Thin: ape lends its account and its connection to tensorgrid.deploy, which is how every network is deployed.
On a local chain the first test account signs; elsewhere name yours with --account.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import accounts
from ape.cli import ConnectedProviderCommand, network_option
from ape.contracts import ContractContainer
from ethpm_types import ContractType

from tensorgrid.chain.artifacts import artifact
from tensorgrid.chain.deployments import deployment_path
from tensorgrid.deploy import deploy
from tensorgrid.parameters import NetworkParameters


class ApeBackend:
    """tensorgrid.deploy's backend over ape: an account, and the provider that ape is connected to."""

    def __init__(self, account: Any, provider: Any) -> None:
        self._account, self._provider = account, provider

    @property
    def address(self) -> str:
        return str(self._account.address)

    @property
    def chain_id(self) -> int:
        return int(self._provider.chain_id)

    def deploy(self, name: str, args: tuple[Any, ...]) -> tuple[str, str, int]:
        made = self._account.deploy(container(name), *args)
        return str(made.address), str(made.txn_hash), int(self._provider.get_receipt(made.txn_hash).block_number)

    def send(self, address: str, name: str, function: str, args: tuple[Any, ...]) -> None:
        getattr(container(name).at(address), function)(*args, sender=self._account)

    def code(self, address: str) -> bytes:
        return bytes(self._provider.get_code(address))


def container(name: str) -> ContractContainer:
    """The shipped artifact, not what this checkout would compile: the same bytes on every network."""
    data = artifact(name)
    fields = {"contractName": name, "abi": data["abi"], "deploymentBytecode": {"bytecode": data["bytecode"]}}
    return ContractContainer(ContractType.model_validate(fields))


@click.command(cls=ConnectedProviderCommand)
@network_option()
@click.option("--account", "alias", help="The ape account that deploys and then administers; local chains need none.")
@click.option("--parameters", default="devnet", help="A shipped parameter file by name, or the path of a TOML file.")
@click.option(
    "--save", "target", type=click.Path(dir_okay=False, path_type=Path), help="Where the deployment is written."
)
def cli(provider: Any, alias: str | None, parameters: str, target: Path | None) -> None:
    """Deploy all contracts of a network and write its deployment file."""
    if alias is None and not provider.network.is_dev:
        raise click.UsageError("name the account that deploys: --account ALIAS (see `ape accounts list`)")
    account = accounts.test_accounts[0] if alias is None else accounts.load(alias)
    deployment = deploy(ApeBackend(account, provider), NetworkParameters.load(parameters))
    for name, ref in deployment.contracts.items():
        click.echo(f"{name:<20} {ref.address}  block {ref.block}")
    if target is None and provider.network.is_dev:
        click.echo("not saved: this chain ends with the command; give --save FILE to keep the file")
        return
    click.echo(f"saved as {deployment.save(target or deployment_path(deployment.chain_id))}")
