"""JobBoard: the state machine."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Ruling, rulings_of
from tensorgrid.domain.jobs import Job, JobId, JobState, JobTerms, Seat, SeatState


class JobBoard(Contract):
    """Readers return domain objects; writers return a Call for someone to send. Errors are those of IJobBoard."""

    def id_of(self, terms: JobTerms, *, block: int | str = "latest") -> JobId:
        """As the contract computes it; `terms.id(chain_id, board)` is the same without asking."""
        return JobId(self.read("idOf", terms.as_tuple(), block=block))

    def job(self, job_id: JobId, *, block: int | str = "latest") -> Job:
        """State NONE when there is no such job."""
        state, *rest = self.read("jobOf", job_id, block=block)
        return Job(JobState(state), *rest)

    def seat(self, job_id: JobId, worker: str, *, block: int | str = "latest") -> Seat:
        """State NONE when the worker has no seat."""
        state, number, seal = self.read("seatOf", job_id, worker, block=block)
        return Seat(SeatState(state), number, seal)

    def seed(self, job_id: JobId, *, block: int | str = "latest") -> bytes:
        """32 bytes; all zero until the round named at posting is stored."""
        return bytes(self.read("seedOf", job_id, block=block))

    def escrow_for(self, terms: JobTerms, *, block: int | str = "latest") -> int:
        """What `post` would hold, pay-token units; `terms.escrow` is the same without asking."""
        return int(self.read("escrowFor", terms.as_tuple(), block=block))

    def judgement(self, terms: JobTerms, workers: Sequence[str], *, block: int | str = "latest") -> tuple[Ruling, ...]:
        """What `settle` would carry out now, one ruling per worker. Raises Reverted (VerdictPending and others)."""
        return rulings_of(self.read("judgement", terms.as_tuple(), list(workers), block=block))

    def post(self, terms: JobTerms) -> Call:
        """By the requester, who has deposited in the Escrow for this board."""
        return self.build("post", terms.as_tuple())

    def cancel(self, terms: JobTerms) -> Call:
        """By the requester, until the draw is fixed."""
        return self.build("cancel", terms.as_tuple())

    def take(self, terms: JobTerms) -> Call:
        """By a worker: the first round in Posted, an extra seat in Committed."""
        return self.build("take", terms.as_tuple())

    def progress(self, job_id: JobId, digest: bytes) -> Call:
        """By a worker with a seat; `digest` is the sha256 in the raw CID of the sealed progress."""
        return self.build("progress", job_id, digest)

    def commit(self, terms: JobTerms, commitment: bytes) -> Call:
        """By a worker with a seat; see tensorgrid.domain.jobs.commitment."""
        return self.build("commit", terms.as_tuple(), commitment)

    def close_work(self, terms: JobTerms) -> Call:
        """By anyone, past the work deadline, when somebody committed."""
        return self.build("closeWork", terms.as_tuple())

    def settle(self, terms: JobTerms, workers: Sequence[str]) -> Call:
        """By anyone; `workers` in seat order."""
        return self.build("settle", terms.as_tuple(), list(workers))

    def expire(self, terms: JobTerms, workers: Sequence[str]) -> Call:
        """By anyone, when a seat stayed empty or nobody committed; `workers` in seat order."""
        return self.build("expire", terms.as_tuple(), list(workers))
