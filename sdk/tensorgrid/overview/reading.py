"""What the tables share: the lens, topics of events, and names of what the chain knows by hash."""

from __future__ import annotations

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import Event, event_types
from tensorgrid.chain.lens import NetworkLens
from tensorgrid.domain.errors import UnknownDeployment
from tensorgrid.domain.jobs import hardware_class
from tensorgrid.ordering.posting import CPU, GPU_CLASSES
from tensorgrid.text import short_id

_CLASSES = {hardware_class(name): name for name in (CPU, *GPU_CLASSES)}
_VERIFIERS = {"ReplicationVerifier": "replicate", "AcceptanceVerifier": "accept", "AuditVerifier": "audit"}


def lens_of(contracts: Contracts) -> NetworkLens:
    """Raises UnknownDeployment where the network was deployed without one."""
    if contracts.lens is None:
        raise UnknownDeployment(
            f"network {contracts.deployment.network!r} was deployed without NetworkLens; deploy one for its "
            "board and name it in the deployment file"
        )
    return contracts.lens


def topic_of(kind: type[Event]) -> str:
    """The first topic of its logs, 0x + 64 hex."""
    return next("0x" + topic.hex() for topic, (found, _) in event_types().items() if found is kind)


def class_name(value: bytes) -> str:
    """Of a hardware class; one that nobody here knows by name is shown by its hash."""
    return _CLASSES.get(value) or short_id(value)


def contract_names(contracts: Contracts) -> dict[str, str]:
    """By address."""
    return {ref.address: name for name, ref in contracts.deployment.contracts.items()}


def tier_name(contracts: Contracts, verifier: str) -> str:
    """What `verify=` calls it: replicate, accept, audit; a foreign verifier by its address."""
    name = contract_names(contracts).get(verifier, "")
    return _VERIFIERS.get(name) or name or short_id(verifier)


def strategy_name(contracts: Contracts, scheduler: str) -> str:
    """lottery, offer, reputation, price; a third party's scheduler by its address."""
    name = contract_names(contracts).get(scheduler, "")
    return name.removesuffix("Scheduler").lower() or short_id(scheduler)
