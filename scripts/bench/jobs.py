"""A posted job as its parties see it: verbs that send one transaction each and return its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.abi import decode, type_of
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.encoding import keccak256, sha256
from tensorgrid.domain.jobs import (
    EMPTY_SEAT,
    ZERO32,
    AcceptanceClocks,
    ExitClass,
    JobTerms,
    Opening,
    ReplicationClocks,
    Seat,
    commitment,
    nonce_of,
    seal_digest,
)
from tensorgrid.domain.results import result_root
from tensorgrid.domain.takes import SignedTake, take_digest

from .chain import Receipt
from .network import COIN, CPU, STAKE_COIN, Network, signed

PRICE, BOUNTY = 12 * COIN + 345_678, 123_456  # no round numbers: calldata pays by its non-zero bytes
TAKE, WORK, REVEAL, GRACE, EXTRA_TAKE = 400, 600, 100, 50, 200
WINDOW = 300
_SETTLE = 2 * (REVEAL + GRACE + EXTRA_TAKE) + WORK
_OFFER_LIFE = 3000
_UNSIGNED = Signature(ZERO32, ZERO32)


class Lanes:
    """Which sequence number comes next in each lane of the requester."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def next(self, lane: int) -> int:
        self._last[lane] = self._last.get(lane, 0) + 1
        return nonce_of(lane, self._last[lane])


def drawn_terms(network: Network, nonce: int, *, workers: int = 3) -> JobTerms:
    """The replicate tier: three drawn workers, two more in reserve."""
    return JobTerms(
        requester=network.requester.address,
        nonce=nonce,
        spec_digest=sha256(b"a job's spec"),
        price=PRICE,
        reserve=2 * PRICE,
        bounty=BOUNTY,
        take_by=network.chain.now + 1 + TAKE,
        pay_token=network.address("TestToken.USDC"),
        fee_bps=100,
        no_show_bond=5 * STAKE_COIN,
        reopens=0,
        workers=workers,
        stake=100 * STAKE_COIN,
        hardware_class=CPU,
        scheduler=network.address("LotteryScheduler"),
        verifier=network.address("ReplicationVerifier"),
        verifier_params=ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE).pack(),
        work_time=WORK,
        settle_time=_SETTLE,
    )


def paired_terms(network: Network, nonce: int) -> JobTerms:
    """The replicate tier with two workers, whose score settles what they agree on; three more in reserve."""
    token = network.address("TestToken.USDC")
    weight = network.ask("Parameters", "tokenRule", token)[1]
    return replace(
        drawn_terms(network, nonce, workers=2),
        reserve=3 * PRICE,
        verifier_params=ReplicationClocks(REVEAL, GRACE, EXTRA_TAKE, weight).pack(),
    )


def alone_terms(network: Network, nonce: int) -> JobTerms:
    """As `offered_terms`, of a worker who is drawn; a lost seat is given anew twice."""
    return replace(offered_terms(network, nonce), scheduler=network.address("LotteryScheduler"), reopens=2)


def offered_terms(network: Network, nonce: int) -> JobTerms:
    """The accept tier: one worker, by his signed offer; silence is consent."""
    return replace(
        drawn_terms(network, nonce, workers=1),
        reserve=0,
        scheduler=network.address("OfferScheduler"),
        verifier=network.address("AcceptanceVerifier"),
        verifier_params=AcceptanceClocks(WINDOW).pack(),
        settle_time=WINDOW + 1000,
    )


