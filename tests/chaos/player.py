"""The other seats: stateless, they look at the chain and do what is next, or do not, as the run's plan has it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.echo import ANSWER, LIE, root_of
from tests.chaos.plan import Fault
from tests.chaos.world import Sight, World

from tensorgrid.chain.calls import Call
from tensorgrid.chain.send import Sender
from tensorgrid.devnet.workers import WorkerProcess
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import JobState, Opening, commitment


@dataclass(frozen=True)
class Player:
    """`fails`: what this one does not do, or does otherwise."""

    world: World
    worker: WorkerProcess
    fails: Fault = Fault.NONE

    def step(self, sight: Sight) -> None:
        """One look, at most one transaction."""
        call = self._next(sight)
        if call is None:
            return
        sender = Sender(self.world.connection, self.worker.account)
        try:
            self.world.send_raw(sender.build_and_sign(call).raw)
        except (Reverted, ChainError):
            return  # not drawn yet, or another was first: the next look tells

    def _next(self, sight: Sight) -> Call | None:
        world, job = self.world, sight.job
        terms, me = world.posted.terms, self.worker.address
        number = next((n for n, seat in enumerate(sight.held, 1) if seat.worker == me), 0)
        shown = sight.held if job.folded else ()
        if job.state is JobState.POSTED and not number and self.fails is not Fault.SILENT_TAKERS:
            return world.contracts.board.take(terms, shown)
        if not number:
            return None
        seat = sight.held[number - 1]
        if job.state is JobState.ASSIGNED and not seat.committed and self.fails is not Fault.SILENT_COMMITS:
            held = sight.held if job.folded else (seat,)
            return world.contracts.board.commit(terms.ref(), number, held, self._commitment())
        unopened = sight.tally is not None and not sight.tally.group[number - 1]
        if seat.committed and unopened and self.fails is not Fault.SILENT_REVEALS:
            opening = Opening(number, self._salt, keccak256(self._root), self._digest)
            return world.contracts.replication.reveal(terms, sight.held, [opening])
        return None

    @property
    def _root(self) -> bytes:
        return root_of(self.world.posted.id, LIE if self.fails is Fault.OTHER_ANSWER else ANSWER)

    @property
    def _salt(self) -> bytes:
        return keccak256(self.worker.address.encode())

    @property
    def _digest(self) -> bytes:
        return keccak256(b"receipt" + self._salt)

    def _commitment(self) -> bytes:
        return commitment(self.world.posted.id, self.worker.address, self._salt, keccak256(self._root), self._digest)
