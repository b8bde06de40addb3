"""JobBoard: the state machine."""

from __future__ import annotations

from collections.abc import Sequence

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Candidate, Lane, Ruling, rulings_of
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.errors import ChainError, TensorgridError
from tensorgrid.domain.jobs import Job, JobId, JobRef, JobState, JobTerms, Seat
from tensorgrid.domain.offers import Offer
from tensorgrid.domain.orders import Order
from tensorgrid.domain.takes import SignedTake


class JobBoard(Contract):
    """Readers return domain objects; writers return a Call for someone to send. Errors are those of IJobBoard.

    `held`, everywhere: the job's seats, seat n at index n - 1, as JobTaken and JobSealed have shown them
    (tensorgrid.chain.history.held_of). Where the job is not folded, EMPTY_SEAT stands for a seat that is not needed.
    """

    # --------------------------------------------------------------------------------------------------------- reading

    def id_of(self, terms: JobTerms, *, block: int | str = "latest") -> JobId:
        """As the contract computes it; `terms.id(chain_id, board)` is the same without asking."""
        return JobId(self.read("idOf", terms.as_tuple(), block=block))

    def job(self, requester: str, nonce: int, *, block: int | str = "latest") -> Job:
        """The job posted with this nonce. State NONE: not posted; SUPERSEDED: ended, and its lane holds a later one."""
        state, *rest = self.read("jobOf", requester, nonce, block=block)
        return Job(JobState(state), *rest)

    def jobs(self, posted: Sequence[tuple[str, int]]) -> list[Job]:
        """As `job`, of many (requester, nonce) in few questions to the node."""
        found = self.read_many("jobOf", posted)
        return [Job(JobState(state), *rest) for state, *rest in found]

    def lane(self, requester: str, lane: int, *, block: int | str = "latest") -> Lane:
        """The state of the lane's last job, and the highest sequence that is used up; NONE and 0 at first."""
        state, sequence = self.read("laneOf", requester, lane, block=block)
        return Lane(JobState(state), sequence)

    def look(self, terms: JobTerms, held: Sequence[Seat], *, block: int | str = "latest") -> Job:
        """The job, after the board has checked `held` as its calls do. Raises Reverted (UnknownJob, WrongSeats)."""
        _, word = self.read("look", terms.as_tuple(), seats(held), block=block)
        return Job.of_word(word)

    def looks(self, posted: Sequence[tuple[JobTerms, Sequence[Seat]]]) -> list[Job | TensorgridError]:
        """As `look` of many at the latest block, in few questions; a refusal takes the place of the job."""
        found = self.ask_many("look", [(terms.as_tuple(), seats(held)) for terms, held in posted])
        return [answer if isinstance(answer, TensorgridError) else Job.of_word(answer[1]) for answer in found]

    def seed(self, terms: JobTerms, *, block: int | str = "latest") -> bytes:
        """32 bytes; all zero while the value of the round named at posting cannot be had."""
        return bytes(self.read("seedOf", terms.as_tuple(), block=block))

    def escrow_for(self, terms: JobTerms, *, block: int | str = "latest") -> int:
        """What `post` would hold, pay-token units; `terms.escrow` is the same without asking."""
        return int(self.read("escrowFor", terms.as_tuple(), block=block))

    def judgement(self, terms: JobTerms, held: Sequence[Seat], *, block: int | str = "latest") -> tuple[Ruling, ...]:
        """What `settle` would carry out now, one ruling per seat. Raises Reverted (VerdictPending and others)."""
        return rulings_of(self.read("judgement", terms.as_tuple(), seats(held), block=block))

    def candidate(self, worker: str, *, block: int | str = "latest") -> Candidate:
        """The worker as a scheduler is shown him."""
        return Candidate(*self.read("candidateOf", worker, block=block))

    def order_digest(self, terms: JobTerms, order: Order, *, block: int | str = "latest") -> bytes:
        """As the contract computes it; `order.message(terms, chain_id, board).digest` is the same without asking."""
        return bytes(self.read("orderDigest", terms.as_tuple(), order.as_tuple(), block=block))

    # -------------------------------------------------------------------------------------- the requester or a relayer

    def post(self, terms: JobTerms) -> Call:
        """By the requester, who has deposited in the Escrow for this board."""
        return self.build("post", terms.as_tuple())

    def post_with_offers(self, terms: JobTerms, offers: Sequence[Offer]) -> Call:
        """As `post`, and seat the worker of the first offer that serves."""
        return self.build("postWithOffers", terms.as_tuple(), [offer.as_tuple() for offer in offers])

    def settle_and_post(
        self, earlier: JobTerms, earlier_held: Sequence[Seat], terms: JobTerms, offers: Sequence[Offer]
    ) -> Call:
        """By the requester: `settle` an earlier job and `post_with_offers` the next, perhaps in the same lane."""
        passed = [offer.as_tuple() for offer in offers]
        return self.build("settleAndPost", earlier.as_tuple(), seats(earlier_held), terms.as_tuple(), passed)

    def post_for(self, terms: JobTerms, order: Order, signature: bytes, offers: Sequence[Offer] = ()) -> Call:
        """By a relayer: what the requester has signed. `signature`: 65 bytes, or what his contract wants (ERC-1271)."""
        passed = [offer.as_tuple() for offer in offers]
        return self.build("postFor", terms.as_tuple(), order.as_tuple(), signature, passed)

    def retire(self, nonce: int) -> Call:
        """By the requester: orders signed with this nonce, or a lower one of its lane, are dead; a running job
        of the lane goes on."""
        return self.build("retire", nonce)

    def cancel(self, terms: JobTerms) -> Call:
        """By the requester, until the draw is fixed."""
        return self.build("cancel", terms.as_tuple())

    # ------------------------------------------------------------------------------------ the worker, or anyone for him

    def take(self, terms: JobTerms, held: Sequence[Seat] = ()) -> Call:
        """By a worker: the first round in Posted, an extra seat in Committed (`held` only where the job is folded)."""
        return self.build("take", terms.as_tuple(), seats(held))

    def take_many(self, terms: JobTerms, takes: Sequence[SignedTake]) -> Call:
        """By anyone: first-round takes that workers have signed (domain.takes.take_digest), all or none."""
        return self.build("takeMany", terms.as_tuple(), [take.as_tuple() for take in takes])

    def abandon(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """By the job's only worker, before the work deadline: give the seat back for half the no-show bond."""
        return self.build("abandon", terms.as_tuple(), seats(held))

    def progress(self, job_id: JobId, digest: bytes) -> Call:
        """By a worker with a seat; `digest` is the sha256 in the raw CID of the sealed progress."""
        return self.build("progress", job_id, digest)

    def commit(self, ref: JobRef, number: int, held: Sequence[Seat], commitment: bytes) -> Call:
        """By a worker with the first-round seat `number`. Not folded: his own seat alone is enough as `held`."""
        return self.build("commit", ref.as_tuple(), number, seats(held), commitment)

    def commit_many(
        self, ref: JobRef, held: Sequence[Seat], commitments: Sequence[bytes], signatures: Sequence[Signature]
    ) -> Call:
        """By anyone: one commitment and signature (domain.jobs.seal_digest) per seat; a zero one leaves its seat."""
        signed = [signature.as_tuple() for signature in signatures]
        return self.build("commitMany", ref.as_tuple(), seats(held), list(commitments), signed)

    def commit_extra(self, terms: JobTerms, number: int, held: Sequence[Seat], commitment: bytes) -> Call:
        """By a worker with the extra seat `number`; `held` as in `commit`."""
        return self.build("commitExtra", terms.as_tuple(), number, seats(held), commitment)

    def commit_and_settle(
        self,
        ref: JobRef,
        number: int,
        held: Sequence[Seat],
        commitment: bytes,
        earlier: JobTerms,
        earlier_held: Sequence[Seat],
    ) -> Call:
        """`commit`, and `settle` an earlier job in the same transaction."""
        own = (ref.as_tuple(), number, seats(held), commitment)
        return self.build("commitAndSettle", *own, earlier.as_tuple(), seats(earlier_held))

    # ---------------------------------------------------------------------------------------------------------- anyone

    def reopen(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """Within Parameters.REOPEN_TIME after the work deadline, when nobody committed and reopens are left."""
        return self.build("reopen", terms.as_tuple(), seats(held))

    def close_work(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """Past the work deadline, when somebody committed."""
        return self.build("closeWork", terms.as_tuple(), seats(held))

    def settle(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """Carry the outcome out."""
        return self.build("settle", terms.as_tuple(), seats(held))

    def settle_many(self, jobs: Sequence[tuple[JobTerms, Sequence[Seat]]]) -> Call:
        """`settle`, job by job, all or none."""
        return self.build("settleMany", [terms.as_tuple() for terms, _ in jobs], [seats(held) for _, held in jobs])

    def expire(self, terms: JobTerms, held: Sequence[Seat]) -> Call:
        """When a seat stayed empty or nobody committed."""
        return self.build("expire", terms.as_tuple(), seats(held))

    # -------------------------------------------------------------------------------------------------- many at once

    def multicall(self, calls: Sequence[Call]) -> Call:
        """Calls to this board as one transaction of one sender, all or none.

        Raises ChainError when one goes elsewhere or brings ether.
        """
        for call in calls:
            if call.to != self.address or call.value:
                raise ChainError(f"{call.name} is no call that the board could make for its caller; send it by itself")
        return self.build("multicall", [call.data for call in calls])


def seats(held: Sequence[Seat]) -> list[tuple[str, str, str, int, bytes]]:
    """For the ABI."""
    return [seat.as_tuple() for seat in held]
