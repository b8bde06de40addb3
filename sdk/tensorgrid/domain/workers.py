"""What a provider says of one worker: IWorkerRegistry.Profile in plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tensorgrid.domain.eip712 import SigningDomain, struct_hash
from tensorgrid.domain.jobs import ZERO32

REGISTRY_NAME, REGISTRY_VERSION = "tensorgrid workers", "1"


def consent_digest(worker: str, provider: str, chain_id: int, registry: str) -> bytes:
    """What a worker's key signs to belong to `provider`, 32 bytes; equal to WorkerRegistry.consentDigest.

    Computed here: a node that is asked for it could have the hot key sign anything.
    """
    domain = SigningDomain(REGISTRY_NAME, REGISTRY_VERSION, chain_id, registry)
    return domain.digest(struct_hash("Consent(address worker,address provider)", [worker, provider]))


@dataclass(frozen=True, slots=True)
class WorkerProfile:
    """In ABI order. `payout` is where pay is credited; `price` is in pay-token units, `capacity` in jobs at once."""

    payout: str
    hardware_class: bytes
    fingerprint: bytes = ZERO32
    capability: int = 1000
    price: int = 0
    capacity: int = 1
    recipient: bytes = ZERO32
    metadata: bytes = ZERO32

    def as_tuple(self) -> tuple[object, ...]:
        """In ABI order, for contract calls."""
        return tuple(getattr(self, field.name) for field in fields(self))
