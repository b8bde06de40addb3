"""The plug-ins of this version: schedulers (those that draw, offers) and verifiers (replication, acceptance)."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgrid.chain.board import seats as seats_abi
from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Bond, Candidate, Draw, Needs, Quote, Tally, Verdict, rulings_of
from tensorgrid.domain.jobs import ExtraSeats, Job, JobId, JobTerms, Opening, ReplicationClocks, Seat
from tensorgrid.domain.offers import Offer


class Scheduler(Contract):
    """Who may take a seat, when and at what price (IScheduler), of any strategy, a third party's too."""

    def draws(self, *, block: int | str = "latest") -> bool:
        """Whether seats are drawn. If not, they are given by offers in the posting transaction."""
        return bool(self.read("DRAWS", block=block))

    def quote(
        self, terms: JobTerms, draw: Draw, candidate: Candidate, time: int, *, block: int | str = "latest"
    ) -> Quote:
        """Whether `candidate` may take a seat at `time` (Unix seconds, may lie ahead), and at what price."""
        asked = (draw.seed, draw.opens_at, draw.closes_at)
        return Quote(*self.read("quote", terms.as_tuple(), asked, candidate.as_tuple(), time, block=block))


class PriceScheduler(Scheduler):
    """The seat's price rises until somebody takes it."""

    def start_bps(self, *, block: int | str = "latest") -> int:
        """Where it begins, in basis points of the terms' price."""
        return int(self.read("START", block=block))


class Offers(Contract):
    """Seats given by the workers' signed offers, in the posting transaction. Nothing is ever drawn."""

    def choose(
        self, terms: JobTerms, offers: Sequence[Offer], workers: Sequence[str] = (), *, block: int | str = "latest"
    ) -> tuple[str, int]:
        """(worker, price) of the first offer that serves these terms now; `workers`: whom the requester allows, empty:
        anyone. Raises Reverted saying why none does."""
        passed = [offer.as_tuple() for offer in offers]
        worker, price = self.read("choose", terms.as_tuple(), passed, list(workers), block=block)
        return worker, price

    def epoch_of(self, worker: str, *, block: int | str = "latest") -> int:
        """Only offers signed under this number are live."""
        return int(self.read("epochOf", worker, block=block))

    def max_offer_life(self, *, block: int | str = "latest") -> int:
        """Seconds ahead that an offer's expiry may lie when it is used."""
        return int(self.read("MAX_OFFER_LIFE", block=block))

    def offer_digest(self, terms: JobTerms, offer: Offer, *, block: int | str = "latest") -> bytes:
        """As the contract computes it; domain.offers.offer_digest is the same without asking."""
        return bytes(self.read("offerDigest", terms.as_tuple(), offer.as_tuple(), block=block))

    def raise_epoch(self) -> Call:
        """By a worker: cancel every offer that he has signed so far."""
        return self.build("raiseEpoch")


class Snapshots(Contract):
    """How far an audited job has come, told by its worker while it runs."""

    def snapshot(self, job_id: JobId, up_to: int, head: bytes) -> Call:
        """`head`: link `up_to` of the trace, 32 bytes."""
        return self.build("snapshot", job_id, up_to, head)


class Verifier(Contract):
    """What all verifiers answer (IVerifier)."""

    def needs(self, terms: JobTerms, *, block: int | str = "latest") -> Needs:
        """Raises Reverted when the terms do not fit this verifier at all."""
        return Needs(*self.read("needs", terms.as_tuple(), block=block))

    def extra_seats(self, terms: JobTerms, job_id: JobId, *, block: int | str = "latest") -> ExtraSeats:
        """Count 0 when none are open."""
        return ExtraSeats(*self.read("seats", terms.as_tuple(), job_id, block=block))

    def verdict(
        self, terms: JobTerms, job_id: JobId, job: Job, held: Sequence[Seat], *, block: int | str = "latest"
    ) -> Verdict:
        """`job` as the board has it, `held` all its seats."""
        done, rulings = self.read("verdict", terms.as_tuple(), job_id, job.word, seats_abi(held), block=block)
        return Verdict(done, rulings_of(rulings))


class Replication(Verifier):
    """Three do the same work; unequal answers bring two more."""

    def tally(self, requester: str, nonce: int, *, block: int | str = "latest") -> Tally:
        """All zero when the lane of this nonce holds another job by now."""
        return Tally(*self.read("tallyOf", requester, nonce, block=block))

    def clocks(self, params: bytes, *, block: int | str = "latest") -> ReplicationClocks:
        return ReplicationClocks(*self.read("clocksOf", params, block=block))

    def extra_needed(self, terms: JobTerms, held: Sequence[Seat], *, block: int | str = "latest") -> bool:
        """The first round is over and undecided, and extra seats are still to be opened."""
        return bool(self.read("extraNeeded", terms.as_tuple(), seats_abi(held), block=block))

    def reveal(self, terms: JobTerms, held: Sequence[Seat], openings: Sequence[Opening]) -> Call:
        """By anyone who was given openings of one round; with all seats in `held`, what decides it settles the job."""
        opened = [opening.as_tuple() for opening in openings]
        return self.build("reveal", terms.as_tuple(), seats_abi(held), opened)

    def open_extra(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """By anyone, when `extra_needed`."""
        return self.build("openExtra", terms.as_tuple(), seats_abi(held))


class Acceptance(Verifier):
    """Silence is consent; a rejection costs a bond and asks a jury."""

    def jury(self, *, block: int | str = "latest") -> str:
        return str(self.read("JURY", block=block))

    def least_window(self, *, block: int | str = "latest") -> int:
        """Seconds that a requester must at least be given to reject."""
        return int(self.read("LEAST_WINDOW", block=block))

    def bond_for(self, terms: JobTerms, *, block: int | str = "latest") -> int:
        """What rejecting holds of the requester's free balance under this verifier, in pay-token units."""
        return int(self.read("bondFor", terms.as_tuple(), block=block))

    def bond_of(self, job_id: JobId, *, block: int | str = "latest") -> Bond:
        """What is still held; (0, 0) when nothing is."""
        return Bond(*self.read("bondOf", job_id, block=block))

    def reject(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """By the requester, within the window, with the bond free in the Escrow for this verifier."""
        return self.build("reject", terms.as_tuple(), seats_abi(held))

    def release_bond(self, terms: JobTerms) -> Call:
        """By anyone, once the jury has decided or its time is over."""
        return self.build("releaseBond", terms.as_tuple())
