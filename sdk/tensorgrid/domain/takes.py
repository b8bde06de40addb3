"""A worker's consent to a seat, for somebody else to post: the same bytes as contracts/types/JobTypes.sol."""

from __future__ import annotations

from dataclasses import dataclass

from tensorgrid.domain.eip712 import Signature, struct_hash
from tensorgrid.domain.jobs import JobId, board_domain

_TAKE_TYPE = "Take(bytes32 job,uint40 until)"


@dataclass(frozen=True, slots=True)
class SignedTake:
    """Good until the timestamp `until`: nobody can lock the worker's stake with it later."""

    until: int
    signature: Signature

    def as_tuple(self) -> tuple[int, tuple[bytes, bytes]]:
        """In ABI order, for contract calls."""
        return self.until, self.signature.as_tuple()


def take_digest(job: JobId, until: int, chain_id: int, board: str) -> bytes:
    """What a worker signs so that another posts his take until the timestamp `until`; 32 bytes."""
    return board_domain(chain_id, board).digest(struct_hash(_TAKE_TYPE, [job, until]))