class Job:
    """One posted job. Workers are named by their index in the network. A relayer calls where nobody is named."""

    def __init__(self, network: Network, terms: JobTerms) -> None:
        self.network, self.terms = network, terms
        self._place = (network.chain.chain_id, network.address("JobBoard"))
        self.id = terms.id(*self._place)
        self.held: list[Seat] = []  # seat n at index n - 1
        self.folded = False
        self._openings: dict[int, Opening] = {}

    # ---- posting

    @classmethod
    def post(cls, network: Network, terms: JobTerms) -> tuple[Job, Receipt]:
        job = cls(network, terms)
        return job, job._board(network.requester, "post", terms.as_tuple())

    @classmethod
    def post_with_offers(cls, network: Network, terms: JobTerms, workers: Sequence[int] = (0,)) -> tuple[Job, Receipt]:
        job = cls(network, terms)
        job.folded = True
        return job, job._board(network.requester, "postWithOffers", terms.as_tuple(), job.offers(workers))

    @classmethod
    def settle_and_post(cls, network: Network, earlier: Job, terms: JobTerms) -> tuple[Job, Receipt]:
        """Settle `earlier`, and post the next with an offer of the first worker."""
        job = cls(network, terms)
        job.folded = True
        receipt = job._board(
            network.requester,
            "settleAndPost",
            *(earlier.terms.as_tuple(), earlier._all),
            *(terms.as_tuple(), job.offers((0,))),
        )
        return job, receipt

    @classmethod
    def post_for(
        cls, network: Network, terms: JobTerms, *, fee: int, workers: Sequence[int] = ()
    ) -> tuple[Job, Receipt]:
        """By the relayer. `workers`: whose offers he passes, and whom the order allows; none: the seats are drawn."""
        job = cls(network, terms)
        job.folded = bool(workers)
        allowed = [network.workers[i].address for i in workers]
        order = (network.relayer.address, fee, network.chain.now + 600, allowed)
        digest = network.ask("JobBoard", "orderDigest", terms.as_tuple(), order)
        signature = signed(network.requester, digest).to_bytes()
        return job, job._board(network.relayer, "postFor", terms.as_tuple(), order, signature, job.offers(workers))

    def offers(self, workers: Sequence[int]) -> list[tuple[Any, ...]]:
        return [self._offer(index) for index in workers]

    def _offer(self, index: int) -> tuple[Any, ...]:
        """For less than the requester would pay, and live."""
        bounds = (PRICE - COIN, 2 * WORK, 1000 * STAKE_COIN, self.network.chain.now + _OFFER_LIFE, 0)
        unsigned = (*bounds, _UNSIGNED.as_tuple())
        digest = self.network.ask("OfferScheduler", "offerDigest", self.terms.as_tuple(), unsigned)
        return (*bounds, signed(self.network.workers[index], digest).as_tuple())

    def cancel(self) -> Receipt:
        return self._board(self.network.requester, "cancel", self.terms.as_tuple())

    # ---- seats

    def draw(self) -> None:
        """The round is out and everybody is drawn."""
        self.network.chain.mine(3)
        self.network.chain.at(self.terms.take_by - TAKE // 8)

    def draw_again(self) -> None:
        """As `draw`, of seats that were opened again."""
        self.network.chain.mine(3)
        self.network.chain.at(self.clock + self.network.ask("Parameters", "REOPEN_TIME") * 7 // 8)

    def draw_extra(self) -> None:
        extra = self.network.ask("ReplicationVerifier", "seats", self.terms.as_tuple(), self.id)
        _, _, opens_at, take_by, _ = extra
        self.network.chain.mine(3)
        self.network.chain.at(take_by - (take_by - opens_at) // 8)

    def take(self, index: int) -> Receipt:
        held = self._all if self.folded else []
        receipt = self._board(self.network.workers[index], "take", self.terms.as_tuple(), held)
        self.folded = len(self.held) == self.terms.workers == 1
        return receipt

    def take_many(self, indexes: Sequence[int]) -> Receipt:
        until = self.terms.take_by
        digest = take_digest(self.id, until, *self._place)
        takes = [SignedTake(until, signed(self.network.workers[i], digest)).as_tuple() for i in indexes]
        self.folded = not self.held and len(indexes) == self.terms.workers
        return self._board(self.network.relayer, "takeMany", self.terms.as_tuple(), takes)

    # ---- work

    def commit(self, index: int, answer: str = "right") -> Receipt:
        number = self.number_of(index)
        sealed = self.seal(index, answer)
        worker, own = self.network.workers[index], self._own(index)
        if number > self.terms.workers:
            return self._board(worker, "commitExtra", self.terms.as_tuple(), number, own, sealed)
        receipt = self._board(worker, "commit", self._ref, number, own, sealed)
        self.folded = self.folded and len(self.held) == 1
        return receipt

    def commit_and_settle(self, index: int, earlier: Job) -> Receipt:
        return self._board(
            self.network.workers[index],
            "commitAndSettle",
            *(self._ref, self.number_of(index), self._own(index), self.seal(index, "right")),
            *(earlier.terms.as_tuple(), earlier._all),
        )

    def commit_many(self, answers: Sequence[str | None]) -> Receipt:
        """One answer per seat; None: that seat is left as it is."""
        seals, signatures = [], []
        for number, answer in enumerate(answers, 1):
            index = self._index_of(number)
            seals.append(ZERO32 if answer is None else self.seal(index, answer))
            digest = seal_digest(self.id, seals[-1], *self._place)
            signature = _UNSIGNED if answer is None else signed(self.network.workers[index], digest)
            signatures.append(signature.as_tuple())
        return self._board(self.network.relayer, "commitMany", self._ref, self._all, seals, signatures)

    def progress(self, index: int) -> Receipt:
        return self._board(self.network.workers[index], "progress", self.id, sha256(b"a snapshot"))

    def close_work(self) -> Receipt:
        self.network.chain.at(self.clock + 1)
        return self._board(self.network.closer, "closeWork", self.terms.as_tuple(), self._all)

    def seal(self, index: int, answer: str) -> bytes:
        """What the worker commits to; its secrets are kept."""
        salt, receipt = sha256(b"salt %d" % index), sha256(b"receipt %d" % index)
        root = result_root(self.id, ExitClass.OK, sha256(answer.encode()))
        shown = root if self.number_of(index) > self.terms.workers else keccak256(root)
        self._openings[index] = Opening(self.number_of(index), salt, shown, receipt)
        return commitment(self.id, self.network.workers[index].address, salt, shown, receipt)

    # ---- judgement

    def reveal(self, indexes: Sequence[int], *, by: LocalAccount | None = None, complete: bool = False) -> Receipt:
        """`complete`: shows all seats, so that what this decides is settled at once."""
        openings = [self._openings[index] for index in indexes]
        held = self._all if complete or self.folded else self._only([opening.number for opening in openings])
        sender, shown = by or self.network.workers[indexes[0]], [opening.as_tuple() for opening in openings]
        return self.network.transact(sender, "ReplicationVerifier", "reveal", self.terms.as_tuple(), held, shown)

    def open_extra(self) -> Receipt:
        return self.network.transact(
            self.network.closer, "ReplicationVerifier", "openExtra", self.terms.as_tuple(), self._all
        )

    def reject(self) -> Receipt:
        return self.network.transact(
            self.network.requester, "AcceptanceVerifier", "reject", self.terms.as_tuple(), self._all
        )

    def release_bond(self) -> Receipt:
        return self.network.transact(self.network.closer, "AcceptanceVerifier", "releaseBond", self.terms.as_tuple())

    def decide(self, decision: int) -> None:
        """The jury says so."""
        verifier = self.network.address("AcceptanceVerifier")
        self.network.transact(self.network.deployer, "StubJury", "decide", verifier, self.id, decision)

    # ---- ends

    def await_silence(self) -> None:
        """The requester has let his time pass."""
        self.network.chain.at(self.clock + WINDOW + 1)

    def settle(self, *, by: LocalAccount | None = None) -> Receipt:
        return self._board(by or self.network.closer, "settle", self.terms.as_tuple(), self._all)

    def reopen(self) -> Receipt:
        """Nobody has delivered in time."""
        self.network.chain.at(self.clock + 1)
        return self._board(self.network.closer, "reopen", self.terms.as_tuple(), self._all)

    def abandon(self, index: int) -> Receipt:
        return self._board(self.network.workers[index], "abandon", self.terms.as_tuple(), self._all)

    def expire(self) -> Receipt:
        return self._board(self.network.closer, "expire", self.terms.as_tuple(), self._all)

    # ---- how it stands

    @property
    def clock(self) -> int:
        """Work deadline of a job at work, since when of a committed one."""
        job = self.network.ask("JobBoard", "jobOf", self.terms.requester, self.terms.nonce)
        return int(job[7])

    @property
    def _ref(self) -> tuple[str, int, bytes]:
        return self.terms.ref().as_tuple()

    @property
    def _all(self) -> list[tuple[Any, ...]]:
        return [seat.as_tuple() for seat in self.held]

    def number_of(self, index: int) -> int:
        worker = self.network.workers[index].address
        return next(number for number, seat in enumerate(self.held, 1) if seat.worker == worker)

    def _index_of(self, number: int) -> int:
        return [str(worker.address) for worker in self.network.workers].index(self.held[number - 1].worker)

    def _own(self, index: int) -> list[tuple[Any, ...]]:
        """The worker's own seat alone, where that is enough."""
        return self._all if self.folded else [self.held[self.number_of(index) - 1].as_tuple()]

    def _only(self, numbers: Sequence[int]) -> list[tuple[Any, ...]]:
        shown = [seat if number in numbers else EMPTY_SEAT for number, seat in enumerate(self.held, 1)]
        return [seat.as_tuple() for seat in shown]

    def seats(self, *numbers: int) -> list[tuple[Any, ...]]:
        """As a call wants them: these alone, or all."""
        return self._only(numbers) if numbers else self._all

    # ---- seats as the events tell

    def _board(self, sender: LocalAccount, function: str, *args: Any) -> Receipt:
        receipt = self.network.transact(sender, "JobBoard", function, *args)
        self.follow(receipt)
        return receipt

    def follow(self, receipt: Receipt) -> None:
        events = self.network.interface("JobBoard").events
        for log in receipt.logs:
            entry = events.get(log.topics[0])
            if entry is None or log.topics[1] != self.id:
                continue
            if entry.name == "JobReopened":
                self.held, self.folded = [], False
            if entry.name not in {"JobTaken", "JobSealed"}:
                continue
            values = decode([type_of(part) for part in entry.inputs if not part["indexed"]], log.data)
            worker = decode(["address"], log.topics[2])[0]
            if entry.name == "JobTaken":
                number, provider, payee, price, _ = values
                assert number == len(self.held) + 1
                self.held.append(Seat(worker, provider, payee, price))
            else:
                at = next(i for i, seat in enumerate(self.held) if seat.worker == worker)
                self.held[at] = replace(self.held[at], commitment=values[0])
