"""Events as frozen values: past tense, id first, everything needed to rebuild the state, and where they were logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from tensorgrid.domain.jobs import Fault, JobId, JobTerms, Seat
from tensorgrid.domain.workers import WorkerProfile


@dataclass(frozen=True, slots=True)
class LogRef:
    """Where an event was logged: `block_hash`, `tx` are 0x + 64 hex, `address` the contract, `index` in its block."""

    block: int
    block_hash: str
    tx: str
    index: int
    address: str = ""

    @property
    def position(self) -> tuple[int, int]:
        """Sorts in the order of the chain."""
        return self.block, self.index


@dataclass(frozen=True)  # no slots: they would make every class twice, and Event.__subclasses__() would know both
class Event:
    """Base of all events. Subclasses have the ABI's fields in snake case and in the ABI's order; `log` by keyword.

    `SOURCE`: the contract and the event's name in its ABI.
    """

    SOURCE: ClassVar[tuple[str, str]]

    log: LogRef = field(kw_only=True)


@dataclass(frozen=True)
class JobPosted(Event):
    SOURCE = ("JobBoard", "JobPosted")
    id: JobId
    terms: JobTerms
    round: int


@dataclass(frozen=True)
class OrderRelayed(Event):
    SOURCE = ("JobBoard", "OrderRelayed")
    id: JobId
    relayer: str
    fee: int


@dataclass(frozen=True)
class NonceRetired(Event):
    SOURCE = ("JobBoard", "NonceRetired")
    requester: str
    nonce: int


@dataclass(frozen=True)
class JobTaken(Event):
    """`work_by`: with the last first-round seat work begins, until this time; 0 with every other."""

    SOURCE = ("JobBoard", "JobTaken")
    id: JobId
    worker: str
    number: int
    provider: str
    payee: str
    price: int
    work_by: int = 0


@dataclass(frozen=True)
class JobReopened(Event):
    """Its seats were lost: it is posted again without any, drawn by `round`, until `take_by`; `count` times by now."""

    SOURCE = ("JobBoard", "JobReopened")
    id: JobId
    round: int
    take_by: int
    count: int


@dataclass(frozen=True)
class JobProgress(Event):
    SOURCE = ("JobBoard", "JobProgress")
    id: JobId
    worker: str
    digest: bytes


@dataclass(frozen=True)
class JobSealed(Event):
    """`since`: with the last first-round seal the job is committed, since this time; 0 with every other."""

    SOURCE = ("JobBoard", "JobSealed")
    id: JobId
    worker: str
    commitment: bytes
    since: int = 0


@dataclass(frozen=True)
class JobCommitted(Event):
    """Without the seals of all, by `closeWork`."""

    SOURCE = ("JobBoard", "JobCommitted")
    id: JobId
    since: int


@dataclass(frozen=True)
class JobContested(Event):
    SOURCE = ("JobBoard", "JobContested")
    id: JobId


@dataclass(frozen=True)
class JobSettled(Event):
    SOURCE = ("JobBoard", "JobSettled")
    id: JobId
    closer: str
    paid: int
    fee: int
    returned: int


@dataclass(frozen=True)
class WorkerSettled(Event):
    """What the worker lost is `terms.loss(fault)`."""

    SOURCE = ("JobBoard", "WorkerSettled")
    id: JobId
    worker: str
    pay: int
    fault: Fault
    agreed: bool


@dataclass(frozen=True)
class JobCancelled(Event):
    SOURCE = ("JobBoard", "JobCancelled")
    id: JobId
    returned: int


@dataclass(frozen=True)
class JobExpired(Event):
    SOURCE = ("JobBoard", "JobExpired")
    id: JobId
    closer: str
    returned: int


@dataclass(frozen=True)
class Revealed(Event):
    SOURCE = ("ReplicationVerifier", "Revealed")
    id: JobId
    worker: str
    root_hash: bytes
    receipt_digest: bytes


@dataclass(frozen=True)
class ExtraSeatsOpened(Event):
    SOURCE = ("ReplicationVerifier", "ExtraSeatsOpened")
    id: JobId
    round: int
    take_by: int
    work_by: int
    reveal_by: int


@dataclass(frozen=True)
class Rejected(Event):
    SOURCE = ("AcceptanceVerifier", "Rejected")
    id: JobId
    worker: str
    bond: int


@dataclass(frozen=True)
class BondReturned(Event):
    SOURCE = ("AcceptanceVerifier", "BondReturned")
    id: JobId
    requester: str
    bond: int


@dataclass(frozen=True)
class BondForfeited(Event):
    SOURCE = ("AcceptanceVerifier", "BondForfeited")
    id: JobId
    jury: str
    bond: int


@dataclass(frozen=True)
class EpochRaised(Event):
    SOURCE = ("OfferScheduler", "EpochRaised")
    worker: str
    epoch: int


@dataclass(frozen=True)
class RoundStored(Event):
    SOURCE = ("BlockBeacon", "RoundStored")
    round: int
    value: bytes


@dataclass(frozen=True)
class EscrowDeposited(Event):
    SOURCE = ("Escrow", "Deposited")
    controller: str
    token: str
    account: str
    amount: int


@dataclass(frozen=True)
class EscrowWithdrawn(Event):
    SOURCE = ("Escrow", "Withdrawn")
    controller: str
    token: str
    account: str
    amount: int
    to: str


@dataclass(frozen=True)
class EscrowBurned(Event):
    SOURCE = ("Escrow", "Burned")
    controller: str
    token: str
    amount: int


@dataclass(frozen=True)
class StakeDeposited(Event):
    SOURCE = ("StakeVault", "Deposited")
    provider: str
    worker: str
    amount: int


@dataclass(frozen=True)
class StakeWithdrawn(Event):
    SOURCE = ("StakeVault", "Withdrawn")
    provider: str
    worker: str
    amount: int
    to: str


@dataclass(frozen=True)
class Allocated(Event):
    SOURCE = ("StakeVault", "Allocated")
    provider: str
    worker: str
    controller: str
    amount: int


@dataclass(frozen=True)
class ExitRequested(Event):
    SOURCE = ("StakeVault", "ExitRequested")
    provider: str
    worker: str
    controller: str
    amount: int
    ready_at: int


@dataclass(frozen=True)
class ExitFinished(Event):
    SOURCE = ("StakeVault", "ExitFinished")
    provider: str
    worker: str
    controller: str
    amount: int


@dataclass(frozen=True)
class Slashed(Event):
    SOURCE = ("StakeVault", "Slashed")
    provider: str
    worker: str
    controller: str
    burned: int
    finder: str
    finder_share: int


@dataclass(frozen=True)
class LockCapSet(Event):
    SOURCE = ("StakeVault", "LockCapSet")
    provider: str
    worker: str
    controller: str
    capped: bool
    cap: int


@dataclass(frozen=True)
class Rested(Event):
    """After a lost seat: no draw that opened before `until` takes the worker."""

    SOURCE = ("StakeVault", "Rested")
    provider: str
    worker: str
    controller: str
    until: int


@dataclass(frozen=True)
class StakeClaimed(Event):
    SOURCE = ("StakeVault", "Claimed")
    finder: str
    amount: int
    to: str


@dataclass(frozen=True)
class StakeBurned(Event):
    SOURCE = ("StakeVault", "Burned")
    amount: int


@dataclass(frozen=True)
class WorkerRegistered(Event):
    SOURCE = ("WorkerRegistry", "WorkerRegistered")
    worker: str
    provider: str
    profile: WorkerProfile


@dataclass(frozen=True)
class WorkerUpdated(Event):
    SOURCE = ("WorkerRegistry", "WorkerUpdated")
    worker: str
    profile: WorkerProfile


@dataclass(frozen=True)
class WorkerReclassed(Event):
    """By the worker itself, of what it measured. `capability`: thousandths of the class's reference."""

    SOURCE = ("WorkerRegistry", "WorkerReclassed")
    worker: str
    hardware_class: bytes
    capability: int
    price: int


@dataclass(frozen=True)
class WorkerBeat(Event):
    """A sign of life. `capability` as above."""

    SOURCE = ("WorkerRegistry", "WorkerBeat")
    worker: str
    capability: int


def held_of(events: Iterable[Event]) -> tuple[Seat, ...]:
    """The seats of ONE job, as its events in chain order have shown them: what calls to the board pass back.

    Others of its events are passed over. Seats are numbered in the order in which they are taken;
    a job that is opened again has none.
    """
    held: list[Seat] = []
    for event in events:
        if isinstance(event, JobTaken):
            held.append(Seat(event.worker, event.provider, event.payee, event.price))
        elif isinstance(event, JobReopened):
            held.clear()
        elif isinstance(event, JobSealed):
            held = [replace(s, commitment=event.commitment) if s.worker == event.worker else s for s in held]
    return tuple(held)
