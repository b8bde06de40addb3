"""What a provider says of one worker: IWorkerRegistry.Profile in plain values."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tensorgrid.domain.jobs import ZERO32


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
