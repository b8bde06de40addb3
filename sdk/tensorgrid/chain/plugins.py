"""The plug-ins of this version: LotteryScheduler and ReplicationVerifier."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Draw, Needs, Quote, Tally, Verdict, rulings_of
from tensorgrid.domain.jobs import ExtraSeats, JobId, JobTerms, ReplicationClocks, Seat


class Lottery(Contract):
    def quote(self, terms: JobTerms, draw: Draw, worker: str, time: int, *, block: int | str = "latest") -> Quote:
        """Whether `worker` may take a seat at `time` (Unix seconds, may lie ahead), and at what price."""
        asked = (draw.seed, draw.opens_at, draw.closes_at)
        return Quote(*self.read("quote", terms.as_tuple(), asked, worker, time, block=block))


class Replication(Contract):
    def needs(self, terms: JobTerms, *, block: int | str = "latest") -> Needs:
        """Raises Reverted when the terms do not fit this verifier at all."""
        return Needs(*self.read("needs", terms.as_tuple(), block=block))

    def tally(self, job_id: JobId, *, block: int | str = "latest") -> Tally:
        return Tally(*self.read("tallyOf", job_id, block=block))

    def clocks(self, params: bytes, *, block: int | str = "latest") -> ReplicationClocks:
        return ReplicationClocks(*self.read("clocksOf", params, block=block))

    def extra_needed(self, terms: JobTerms, *, block: int | str = "latest") -> bool:
        """The first round is over and undecided, and extra seats are still to be opened."""
        return bool(self.read("extraNeeded", terms.as_tuple(), block=block))

    def extra_seats(self, terms: JobTerms, job_id: JobId, *, block: int | str = "latest") -> ExtraSeats:
        """Count 0 when none are open."""
        return ExtraSeats(*self.read("seats", terms.as_tuple(), job_id, block=block))

    def verdict(self, terms: JobTerms, job_id: JobId, held: Sequence[Seat], *, block: int | str = "latest") -> Verdict:
        """`held`: the taken seats in order of their numbers."""
        seats = [(int(seat.state), seat.number, seat.seal) for seat in held]
        done, rulings = self.read("verdict", terms.as_tuple(), job_id, seats, block=block)
        return Verdict(done, rulings_of(rulings))

    def verdict_ready(
        self, terms: JobTerms, job_id: JobId, held: Sequence[Seat], *, block: int | str = "latest"
    ) -> bool:
        """Whether `settle` would get a final verdict."""
        return self.verdict(terms, job_id, held, block=block).done

    def reveal(self, terms: JobTerms, salt: bytes, root_hash: bytes, receipt_digest: bytes) -> Call:
        """By a first-round worker: open the commitment; 32 bytes each."""
        return self.build("reveal", terms.as_tuple(), salt, root_hash, receipt_digest)

    def reveal_root(self, terms: JobTerms, salt: bytes, result_root: bytes, receipt_digest: bytes) -> Call:
        """By an extra worker: open it by the root itself."""
        return self.build("revealRoot", terms.as_tuple(), salt, result_root, receipt_digest)

    def open_extra(self, terms: JobTerms) -> Call:
        """By anyone, when `extra_needed`."""
        return self.build("openExtra", terms.as_tuple())
