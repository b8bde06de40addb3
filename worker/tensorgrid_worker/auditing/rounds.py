"""Beacon rounds that our audits hang on: of blocks, stored before their values are lost, since blocks remember hashes
for a while only; of drand, stored as soon as they are published.

Nobody else need care: without its round a sitting cannot be served, and a dispute's jury cannot be drawn. And the
round that a reopened job was first drawn by: it makes the job's seed, against which its first state is held, and by
the time a second worker has done it, blocks may have forgotten it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from tensorgrid.chain.abi import interface
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import ZERO32, JobId
from tensorgrid_worker.auditing.fetching import Proofs
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.tosend import ToSend
from tensorgrid_worker.memory.records import JobRecord
from tensorgrid_worker.memory.rows import STORE_ROUND

OLD_BLOCKS = 96
"""Blocks after which nobody is going to read it soon: of the 256 that every chain remembers, whether or not this one
has the contract that remembers 8,191."""
TURN_BLOCKS = 16
"""Between one seat's turn and the next, so that one does it."""
TURN_SECONDS = 10
"""As much, where rounds follow time."""
STORE_SECONDS = 100
"""By then it is to be mined, at whatever fee."""
NONE: Mapping[int, tuple[JobId, int]] = MappingProxyType({})


def rounds_of(audit: AuditPicture) -> Iterator[int]:
    """What this audit still has to read. Pure."""
    state = audit.audit
    deciding = state.clean and not state.reaudit
    if audit.begun and (deciding or not state.served):
        yield state.round
    for dispute in audit.disputes.values():
        if dispute.case is not None and dispute.case.unfilled:
            yield dispute.case.draw


def seed_rounds(records: Iterable[JobRecord], me: str) -> dict[int, tuple[JobId, int]]:
    """Of the audited jobs among `records` that were opened again and in which we sit: the first round, with the job and
    our seat's number. Pure."""
    return {each.round: (each.id, number) for each in records if each.reopened and (number := each.number_of(me))}


class Rounds:
    """Asked by the loop that plans."""

    def __init__(self, contracts: Contracts, proofs: Proofs | None = None) -> None:
        self._contracts, self._proofs = contracts, proofs
        self._stored: set[int] = set()

    def step(
        self,
        audits: Sequence[AuditPicture],
        head: BlockRef,
        seeds: Mapping[int, tuple[JobId, int]] = NONE,
    ) -> list[ToSend]:
        """Of audits in which we have a seat; `seeds`: as `seed_rounds`. Raises Unreachable, ChainError."""
        wanted = {number: (audit.id, audit.number) for audit in audits if audit.number for number in rounds_of(audit)}
        due = {number: job for number, (job, seat) in wanted.items() if self._is_due(number, seat, head)}
        first = {number: job for number, (job, seat) in seeds.items() if self._is_due(number, seat, head)}
        due |= {number: job for number, job in first.items() if not self._is_lost(number)}
        until = head.timestamp + STORE_SECONDS
        calls = ((job, number, self._call(number)) for number, job in due.items() if not self._is_stored(number))
        return [ToSend(job, f"{STORE_ROUND}{number}", call, until) for job, number, call in calls if call]

    def _call(self, number: int) -> Call | None:
        """None while its proof is being fetched."""
        beacon = self._contracts.beacon
        if beacon.by_block:
            return beacon.store(number)
        proof = self._proofs.proof(number) if self._proofs is not None else None
        return None if proof is None else beacon.store(number, proof.signature)

    def _is_due(self, number: int, seat: int, head: BlockRef) -> bool:
        if number in self._stored:
            return False
        beacon, others = self._contracts.beacon, seat - 1
        if beacon.by_block:
            return head.number - number > OLD_BLOCKS + TURN_BLOCKS * others
        return beacon.due_in_next_block(number, replace(head, timestamp=head.timestamp - TURN_SECONDS * others))

    def _is_lost(self, number: int) -> bool:
        """A seat taken late finds the first block forgotten; to store it would be refused for ever."""
        beacon = self._contracts.beacon
        if not beacon.by_block or beacon.value_of(number) != ZERO32:
            return False
        self._stored.add(number)
        return True

    def _is_stored(self, number: int) -> bool:
        beacon = self._contracts.beacon
        if not beacon.by_block:
            if found := beacon.value_of(number) != ZERO32:
                self._stored.add(number)
            return found
        topic = next(entry.hash for entry in interface("BlockBeacon").events.values() if entry.name == "RoundStored")
        query = {
            "address": beacon.address,
            "topics": ["0x" + topic.hex(), f"0x{number:064x}"],
            "fromBlock": hex(number),
            "toBlock": "latest",
        }
        logs = self._contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(logs, list):
            raise ChainError("the node sent no list of logs; use another node")
        if logs:
            self._stored.add(number)
        return bool(logs)

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._stored.clear()
