"""Whole lives of jobs, transaction by transaction. Each can be walked again by the same parties in the same lanes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tensorgrid.domain.encoding import sha256
from tensorgrid.domain.jobs import JobTerms

from .audits import audited
from .batches import Batched
from .beacons import drand_round
from .chain import Receipt
from .jobs import GRACE, PRICE, REVEAL, WORK, Job, Lanes, alone_terms, drawn_terms, offered_terms, paired_terms
from .network import COIN, Network

Steps = Iterator[tuple[str, Receipt]]
FIRST_THREE = (0, 1, 2)
PAIR = (0, 1)
_DEAR = 150  # times the usual price: what a fee of one hundredth makes a score of that covers it
_RELAY_FEE = COIN // 10
STRATEGIES: dict[str, tuple[int, ...]] = {"PriceScheduler": (0, 5_000), "ReputationScheduler": (1_000,)}
"""With what they are constructed: no floor of score and half of the price to begin with; what a full score is."""
_BACKGROUND = 99
_ACCUSED, _ACCUSER = 1, 2  # IJury.Decision


class Walk:
    """One network, and which job comes next in each lane."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._lanes = Lanes()
        self._batched = Batched(network, self._lanes)
        self._has_strategies = False

    # ---- what the parties have open beside the jobs that are measured

    def open_offered(self, number: int = 1) -> None:
        self._offered(_BACKGROUND + number)

    def open_drawn(self) -> None:
        job, _ = self._drawn(_BACKGROUND)
        job.draw()
        for index in FIRST_THREE:
            job.take(index)

    # ---- one worker by offer

    def optimistic(self) -> Steps:
        """Post with an offer, commit, settle after silence."""
        job, posted = self._offered(1)
        yield "JobBoard.postWithOffers", posted
        yield "JobBoard.commit (offer)", job.commit(0)
        job.await_silence()
        yield "JobBoard.settle (silence)", job.settle(by=self.network.workers[0])

    def next_commit_settles(self) -> Steps:
        """The commit of a job settles the one before it."""
        earlier, _ = self._offered(1)
        earlier.commit(0)
        job, posted = self._offered(2)
        yield "JobBoard.postWithOffers", posted
        earlier.await_silence()
        yield "JobBoard.commitAndSettle", job.commit_and_settle(0, earlier)
        self._finish_offered(job)

    def piggyback(self) -> Steps:
        """A job in two transactions: the post of the next, in the same lane, settles the one before it."""
        earlier = self._committed_offered()
        earlier.await_silence()
        job, posted = Job.settle_and_post(self.network, earlier, self._offered_terms(1))
        yield "JobBoard.settleAndPost", posted
        yield "JobBoard.commit (offer)", job.commit(0)
        self._finish_offered(job)

    def settled_together(self, count: int = 10) -> Steps:
        jobs = [self._offered(lane)[0] for lane in range(1, count + 1)]
        for job in jobs:
            job.commit(0)
        jobs[-1].await_silence()
        network = self.network
        terms, held = [job.terms.as_tuple() for job in jobs], [[seat.as_tuple() for seat in job.held] for job in jobs]
        yield (
            f"JobBoard.settleMany ({count} jobs)",
            network.transact(network.workers[0], "JobBoard", "settleMany", terms, held),
        )

    def relayed_offer(self) -> Steps:
        """A gasless requester: the relayer posts his order with an offer of a worker he allows."""
        job, posted = Job.post_for(self.network, self._offered_terms(1), fee=_RELAY_FEE, workers=(0,))
        yield "JobBoard.postFor (offer, fee)", posted
        self._finish_offered(job)

    def fallback_offers(self) -> Steps:
        """Three offers, the third of which serves: the first two are cancelled."""
        for index in (1, 2):
            self.network.transact(self.network.workers[index], "OfferScheduler", "raiseEpoch")
        job, posted = Job.post_with_offers(self.network, self._offered_terms(1), (1, 2, 0))
        yield "JobBoard.postWithOffers (third of three)", posted
        self._finish_offered(job)

    def no_show(self) -> Steps:
        job, _ = self._offered(1)
        self.network.chain.at(job.clock + 1)
        yield "JobBoard.expire (no-show)", job.expire()
        self._rest()

    def rejected_rightly(self) -> Steps:
        """The jury finds the worker wrong: he is slashed, the money comes back."""
        job = self._committed_offered()
        yield "AcceptanceVerifier.reject", job.reject()
        job.decide(_ACCUSED)
        yield "JobBoard.settle (jury, slash)", job.settle()
        yield "AcceptanceVerifier.releaseBond (returned)", job.release_bond()

    def rejected_wrongly(self) -> Steps:
        job = self._committed_offered()
        job.reject()
        job.decide(_ACCUSER)
        yield "JobBoard.settle (jury, paid)", job.settle()
        yield "AcceptanceVerifier.releaseBond (to the jury)", job.release_bond()

    # ---- a hundred tasks under one root

    def batch_over_ten(self) -> Steps:
        return self._batched.next_over_ten(relayed=True)

    def batch_unrelayed(self) -> Steps:
        return self._batched.next_over_ten(relayed=False)

    def batch_alone(self) -> Steps:
        return self._batched.over_ten()

    def batch_of_one(self) -> Steps:
        return self._batched.one_worker()

    def batch_proofs(self) -> Steps:
        return self._batched.proofs()

    # ---- three workers by lot

    def replicated(self) -> Steps:
        """Everybody for himself; the last reveal settles."""
        job, posted = self._drawn(1)
        yield "JobBoard.post", posted
        job.draw()
        for index, name in zip(FIRST_THREE, ("first", "second", "last"), strict=True):
            yield f"JobBoard.take ({name})", job.take(index)
        for index, name in zip(FIRST_THREE, ("first", "second", "last"), strict=True):
            yield f"JobBoard.commit ({name})", job.commit(index)
        yield "ReplicationVerifier.reveal (first)", job.reveal([0])
        yield "ReplicationVerifier.reveal (second)", job.reveal([1])
        yield "ReplicationVerifier.reveal (last, settles)", job.reveal([2], complete=True)

    def paired(self) -> Steps:
        """As `replicated`, by two who have done a dear job before; the cold walk is not their first one."""
        self._give_history()
        job, posted = Job.post(self.network, paired_terms(self.network, self._lanes.next(1)))
        yield "JobBoard.post", posted
        job.draw()
        for index, name in zip(PAIR, ("first", "last of two"), strict=True):
            yield f"JobBoard.take ({name})", job.take(index)
        for index, name in zip(PAIR, ("first", "last of two"), strict=True):
            yield f"JobBoard.commit ({name})", job.commit(index)
        yield "ReplicationVerifier.reveal (first of two)", job.reveal([0])
        yield "ReplicationVerifier.reveal (last of two, settles)", job.reveal([1], complete=True)

    def audited(self) -> Steps:
        """One worker, and two auditors who replay two of his hundred segments each."""
        return audited(self.network, self._lanes.next(1))

    def taken_together(self) -> Steps:
        """Signed takes in one transaction; then everybody commits and reveals for himself; the last reveal settles."""
        job, posted = self._drawn(1)
        yield "JobBoard.post", posted
        job.draw()
        yield "JobBoard.takeMany (3)", job.take_many(FIRST_THREE)
        for index, name in zip(FIRST_THREE, ("first, unfolds", "second", "last"), strict=True):
            yield f"JobBoard.commit ({name})", job.commit(index)
        yield "ReplicationVerifier.reveal (first)", job.reveal([0])
        yield "ReplicationVerifier.reveal (second)", job.reveal([1])
        yield "ReplicationVerifier.reveal (last, settles)", job.reveal([2], complete=True)

    def relayed(self) -> Steps:
        """Signed takes, seals and openings, posted by a relayer."""
        job, posted = self._drawn(1)
        yield "JobBoard.post", posted
        job.draw()
        yield "JobBoard.takeMany (3)", job.take_many(FIRST_THREE)
        yield "JobBoard.commitMany (3)", job.commit_many(["right"] * 3)
        yield "ReplicationVerifier.reveal (3, settles)", job.reveal(FIRST_THREE, by=self.network.relayer, complete=True)

    def relay_fails(self) -> Steps:
        """Taken together, and then everybody has to act for himself."""
        job, _ = self._drawn(1)
        job.draw()
        job.take_many(FIRST_THREE)
        yield "JobBoard.progress", job.progress(0)
        yield "JobBoard.commit (first, unfolds)", job.commit(0)
        job.commit(1)
        job.commit(2)
        job.reveal([0])
        job.reveal([1])
        yield "ReplicationVerifier.reveal (last, settles nothing)", job.reveal([2])
        yield "JobBoard.settle (three agree)", job.settle()

    def relayed_post(self) -> Steps:
        job, posted = Job.post_for(self.network, drawn_terms(self.network, self._lanes.next(1)), fee=_RELAY_FEE)
        yield "JobBoard.postFor (fee)", posted
        yield "JobBoard.cancel", job.cancel()

    def nobody_takes(self) -> Steps:
        job, _ = self._drawn(1)
        self.network.chain.at(job.terms.take_by + 1)
        yield "JobBoard.expire (nobody took)", job.expire()

    def lost_seat(self) -> Steps:
        """Who has it never delivers, the next one leaves it, and so does the third: then it is over."""
        job, _ = Job.post(self.network, alone_terms(self.network, self._lanes.next(1)))
        job.draw()
        job.take(0)
        yield "JobBoard.reopen (1 seat)", job.reopen()
        job.draw_again()
        yield "JobBoard.take (only, opened again)", job.take(1)
        yield "JobBoard.abandon (opens again)", job.abandon(1)
        job.draw_again()
        job.take(2)
        yield "JobBoard.abandon (the last)", job.abandon(2)
        self._rest()

    def lost_seats(self) -> Steps:
        """Three, none of whom delivers; nobody comes again."""
        terms = replace(drawn_terms(self.network, self._lanes.next(1)), reopens=1)
        job, _ = Job.post(self.network, terms)
        job.draw()
        for index in FIRST_THREE:
            job.take(index)
        yield "JobBoard.reopen (3 seats)", job.reopen()
        self.network.chain.at(job.clock + self.network.ask("Parameters", "REOPEN_TIME") + 1)
        job.expire()
        self._rest()

    def one_silent(self) -> Steps:
        """Two of three deliver and agree."""
        job = self._assigned()
        job.commit(0)
        job.commit(1)
        yield "JobBoard.closeWork", job.close_work()
        job.reveal([0])
        yield "ReplicationVerifier.reveal (second of two, settles)", job.reveal([1], complete=True)
        self._rest()

    def second_round(self) -> Steps:
        """Two against one; two more are drawn, and the one is slashed."""
        job = self._assigned()
        for index, answer in zip(FIRST_THREE, ("right", "right", "wrong"), strict=True):
            job.commit(index, answer)
        job.reveal([0])
        job.reveal([1])
        yield "ReplicationVerifier.reveal (unequal, opens two seats)", job.reveal([2], complete=True)
        job.draw_extra()
        yield "JobBoard.take (extra)", job.take(3)
        yield "JobBoard.take (last extra)", job.take(4)
        yield "JobBoard.commitExtra", job.commit(3)
        yield "JobBoard.commitExtra (last)", job.commit(4)
        yield "ReplicationVerifier.reveal (extra)", job.reveal([3])
        yield "ReplicationVerifier.reveal (last extra)", job.reveal([4])
        yield "JobBoard.settle (five seats, one slashed)", job.settle()

    def second_round_relayed(self) -> Steps:
        """The first round with signatures; in the second everybody takes for himself."""
        job, _ = self._drawn(1)
        job.draw()
        job.take_many(FIRST_THREE)
        job.commit_many(["right", "right", "wrong"])
        yield (
            "ReplicationVerifier.reveal (3, opens two seats)",
            job.reveal(FIRST_THREE, by=self.network.relayer, complete=True),
        )
        job.draw_extra()
        yield "JobBoard.take (extra, unfolds)", job.take(3)
        job.take(4)
        job.commit(3)
        job.commit(4)
        yield "ReplicationVerifier.reveal (2 extra)", job.reveal((3, 4), by=self.network.relayer, complete=True)
        job.settle()

    def half_revealed(self) -> Steps:
        """Two disagree, the third says nothing: anyone opens the second round, which nobody joins."""
        job = self._assigned()
        for index, answer in zip(FIRST_THREE, ("right", "wrong", "right"), strict=True):
            job.commit(index, answer)
        job.reveal([0])
        job.reveal([1])
        self.network.chain.at(job.clock + REVEAL + GRACE + 1)
        yield "ReplicationVerifier.openExtra", job.open_extra()
        self.network.chain.at(job.clock + job.terms.settle_time + 1)
        yield "JobBoard.settle (three, two slashed)", job.settle()

    def retired(self) -> Steps:
        yield (
            "JobBoard.retire",
            self.network.transact(self.network.requester, "JobBoard", "retire", self._lanes.next(1)),
        )

    def burned(self) -> Steps:
        """What fees and no-shows have burned is really sent away."""
        job, _ = self._offered(1)
        self._finish_offered(job)
        token, board = job.terms.pay_token, self.network.address("JobBoard")
        yield "Escrow.flushBurned", self.network.transact(self.network.closer, "Escrow", "flushBurned", board, token)

    def kept_round(self) -> Steps:
        """A beacon's value kept for later than the chain itself remembers it."""
        job, _ = self._drawn(1)
        round_ = self.network.ask("JobBoard", "jobOf", job.terms.requester, job.terms.nonce)[8]
        self.network.chain.mine(3)
        yield "BlockBeacon.store", self.network.transact(self.network.closer, "BlockBeacon", "store", round_, b"")
        self.network.chain.at(job.terms.take_by + 1)
        job.expire()

    def drand_round(self) -> Steps:
        return drand_round(self.network)

    def strategies(self) -> Steps:
        """The first of three takes, by each of the other strategies that draw."""
        for strategy in self._strategies():
            terms = replace(drawn_terms(self.network, self._lanes.next(1)), scheduler=self.network.address(strategy))
            job, _ = Job.post(self.network, terms)
            job.draw()
            yield f"JobBoard.take (first, {strategy})", job.take(0)
            self.network.chain.at(job.terms.take_by + 1)
            job.expire()

    def snapshot(self) -> Steps:
        """How far a training has come: one event, of a job of any tier as far as the contract knows."""
        job, _ = self._drawn(1)
        head = sha256(b"link 25")
        call = (self.network.workers[0], "Snapshots", "snapshot", job.id, 25, head)
        yield "Snapshots.snapshot", self.network.transact(*call)
        self.network.chain.at(job.terms.take_by + 1)
        job.expire()

    # ---- pieces

    def _rest(self) -> None:
        """Who did not deliver gets no seat for as long as the work would have taken."""
        self.network.chain.at(self.network.chain.now + WORK + 2)
        self.network.chain.mine(1)

    def _strategies(self) -> tuple[str, ...]:
        """Admitted, once per walk, where the network does not come with them."""
        for name, args in STRATEGIES.items():
            if not self._has_strategies and not self.network.is_shipped(name):
                self.network.admit_scheduler(name, *args)
        self._has_strategies = True
        return tuple(STRATEGIES)

    def _give_history(self) -> None:
        """Whose fee is more than the usual price."""
        terms = drawn_terms(self.network, self._lanes.next(2))
        job, _ = Job.post(self.network, replace(terms, price=_DEAR * PRICE, reserve=2 * _DEAR * PRICE))
        job.draw()
        for index in FIRST_THREE:
            job.take(index)
        for index in FIRST_THREE:
            job.commit(index)
        for index in FIRST_THREE:
            job.reveal([index], complete=True)

    def _offered_terms(self, lane: int) -> JobTerms:
        return offered_terms(self.network, self._lanes.next(lane))

    def _offered(self, lane: int) -> tuple[Job, Receipt]:
        return Job.post_with_offers(self.network, self._offered_terms(lane))

    def _committed_offered(self) -> Job:
        job, _ = self._offered(1)
        job.commit(0)
        return job

    def _finish_offered(self, job: Job) -> None:
        if not job.held[0].committed:
            job.commit(0)
        job.await_silence()
        job.settle()

    def _drawn(self, lane: int) -> tuple[Job, Receipt]:
        return Job.post(self.network, drawn_terms(self.network, self._lanes.next(lane)))

    def _assigned(self) -> Job:
        job, _ = self._drawn(1)
        job.draw()
        for index in FIRST_THREE:
            job.take(index)
        return job
