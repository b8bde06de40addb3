"""A posted job as its parties see it: its methods are the protocol's verbs.

A handle reads from the events of its own transactions who holds which seat, as every caller must, and passes that on as
`held`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.contracts.signing import NO_SIGNATURE, short

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ExitClass, JobId, JobState, JobTerms, commitment
from tensorgrid.domain.results import result_root

if TYPE_CHECKING:
    from tests.contracts.world import World

ZERO = "0x" + "0" * 40
ZERO32 = bytes(32)


class SeatHeld(NamedTuple):
    """A seat as JobTaken and JobSealed have shown it; in ABI order."""

    worker: str
    provider: str
    payee: str
    price: int
    commitment: bytes


NOT_SHOWN = SeatHeld(ZERO, ZERO, ZERO, 0, ZERO32)
"""Stands for a seat that a call does not need, where the job is not folded."""


@dataclass
class Job:
    """One posted job. Workers are named by their index in `world.workers`."""

    world: World
    terms: JobTerms
    id: JobId
    posted_at: int
    held: list[SeatHeld] = field(default_factory=list)  # seat n at index n - 1
    secrets: dict[int, tuple[bytes, bytes, bytes]] = field(default_factory=dict)  # salt, root, receipt by worker
    receipt: Any = None  # of posting

    # ---- how it stands

    @property
    def record(self) -> Any:
        return self.world.board.jobOf(self.terms.requester, self.terms.nonce, sender=self.world.stranger)

    @property
    def state(self) -> JobState:
        return JobState(int(self.record.state))

    @property
    def deadline(self) -> int:
        """What the present state is left by: takeBy, the work deadline, or the settle deadline."""
        record = self.record
        if record.state == JobState.POSTED:
            return int(record.clock) + self.world.reopen_time if record.reopened else self.terms.take_by
        return int(record.clock) + (self.terms.settle_time if record.state == JobState.COMMITTED else 0)

    @property
    def committed_at(self) -> int:
        assert self.state == JobState.COMMITTED
        return int(self.record.clock)

    @property
    def tally(self) -> Any:
        return self.world.replication.tallyOf(self.terms.requester, self.terms.nonce, sender=self.world.stranger)

    @property
    def extra(self) -> Any:
        return self.world.replication.seats(self.terms.as_tuple(), self.id, sender=self.world.stranger)

    @property
    def ref(self) -> tuple[str, int, bytes]:
        """JobRef: the job without its terms."""
        return (self.terms.requester, self.terms.nonce, bytes(self.world.domain.terms(self.terms).body))

    @property
    def everybody_by(self) -> int:
        """From here on every eligible worker is drawn."""
        return self.posted_at + (self.terms.take_by - self.posted_at) * 3 // 4 + 1

    def draw(self) -> None:
        """The round is due and every eligible worker is drawn."""
        self.world.mine(3)
        self.world.at(self.everybody_by)

    def draw_extra(self) -> None:
        extra = self.extra
        self.world.mine(3)
        self.world.at(extra.opensAt + (extra.takeBy - extra.opensAt) * 3 // 4 + 1)

    # ---- seats, as the events tell

    def follow(self, receipt: Any) -> Any:
        """Take from a receipt what it says of this job's seats."""
        board = self.world.board
        if any(bytes(again.id) == self.id for again in receipt.decode_logs(board.JobReopened)):
            self.held = []
        for taken in receipt.decode_logs(board.JobTaken):
            if bytes(taken.id) == self.id:
                assert taken.number == len(self.held) + 1
                log = taken.event_arguments  # ape has a `provider` of its own
                seat = (str(log["worker"]), str(log["provider"]), str(log["payee"]), int(log["price"]), ZERO32)
                self.held.append(SeatHeld(*seat))
        for sealed in receipt.decode_logs(board.JobSealed):
            if bytes(sealed.id) == self.id:
                at = self.number_of(str(sealed.worker)) - 1
                self.held[at] = self.held[at]._replace(commitment=bytes(sealed.commitment))
        return receipt

    def number_of(self, worker: Any) -> int:
        """Seat number of a worker, given by index, account or address; 0: has none."""
        address = str(getattr(self.world.workers[worker] if isinstance(worker, int) else worker, "address", worker))
        return next((n for n, seat in enumerate(self.held, 1) if seat.worker == address), 0)

    def only(self, *numbers: int) -> list[SeatHeld]:
        """All seats, but only these are shown."""
        return [seat if number in numbers else NOT_SHOWN for number, seat in enumerate(self.held, 1)]

    # ---- verbs: seats

    def take(self, *indexes: int) -> Any:
        """One after the other, each by himself."""
        receipt = None
        for index in indexes:
            receipt = self.take_as(self.world.workers[index])
        return receipt

    def take_as(self, worker: Any) -> Any:
        extra = self.held if self.record.folded else []
        return self.follow(self.world.board.take(self.terms.as_tuple(), extra, sender=worker))

    def take_many(self, *indexes: int, by: Any = None) -> Any:
        """Signed by each, posted together by somebody."""
        return self.take_signed([self.signed_take(index) for index in indexes], by=by)

    def take_signed(self, takes: Sequence[tuple[int, tuple[bytes, bytes]]], by: Any = None) -> Any:
        board = self.world.board
        return self.follow(board.takeMany(self.terms.as_tuple(), list(takes), sender=by or self.world.relayer))

    def signed_take(self, index: int, until: int | None = None) -> tuple[int, tuple[bytes, bytes]]:
        """Good for as long as seats can be taken, unless said otherwise."""
        until = self.terms.take_by if until is None else until
        return until, short(self.world.workers[index], self.world.domain.take(self.id, until))

    # ---- verbs: commitments

    def root(self, answer: str) -> bytes:
        """The result root of an answer: an exit class by name ("wall_limit"), or some outputs."""
        exit_class = ExitClass.__members__.get(answer.upper(), ExitClass.OK)
        if exit_class is ExitClass.OK:
            return result_root(self.id, ExitClass.OK, keccak256(answer.encode()))
        return result_root(self.id, exit_class)

    def commitment(self, index: int, answer: str) -> bytes:
        """What the worker commits to; its secrets are kept."""
        worker = self.world.workers[index]
        salt, receipt = keccak256(b"salt%d" % index), keccak256(b"receipt%d" % index)
        root = self.root(answer)
        self.secrets[index] = (salt, root, receipt)
        return commitment(self.id, str(worker.address), salt, self.shown(index), receipt)

    def shown(self, index: int) -> bytes:
        """What a reveal will show: the root in an extra seat, its hash in a first one."""
        root = self.secrets[index][1]
        return root if self.number_of(index) > self.terms.workers else keccak256(root)

    def commit(self, index: int, answer: str) -> Any:
        return self.commit_as(self.world.workers[index], self.commitment(index, answer))

    def commit_as(
        self, worker: Any, seal: bytes, *, number: int | None = None, held: Sequence[SeatHeld] | None = None
    ) -> Any:
        """The worker by himself: with his own seat alone, or with all seats where they are folded."""
        board, number = self.world.board, self.number_of(worker) if number is None else number
        if held is None:
            held = self.held if self.record.folded or not number else [self.held[number - 1]]
        if number > self.terms.workers:
            receipt = board.commitExtra(self.terms.as_tuple(), number, list(held), seal, sender=worker)
        else:
            receipt = board.commit(self.ref, number, list(held), seal, sender=worker)
        return self.follow(receipt)

    def commit_and_settle(self, index: int, answer: str, earlier: Job) -> Any:
        held = self.held if self.record.folded else [self.held[self.number_of(index) - 1]]
        receipt = self.world.board.commitAndSettle(
            self.ref,
            self.number_of(index),
            held,
            self.commitment(index, answer),
            earlier.terms.as_tuple(),
            earlier.held,
            sender=self.world.workers[index],
        )
        return self.follow(receipt)

    def commit_many(self, answers: Sequence[str | None], by: Any = None) -> Any:
        """One answer per seat, each signed by its worker; None: that seat is left as it is, and so is one that has
        committed."""
        known = dict(self.secrets)
        seals, signatures = [], []
        for number, answer in enumerate(answers, 1):
            index = self.index_of(number)
            seals.append(ZERO32 if answer is None else self.commitment(index, answer))
            signatures.append(NO_SIGNATURE if answer is None else self.signed_seal(index, seals[-1]))
        receipt = self.commit_signed(seals, signatures, by=by)
        for number, seal in enumerate(seals, 1):
            index = self.index_of(number)
            if seal not in {ZERO32, self.held[number - 1].commitment}:  # had committed already, and was passed over
                self.secrets[index] = known[index]
        return receipt

    def commit_signed(self, seals: Sequence[bytes], signatures: Sequence[Any], by: Any = None) -> Any:
        receipt = self.world.board.commitMany(
            self.ref, self.held, list(seals), list(signatures), sender=by or self.world.relayer
        )
        return self.follow(receipt)

    def signed_seal(self, index: int, seal: bytes) -> tuple[bytes, bytes]:
        return short(self.world.workers[index], self.world.domain.seal(self.id, seal))

    def index_of(self, number: int) -> int:
        """Which of `world.workers` holds a seat."""
        return [str(worker.address) for worker in self.world.workers].index(self.held[number - 1].worker)

    # ---- verbs: reveals

    def opening(self, index: int) -> tuple[int, bytes, bytes, bytes]:
        salt, _, digest = self.secrets[index]
        return (self.number_of(index), salt, self.shown(index), digest)

    def reveal(self, *indexes: int) -> Any:
        """One after the other, each by himself, showing no seat but his own: nothing is settled on the way."""
        receipt = None
        for index in indexes:
            receipt = self.reveal_as(self.world.workers[index], [self.opening(index)])
        return receipt

    def reveal_together(self, *indexes: int, by: Any = None) -> Any:
        """All openings in one call by somebody who was given them: what is decided by it is settled at once."""
        openings = [self.opening(index) for index in indexes]
        return self.reveal_as(by or self.world.relayer, openings, held=self.held)

    def reveal_as(self, caller: Any, openings: Sequence[Any], held: Sequence[SeatHeld] | None = None) -> Any:
        if held is None:
            held = self.held if self.record.folded else self.only(*(opening[0] for opening in openings))
        return self.world.replication.reveal(self.terms.as_tuple(), list(held), list(openings), sender=caller)

    def open_extra(self, by: Any = None) -> Any:
        return self.world.replication.openExtra(self.terms.as_tuple(), self.held, sender=by or self.world.stranger)

    # ---- verbs: the accept tier

    def reject(self, by: Any = None) -> Any:
        return self.world.acceptance.reject(self.terms.as_tuple(), self.held, sender=by or self.world.requester)

    def release_bond(self) -> Any:
        return self.world.acceptance.releaseBond(self.terms.as_tuple(), sender=self.world.stranger)

    # ---- verbs: ends

    def close_work(self, held: Sequence[SeatHeld] | None = None) -> Any:
        held = self.held if held is None else held
        return self.world.board.closeWork(self.terms.as_tuple(), list(held), sender=self.world.stranger)

    def reopen(self, held: Sequence[SeatHeld] | None = None) -> Any:
        held = self.held if held is None else held
        return self.follow(self.world.board.reopen(self.terms.as_tuple(), list(held), sender=self.world.stranger))

    def abandon(self, by: Any) -> Any:
        """By a worker, given by index or account."""
        sender = self.world.workers[by] if isinstance(by, int) else by
        return self.follow(self.world.board.abandon(self.terms.as_tuple(), self.held, sender=sender))

    def cancel(self, by: Any = None) -> Any:
        return self.world.board.cancel(self.terms.as_tuple(), sender=by or self.world.requester)

    def settle(self, held: Sequence[SeatHeld] | None = None, **options: Any) -> Any:
        held = self.held if held is None else held
        return self.world.board.settle(self.terms.as_tuple(), list(held), **{"sender": self.world.closer, **options})

    def expire(self, held: Sequence[SeatHeld] | None = None, **options: Any) -> Any:
        held = self.held if held is None else held
        return self.world.board.expire(self.terms.as_tuple(), list(held), **{"sender": self.world.closer, **options})
