"""`tensorgrid-worker doctor`: every prerequisite, in the order in which they are best mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tensorgrid.chain.connection import Connection, redact
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment
from tensorgrid.domain.errors import TensorgridError
from tensorgrid_worker import hardware
from tensorgrid_worker.config import Fleet
from tensorgrid_worker.membership import chain_checks, machine_checks
from tensorgrid_worker.membership.checks import Check, Mark, red


def examine(fleet: Fleet) -> Iterator[Check]:
    """As they are found. Changes nothing but for one small blob in the store. Raises nothing."""
    yield from machine_checks.of_machine(fleet)
    gpus = hardware.gpus()
    for config in fleet.workers:
        for check in (
            *machine_checks.of_gpu(config, gpus),
            *machine_checks.of_speed(config),
            *machine_checks.of_key(config),
        ):
            yield replace(check, worker=config.name)
    yield from chain_checks.of_store(fleet.workers[0])
    yield from _of_chain(fleet, gpus)


def fit(checks: list[Check]) -> bool:
    """Whether none is red."""
    return all(check.mark is not Mark.RED for check in checks)


def _of_chain(fleet: Fleet, gpus: list[hardware.Gpu]) -> Iterator[Check]:
    first = fleet.workers[0]
    try:
        deployment = Deployment.load(first.deployment)
    except TensorgridError as error:
        yield red("contracts", str(error), "set deployment to the file of your network")
        return
    try:
        connection = Connection(first.rpc_url, chain_id=deployment.chain_id)
    except TensorgridError as error:
        yield red("node", str(error), f"start the node, or set rpc_url; it is {redact(first.rpc_url)} now")
        return
    with connection:
        checks = list(chain_checks.of_node(first, connection, deployment))
        yield from checks
        if not fit(checks):
            return
        contracts = Contracts(connection, deployment, check=False)
        for config in fleet.workers:
            try:
                for check in chain_checks.of_worker(config, contracts, gpus):
                    yield replace(check, worker=config.name)
            except TensorgridError as error:
                yield replace(red("worker", str(error), "mend what it names, and run doctor again"), worker=config.name)
