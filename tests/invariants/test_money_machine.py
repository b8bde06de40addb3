"""Random histories of several jobs at once, on chain and in plain Python: same answers, same purses, to the wei.

E1 the escrow's tokens cover all balances; E2 an ended job's escrow is paid, burned, bounty or returned, nothing else;
E3 another controller moves only what it holds; S1 locked <= allocated, as modelled; S3 what is slashed is burned or the
finder's, the finder's at most half; J1 an ended job never moves again; J4 one outcome per worker and job.

TENSORGRID_TEST_EXAMPLES and TENSORGRID_TEST_STEPS make it longer, TENSORGRID_TEST_SEED another.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests import model
from tests.contracts.world import (
    ALLOCATED,
    BURN,
    DECISION,
    JURY_FEE,
    PARAMETERS,
    SCORE_RATE,
    STAKE,
    TAKE,
    WINDOW,
    Job,
    World,
)
from tests.invariants.job_model import ENDED, JobModel, SeatModel
from tests.invariants.stake_model import StakeModel

from tensorgrid.domain.jobs import JobState, JobTerms

WORKERS = st.integers(0, 5)
ANSWERS = st.sampled_from(["a", "b", "wall_limit"])
REQUESTERS = ["requester0", "requester1"]
LANES = [(requester, lane) for requester in REQUESTERS for lane in (0, 1)]
VERBS = [
    "cancel", "take", "take_many", "commit", "commit_many", "close", "reveal", "reveal_many", "open", "reject",
    "decide", "release_bond", "expire", "settle", "reopen", "abandon",
]  # fmt: skip
# One per seat: an answer; "!" stays silent afterwards; "-" takes and never commits; "." does not come.
PLAYS = st.lists(st.sampled_from(["a", "a", "a", "a", "b", "b", "wall_limit", "a!", "-", "."]), min_size=3, max_size=3)
STAKE_MOVES = ["exit", "finish", "wait and finish", "back in", "cap", "no cap", "stake withdrawn"]
MOVES = ["deposit", "withdraw", "a worker withdraws", "donate", "flush", "rival", "retire", *STAKE_MOVES]
WAITS = st.sampled_from([0, 0, 0, 151, 601])
PRICES = st.integers(1, 2_000_003)
BOUNTIES = st.sampled_from([0, 1, 60_001])
CAPACITY = 3
JURY = {"worker": 1, "requester": 2, "hung": 3}
STEPS = int(os.environ.get("TENSORGRID_TEST_STEPS", "40"))
EXAMPLES = int(os.environ.get("TENSORGRID_TEST_EXAMPLES", "4"))  # more for a deep run
SEED = int(os.environ.get("TENSORGRID_TEST_SEED", "1"))


class MoneyMachine(RuleBasedStateMachine):
    """Rules try a verb whenever they like; the model says beforehand whether it must be accepted."""

    world: World  # set by the test, as are the next two
    told: Any  # a verifier that says what it is told to say
    base: int  # lanes from here on are ours

    def __init__(self) -> None:
        super().__init__()
        w = self.world
        self.snapshot = w.chain.snapshot()
        self.jobs: list[tuple[Job, JobModel]] = []
        self.ledger = model.Ledger()  # under the board
        self.rival = model.Ledger()  # under another controller
        self.bonds = model.Ledger()  # under the acceptance verifier
        self.donated = 0
        self.frozen: dict[bytes, tuple[int, ...]] = {}
        self.sequence: dict[tuple[str, int], int] = {}
        self.stakes = [StakeModel(ALLOCATED) for _ in range(6)]
        self.burned_stake = self.finders_share = 0
        self.accounts = {"requester0": w.requester, "requester1": w.spare[1], "closer": w.closer, "burn": BURN}
        self.accounts |= {f"provider{i}": provider for i, provider in enumerate(w.providers)}
        self.accounts |= {"relayer": w.relayer, "jury": w.jury, "board's verifier": w.replication}
        self.ledger.free["requester0"] = w.free(w.requester)

    def teardown(self) -> None:
        self.world.chain.restore(self.snapshot)

    # ---- money in and out

    @initialize()
    def others_have_money_too(self) -> None:
        w = self.world
        w.fund(w.requester, 5000, controller=w.spare[0])
        self.rival.free["requester0"] = 5000
        w.fund(w.spare[1], 40_000_000)
        self.ledger.free["requester1"] = 40_000_000
        for name in REQUESTERS:
            w.fund(self.accounts[name], 3 * JURY_FEE, controller=w.acceptance)
            self.bonds.free[name] = 3 * JURY_FEE

    @rule(
        what=st.sampled_from(MOVES),
        amount=st.integers(1, 3_000_000),
        share=st.integers(1, 120),
        worker=WORKERS,
        requester=st.sampled_from(REQUESTERS),
    )
    def something_else_happens(self, what: str, amount: int, share: int, worker: int, requester: str) -> None:
        if what == "retire":
            self.retire(requester, worker % 2, [0, 2, -1][share % 3])
        elif what in STAKE_MOVES:
            self.stake_moves(what, worker, share)
        else:
            self.money_moves(what, amount, share, worker, requester)

    def money_moves(self, what: str, amount: int, share: int, worker: int, requester: str) -> None:
        if what == "deposit":
            self.world.fund(self.accounts[requester], amount)
            self.ledger.free[requester] += amount
        elif what == "donate":
            self.world.coin.mint(self.world.escrow, amount, sender=self.world.stranger)
            self.donated += amount
        elif what == "flush":
            self.flush_burned()
        elif what == "rival":
            self.rival_moves_money(amount // 1000 + 1, share * 20, worker * 100)
        elif what == "withdraw":
            self.withdraw(requester, max(1, self.ledger.free[requester] * share // 200))
        else:
            self.withdraw(f"provider{worker}", max(1, self.ledger.free[f"provider{worker}"]))

    def withdraw(self, name: str, amount: int) -> None:
        w = self.world
        if self.accepted(
            self.ledger.free[name] >= amount,
            lambda: w.escrow.withdraw(w.board, w.coin, amount, w.stranger, sender=self.accounts[name]),
        ):
            self.ledger.free[name] -= amount

    def flush_burned(self) -> None:
        w = self.world
        if self.accepted(
            self.ledger.free["burn"] > 0, lambda: w.escrow.flushBurned(w.board, w.coin, sender=w.stranger)
        ):
            self.ledger.free["burn"] = 0

    def rival_moves_money(self, amount: int, paid: int, returned: int) -> None:
        w, rival = self.world, self.world.spare[0]
        if self.accepted(
            self.rival.free["requester0"] >= amount, lambda: w.escrow.hold(w.coin, w.requester, amount, sender=rival)
        ):
            self.rival.hold("requester0", amount)
        if self.accepted(
            self.rival.held["requester0"] >= paid + returned,
            lambda: w.escrow.distribute(w.coin, w.requester, [rival], [paid], returned, sender=rival),
        ):
            self.rival.spend("requester0", [("rival", paid)], returned)

    # ---- stake in and out

    def stake_moves(self, what: str, worker: int, share: int) -> None:
        w, stake = self.world, self.stakes[worker]
        provider, key = w.providers[worker], w.workers[worker]
        if what == "exit" or (what == "wait and finish" and not stake.exiting):
            amount = max(1, stake.active * share // (300 if share < 100 else 100))
            if self.accepted(
                stake.active >= amount, lambda: w.vault.requestExit(key, w.board, amount, sender=provider)
            ):
                stake.request_exit(amount, w.now)
        elif what in {"finish", "wait and finish"}:
            if what == "wait and finish" and (share % 4 == 0 or not self.running):
                self.until(stake.ready_at)
            if self.accepted(stake.may_finish(self.next), lambda: w.vault.finishExit(key, w.board, sender=provider)):
                stake.finish_exit()
        elif what == "back in":
            amount = max(1, stake.free)
            if self.accepted(stake.free >= amount, lambda: w.vault.allocate(key, w.board, amount, sender=provider)):
                stake.allocate(amount, w.now)
        elif what == "stake withdrawn":
            amount = max(1, stake.free * share // 100)
            if self.accepted(stake.free >= amount, lambda: w.vault.withdraw(key, amount, provider, sender=provider)):
                stake.free -= amount
        else:
            cap = STAKE * (share % 6)
            w.vault.setLockCap(key, w.board, what == "cap", cap, sender=provider)
            stake.cap = cap if what == "cap" else None

    # ---- posting

    def terms(self, tier: str, requester: str, lane: int, skip: int, price: int, bounty: int) -> JobTerms:
        """`skip`: sequences left out; -1: none that rises."""
        w = self.world
        sequence = self.sequence.get((requester, lane), 0) + 1 + skip
        changes: dict[str, Any] = {
            "requester": str(self.accounts[requester].address),
            "nonce": (self.base + lane) << 16 | sequence,
            "price": price,
            "bounty": bounty,
            "take_by": w.now + 1 + 3 * TAKE,
            "reopens": 0 if tier == "accept" else lane,
        }
        if tier == "accept":
            return w.accept_terms(**changes)
        if tier == "told":
            return w.terms(**changes, workers=2, reserve=0, verifier=str(self.told.address))
        if tier == "pair":  # cheap enough that a job or two are past enough
            return w.pair_terms(**changes | {"price": price // 200 + 1})
        return w.terms(**changes)

    @precondition(lambda self: self.open_lanes())
    @rule(
        data=st.data(),
        tier=st.sampled_from(["replicate", "replicate", "pair", "pair", "told"]),
        skip=st.sampled_from([0, 0, 0, 0, 1, -1]),
        price=PRICES,
        bounty=BOUNTIES,
        fee=st.sampled_from([None, None, 0, 7001]),
    )
    def post(self, data: st.DataObject, tier: str, skip: int, price: int, bounty: int, fee: int | None) -> None:
        """A job whose seats are drawn: posted by the requester, or by a relayer for a fee."""
        requester, lane = self.some_lane(data)
        terms = self.terms(tier, requester, lane, skip, price, bounty)
        self.try_post(terms, tier, requester, lane, fee, [])

    def some_lane(self, data: st.DataObject) -> tuple[str, int]:
        """As a rule an open one."""
        return data.draw(st.sampled_from(self.open_lanes() * 4 + LANES))

    def open_lanes(self) -> list[tuple[str, int]]:
        busy = {(job.requester, job.lane) for _, job in self.running}
        return [lane for lane in LANES if lane not in busy]

    @precondition(lambda self: self.open_lanes())
    @rule(
        data=st.data(),
        skip=st.sampled_from([0, 0, 0, -1]),
        price=PRICES,
        bounty=BOUNTIES,
        fee=st.sampled_from([None, None, 7001]),
        offers=st.lists(st.tuples(WORKERS, st.integers(0, 110)), min_size=1, max_size=2),
    )
    def post_with_offers(
        self,
        data: st.DataObject,
        skip: int,
        price: int,
        bounty: int,
        fee: int | None,
        offers: list[tuple[int, int]],
    ) -> None:
        """Offers: workers, and what part of the price they ask, in percent."""
        requester, lane = self.some_lane(data)
        terms = self.terms("accept", requester, lane, skip, price, bounty)
        priced = [(worker, price * percent // 100) for worker, percent in offers]
        self.try_post(terms, "accept", requester, lane, fee, priced)

    def try_post(
        self, terms: JobTerms, tier: str, requester: str, lane: int, fee: int | None, offers: list[tuple[int, int]]
    ) -> None:
        w, account = self.world, self.accounts[requester]
        signed = [w.offer(worker, terms, min_price=asked) for worker, asked in offers]
        order = w.order(relay_fee=fee or 0)
        signature = w.sign_order(terms, order, account) if fee is not None else b""

        def verb() -> None:
            if fee is not None:
                receipt = w.board.postFor(terms.as_tuple(), order.as_tuple(), signature, signed, sender=w.relayer)
            elif signed:
                receipt = w.board.postWithOffers(terms.as_tuple(), signed, sender=account)
            else:
                receipt = w.board.post(terms.as_tuple(), sender=account)
            posted.append(w.job(terms, receipt))

        posted: list[Job] = []
        escrow = model.escrow(terms.price, terms.workers, terms.reserve, terms.fee_bps, terms.bounty)
        winner = next((o for o in offers if o[1] <= terms.price and self.able(o[0])), None)
        good = self.lane_is_open(requester, lane, terms.nonce & 0xFFFF) and (winner is not None or not offers)
        if not self.accepted(good and self.ledger.free[requester] >= escrow + (fee or 0), verb):
            return
        self.ledger.pass_on(requester, "relayer", fee or 0)
        self.ledger.hold(requester, escrow)
        self.sequence[requester, lane] = terms.nonce & 0xFFFF
        [job] = posted
        modelled = JobModel(
            tier, requester, lane, terms.price, terms.bounty, escrow, job.posted_at, terms.take_by, terms.settle_time
        )
        modelled.reopens = terms.reopens
        modelled.score_needed = model.score_needed(terms.price, SCORE_RATE) if tier == "pair" else 0
        if winner is not None:
            modelled.take([winner[0]], w.now, [winner[1]])
            self.stakes[winner[0]].lock(w.now)
        self.jobs.append((job, modelled))

    def retire(self, requester: str, lane: int, skip: int) -> None:
        w = self.world
        sequence = self.sequence.get((requester, lane), 0) + 1 + skip
        nonce = (self.base + lane) << 16 | sequence
        if self.accepted(
            sequence > self.sequence.get((requester, lane), 0),  # whether a job of the lane runs or not
            lambda: w.board.retire(nonce, sender=self.accounts[requester]),
        ):
            self.sequence[requester, lane] = sequence

    def lane_is_open(self, requester: str, lane: int, sequence: int) -> bool:
        return (requester, lane) in self.open_lanes() and sequence > self.sequence.get((requester, lane), 0)

    # ---- jobs

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verb=st.sampled_from(VERBS), worker=WORKERS, answer=ANSWERS, wait=WAITS)
    def anybody_tries_anything(self, data: st.DataObject, verb: str, worker: int, answer: str, wait: int) -> None:
        """Any verb on any job, ended ones too, whether it makes sense or not, at once or after a while."""
        self.until(self.world.now + wait)
        job, modelled = self.one_of(self.jobs, data)
        note(f"{verb} by {worker} on {modelled}")
        several = sorted({worker, (worker + 1) % 6})
        arguments: dict[str, tuple[Any, ...]] = {
            "take": (worker,),
            "take_many": (several,),
            "reveal": ([worker],),
            "reveal_many": (several,),
            "commit": (worker, answer),
            "commit_many": (dict.fromkeys(several, answer),),
            "abandon": (worker,),
            "decide": (["worker", "requester", "hung"][worker % 3],),
        }
        getattr(self, f"try_{verb}")(job, modelled, *arguments.get(verb, ()))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), plays=PLAYS, together=st.booleans())
    def a_job_goes_on(self, data: st.DataObject, plays: list[str], together: bool) -> None:
        """The next phase of a job, by workers who play well, badly or not at all."""
        job, modelled = self.one_of(self.running, data)
        self.phase(job, modelled, plays, together)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), plays=st.lists(PLAYS, min_size=5, max_size=5), together=st.lists(st.booleans(), min_size=5))
    def a_job_runs_on_and_on(self, data: st.DataObject, plays: list[list[str]], together: list[bool]) -> None:
        """Five phases of one job: as a rule to its end."""
        job, modelled = self.one_of(self.running, data)
        for play, jointly in zip(plays, together, strict=False):
            if modelled.state not in ENDED:
                self.phase(job, modelled, play, jointly)

    def one_of(self, jobs: list[tuple[Job, JobModel]], data: st.DataObject) -> tuple[Job, JobModel]:
        return jobs[data.draw(st.integers(0, len(jobs) - 1))]

    @precondition(lambda self: any(job.state == "committed" for _, job in self.running))
    @rule(patient=st.booleans())
    def settle_what_can_be_settled(self, patient: bool) -> None:
        """In one call; and one that is not ready spoils it for all. `patient`: when every deadline has passed."""
        if patient:
            self.until(max(job.deadline for _, job in self.running if job.state == "committed"))
        ready = [pair for pair in self.running if pair[1].tier != "told" and pair[1].may_settle(self.next)]
        waiting = [pair for pair in self.running if pair not in ready and pair[1].tier != "told"]
        if ready and waiting:
            self.accepted(False, lambda: self.world.settle_many([job for job, _ in [*ready, waiting[0]]]))
            # A refused call takes no block, but the next one comes a second later all the same.
            ready = [pair for pair in ready if pair[1].may_settle(self.next)]
        receipts: list[Any] = []
        if ready and self.accepted(True, lambda: receipts.append(self.world.settle_many([job for job, _ in ready]))):
            for job, modelled in ready:
                self.carry_out(job, modelled, receipts[0], "closer")
                self.end(job, modelled, "settled", JobState.SETTLED)

    def phase(self, job: Job, modelled: JobModel, plays: list[str], together: bool) -> None:
        note(f"{plays} {together} in {modelled}")
        phases = {"posted": self.taking, "assigned": self.working, "committed": self.judging}
        phases[modelled.state](job, modelled, plays, together)

    def taking(self, job: Job, modelled: JobModel, plays: list[str], together: bool) -> None:
        absent = plays.count(".")
        others = [worker for worker in self.rested() if worker not in modelled.lost]
        takers = others[: modelled.workers - len(modelled.seats) - min(absent, 2)]
        if together and takers:
            self.try_take_many(job, modelled, takers)
        for worker in takers if not together else []:
            self.try_take(job, modelled, worker)
        if absent > 1:
            self.until(modelled.take_by)
            self.try_expire(job, modelled)

    def working(self, job: Job, modelled: JobModel, plays: list[str], together: bool) -> None:
        answers = {
            seat.worker: play.rstrip("!")
            for seat, play in zip(list(modelled.first), plays, strict=False)
            if play[0] not in ".-"
        }
        if together and answers:
            self.try_commit_many(job, modelled, answers)
        for worker, answer in answers.items() if not together else []:
            self.try_commit(job, modelled, worker, answer)
        if modelled.state == "assigned":
            self.until(modelled.deadline + (modelled.settle_time if plays[0] == "." else 0))
            self.try_close(job, modelled)
            self.try_reopen(job, modelled)
            self.try_expire(job, modelled)

    def judging(self, job: Job, modelled: JobModel, plays: list[str], together: bool) -> None:
        if modelled.tier == "accept":
            self.objecting(job, modelled, plays)
        elif modelled.replicated:
            if modelled.opened_at is None:
                self.revealing(job, modelled, modelled.first, plays, modelled.first_reveal_by, together)
            elif not modelled.extra_sealed(self.next):
                self.second_round(job, modelled, plays)
            else:
                self.revealing(job, modelled, modelled.extra, plays, modelled.extra_reveal_by, together)
        if modelled.state not in ENDED:
            self.try_settle(job, modelled)

    def objecting(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        """The requester keeps silent, or rejects; then the jury decides, or does not."""
        if modelled.rejected_at is None and plays[0] in {"a", "."}:
            self.until(modelled.committed_at + WINDOW)
        elif modelled.rejected_at is None:
            self.try_reject(job, modelled)
        elif plays[1] in {"-", "."}:
            self.until(modelled.rejected_at + DECISION)
        else:
            self.try_decide(job, modelled, {"a": "worker", "b": "requester"}.get(plays[1], "hung"))
        if plays[2] == "a":
            self.try_release_bond(job, modelled)

    def revealing(
        self, job: Job, modelled: JobModel, seats: list[SeatModel], plays: list[str], deadline: int, together: bool
    ) -> None:
        open_ = [seat.worker for seat, play in zip(list(seats), plays, strict=False) if not play.endswith("!")]
        if together:
            open_ = [seat.worker for seat in seats if seat.worker in open_ and seat.answer]
            self.try_reveal_many(job, modelled, open_)
        for worker in open_ if not together else []:
            self.try_reveal(job, modelled, [worker])
        if modelled.state not in ENDED and any(seat.answer and not seat.revealed for seat in seats):
            self.until(deadline)
            self.try_open(job, modelled)

    def second_round(self, job: Job, modelled: JobModel, plays: list[str]) -> None:
        takers = [worker for worker in self.rested() if modelled.seat(worker) is None]
        for worker in takers[: modelled.more - plays[:2].count(".")]:
            self.try_take(job, modelled, worker)
        for seat, play in zip(list(modelled.extra), plays, strict=False):
            if play[0] not in ".-":
                self.try_commit(job, modelled, seat.worker, play.rstrip("!"))
        if len(modelled.extra) < modelled.more:
            self.until(modelled.extra_take_by)
        if any(not seat.answer for seat in modelled.extra):
            self.until(modelled.extra_work_by)

    def rested(self) -> list[int]:
        """Workers, those with the fewest jobs first."""
        return sorted(range(6), key=lambda worker: self.stakes[worker].locks)

    def until(self, second: int) -> None:
        """The next transaction comes after `second`."""
        if second >= self.next:
            self.world.at(second + 1)
            self.world.mine(1)

    @property
    def running(self) -> list[tuple[Job, JobModel]]:
        return [pair for pair in self.jobs if pair[1].state not in ENDED]

    # ---- trying a verb in both worlds

    def able(self, worker: int, drawn_at: int | None = None) -> bool:
        """Whether the worker may have a seat in the next block: age, capacity, stake, the provider's cap."""
        stake = self.stakes[worker]
        old = stake.since < (self.next if drawn_at is None else drawn_at)
        return old and stake.locks < CAPACITY and stake.lockable(self.next) >= STAKE

    def try_take(self, job: Job, modelled: JobModel, worker: int) -> None:
        drawn_at = self.let_everybody_in(job, modelled)
        may = modelled.may_take([worker], self.next) and self.able(worker, drawn_at) and modelled.tier != "accept"
        if self.accepted(may, lambda: job.take(worker)):
            self.seat(modelled, [worker])

    def try_take_many(self, job: Job, modelled: JobModel, takers: list[int]) -> None:
        drawn_at = self.let_everybody_in(job, modelled)
        able = all(self.able(worker, drawn_at) for worker in takers) and modelled.tier != "accept"
        may = modelled.state == "posted" and modelled.may_take(takers, self.next) and able
        if self.accepted(may, lambda: job.take_many(*takers)):
            self.seat(modelled, takers)

    def seat(self, modelled: JobModel, takers: list[int]) -> None:
        modelled.take(takers, self.world.now)
        for worker in takers:
            self.stakes[worker].lock(self.world.now)

    def try_commit(self, job: Job, modelled: JobModel, worker: int, answer: str) -> None:
        secrets = dict(job.secrets)
        if self.accepted(modelled.may_commit(worker, self.next), lambda: job.commit(worker, answer)):
            modelled.commit(worker, answer, self.world.now)
        else:
            job.secrets = secrets

    def try_commit_many(self, job: Job, modelled: JobModel, answers: dict[int, str]) -> None:
        """Of those who have a seat."""
        secrets = dict(job.secrets)
        seated = {worker: answer for worker, answer in answers.items() if modelled.seat(worker)}
        by_seat = [seated.get(seat.worker) for seat in modelled.seats]
        may = modelled.may_commit_many(list(seated), self.next)
        if self.accepted(may, lambda: job.commit_many(by_seat)):
            modelled.commit_many(seated, self.world.now)
        else:
            job.secrets = secrets

    def try_reveal(self, job: Job, modelled: JobModel, workers: list[int]) -> None:
        self.reveal(job, modelled, workers, lambda: job.reveal(*workers), all_shown=modelled.folded)

    def try_reveal_many(self, job: Job, modelled: JobModel, workers: list[int]) -> None:
        self.reveal(job, modelled, workers, lambda: job.reveal_together(*workers), all_shown=True)

    def reveal(
        self, job: Job, modelled: JobModel, workers: list[int], verb: Callable[[], Any], *, all_shown: bool
    ) -> None:
        for worker in workers:
            job.secrets.setdefault(worker, (b"\0" * 32,) * 3)
        receipts: list[Any] = []
        before = [self.world.reputation.scoreOf(self.world.board, self.world.workers[worker]) for worker in workers]
        if not self.accepted(modelled.may_reveal(workers, self.next), lambda: receipts.append(verb())):
            return
        now = self.world.now
        decayed = [model.decayed(int(s.points), now - int(s.at), PARAMETERS.half_life) for s in before]
        if modelled.reveal(workers, now, dict(zip(workers, decayed, strict=True)), all_shown=all_shown):
            self.carry_out(job, modelled, receipts[0], "board's verifier")
            self.end(job, modelled, "settled", JobState.SETTLED)

    def try_cancel(self, job: Job, modelled: JobModel) -> None:
        due = self.world.chain.blocks.head.number + 1 > job.record.round
        account = self.accounts[modelled.requester]
        fresh = modelled.state == "posted" and not modelled.lost
        if self.accepted(fresh and not due, lambda: job.cancel(by=account)):
            self.end(job, modelled, "cancelled", JobState.CANCELLED)
            self.ledger.spend(modelled.requester, [], modelled.escrow)

    def try_close(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_close(self.next), job.close_work):
            modelled.close(self.world.now)

    def try_reopen(self, job: Job, modelled: JobModel) -> None:
        receipts: list[Any] = []
        if self.accepted(modelled.may_reopen(self.next), lambda: receipts.append(job.reopen())):
            self.judge(job, modelled, [model.Ruling(0, "no-show") for _ in modelled.seats], receipts[0])
            modelled.reopen(self.world.now)

    def try_abandon(self, job: Job, modelled: JobModel, worker: int) -> None:
        """Nobody's job is both done by one and drawn here: what is given back has ended."""
        receipts: list[Any] = []
        if self.accepted(modelled.may_abandon(worker, self.next), lambda: receipts.append(job.abandon(worker))):
            self.judge(job, modelled, [model.Ruling(0, "abandoned")], receipts[0])
            self.ledger.spend(modelled.requester, [], modelled.escrow)
            self.end(job, modelled, "expired", JobState.EXPIRED)

    def try_open(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_open(self.next), job.open_extra):
            modelled.opened_at = self.world.now

    def try_reject(self, job: Job, modelled: JobModel) -> None:
        who = modelled.requester
        rich = self.bonds.free[who] >= JURY_FEE
        if self.accepted(modelled.may_reject(self.next) and rich, lambda: job.reject(by=self.accounts[who])):
            modelled.rejected_at, modelled.bond = self.world.now, JURY_FEE
            self.bonds.hold(who, JURY_FEE)

    def try_decide(self, job: Job, modelled: JobModel, decision: str) -> None:
        """A jury keeps to its time and decides once; the double would do otherwise."""
        sits = modelled.rejected_at is not None and self.next <= modelled.rejected_at + DECISION
        if sits and modelled.decision is None and modelled.state not in ENDED:
            self.world.jury.decide(self.world.acceptance, job.id, JURY[decision], sender=self.world.stranger)
            modelled.decision = decision

    def try_release_bond(self, job: Job, modelled: JobModel) -> None:
        if self.accepted(modelled.may_release_bond(self.next), job.release_bond):
            decision = modelled.decided_by_jury(self.world.now)
            assert decision is not None
            to_jury = model.bond_goes_to(decision) == "jury"
            credits = [("jury", modelled.bond)] if to_jury else []
            self.bonds.spend(modelled.requester, credits, 0 if to_jury else modelled.bond)
            modelled.bond = 0

    def try_expire(self, job: Job, modelled: JobModel) -> None:
        receipts: list[Any] = []
        if self.accepted(modelled.may_expire(self.next), lambda: receipts.append(job.expire())):
            self.carry_out(job, modelled, receipts[0], "closer")
            self.end(job, modelled, "expired", JobState.EXPIRED)

    def try_settle(self, job: Job, modelled: JobModel) -> None:
        told = self.tell(modelled)
        receipts: list[Any] = []
        if self.accepted(modelled.may_settle(self.next), lambda: receipts.append(job.settle())):
            self.carry_out(job, modelled, receipts[0], "closer", told)
            self.end(job, modelled, "settled", JobState.SETTLED)

    def tell(self, modelled: JobModel) -> model.Ruling | None:
        """What the verifier of the told tier will say, from what was committed to: segments done, or a slash that
        somebody has found."""
        w = self.world
        if modelled.tier != "told":
            return None
        done = sum(seat.answer == "a" for seat in modelled.seats)
        if done == 0:
            self.told.set(0, 0, 2, w.closer, sender=w.deployer)
            return model.Ruling(0, "slashed", finder=True)
        self.told.set(0, 0, 0, w.closer, sender=w.deployer)
        self.told.setSegments(done, 3, sender=w.deployer)
        return model.by_segments(modelled.price, done, 3)

    # ---- carrying out in the model

    def carry_out(
        self, job: Job, modelled: JobModel, receipt: Any, closer: str, told: model.Ruling | None = None
    ) -> None:
        rulings = modelled.rulings(self.world.now, told)
        money = model.settlement(modelled.escrow, 100, modelled.bounty, rulings)
        assert money.paid + money.fee + money.bounty + money.returned == modelled.escrow  # E2, of the model itself
        credits = [(f"provider{s.worker}", r.pay) for s, r in zip(modelled.seats, rulings, strict=True)]
        credits += [("burn", money.fee), (closer, money.bounty)]
        self.ledger.spend(modelled.requester, credits, money.returned)
        self.judge(job, modelled, rulings, receipt)

    def judge(self, job: Job, modelled: JobModel, rulings: list[model.Ruling], receipt: Any) -> None:
        """The locks of all seats end, and what was lost is lost."""
        for seat, ruling in zip(modelled.seats, rulings, strict=True):
            lost = model.loss(ruling.fault, STAKE, job.terms.no_show_bond)
            share = model.finders_share(lost) if ruling.finder else 0
            assert 2 * share <= lost  # S3
            self.burned_stake += lost - share
            self.finders_share += share
            self.stakes[seat.worker].release(lost)
            if ruling.fault in {"no-show", "abandoned"}:
                self.stakes[seat.worker].rest(self.world.now + job.terms.work_time)
        self.check_events(job, modelled, rulings, receipt)

    def check_events(self, job: Job, modelled: JobModel, rulings: list[model.Ruling], receipt: Any) -> None:
        """J4: one outcome per worker and job, and it says what was done."""
        w = self.world
        faults = ["none", "no-show", "slashed", "abandoned"]
        have = [
            (str(log.worker), log.pay, faults[log.fault])
            for log in receipt.decode_logs(w.board.WorkerSettled)
            if bytes(log.id) == job.id
        ]
        seats = [str(w.workers[seat.worker].address) for seat in modelled.seats]
        assert have == [(worker, r.pay, r.fault) for worker, r in zip(seats, rulings, strict=True)]

    def end(self, job: Job, modelled: JobModel, name: str, state: JobState) -> None:
        modelled.state = name
        [record] = self.world.read_many([self.record(job)])
        assert record[0] == state
        self.frozen[job.id] = record

    def record(self, job: Job) -> tuple[Any, tuple[Any, ...]]:
        return (self.world.board.jobOf, (job.terms.requester, job.terms.nonce))

    def accepted(self, expected: bool, verb: Any) -> bool:
        """Run it; chain and model must be of one mind."""
        try:
            verb()
        except ContractLogicError as error:
            if expected:
                raise AssertionError(f"the chain refuses what the model accepts: {type(error).__name__}") from error
            return False
        assert expected, "the chain accepts what the model refuses"
        return True

    @property
    def next(self) -> int:
        """Second of the block that the next transaction lands in."""
        return int(self.world.chain.pending_timestamp)

    def let_everybody_in(self, job: Job, modelled: JobModel) -> int:
        """The round is due and stored, and the last quarter of the window has come: the lottery says yes to all.
        Returns when the draw was opened: who came later has no part in it."""
        if modelled.state in ENDED:
            return 0
        number, opens, closes = job.record.round, modelled.posted_at, modelled.take_by
        if modelled.opened_at is not None:
            number, opens, closes = job.extra.round, modelled.opened_at, modelled.extra_take_by
        while self.world.chain.blocks.head.number < number:
            self.world.mine(1)
        if self.world.chain.blocks.head.number < number + 200:
            self.world.beacon.store(number, b"", sender=self.world.stranger)
        everybody = opens + (closes - opens) * 3 // 4 + 1
        if self.next < everybody:
            self.world.at(everybody)
        return opens

    # ---- what must always hold

    @invariant()
    def purses_and_stakes_are_as_in_the_model(self) -> None:
        w, rival = self.world, self.world.spare[0]
        ended = [job for job, _ in self.jobs if job.id in self.frozen]
        bonded = [*REQUESTERS, "jury"]
        pairs = list(zip(w.providers, w.workers, strict=True))
        answers = iter(
            w.read_many(
                [
                    (w.coin.balanceOf, (w.escrow,)),
                    (w.stake_token.balanceOf, (w.vault,)),
                    (w.vault.claimableOf, (w.closer,)),
                    (w.escrow.balanceOf, (rival, w.coin, w.requester)),
                    (w.escrow.balanceOf, (rival, w.coin, rival)),
                    *[(w.escrow.balanceOf, (w.board, w.coin, account)) for account in self.accounts.values()],
                    *[(w.escrow.balanceOf, (w.acceptance, w.coin, self.accounts[name])) for name in bonded],
                    *[(w.vault.allocationOf, (*pair, w.board)) for pair in pairs],
                    *[(w.vault.exitOf, (*pair, w.board)) for pair in pairs],
                    *[(w.vault.freeOf, pair) for pair in pairs],
                    *[self.record(job) for job in ended],
                ]
            )
        )
        [tokens], [stake_tokens], [claimable] = next(answers), next(answers), next(answers)
        assert tokens == self.ledger.total + self.rival.total + self.bonds.total + self.donated  # E1
        assert next(answers) == (self.rival.free["requester0"], self.rival.held["requester0"])  # E3
        assert next(answers) == (self.rival.free["rival"], 0)
        for name in self.accounts:  # E2
            assert next(answers) == (self.ledger.free[name], self.ledger.held[name]), name
        for name in bonded:
            assert next(answers) == (self.bonds.free[name], self.bonds.held[name]), name
        for name in REQUESTERS:
            running = [job for _, job in self.running if job.requester == name]
            assert self.ledger.held[name] == sum(job.escrow for job in running)
        for stake in self.stakes:  # S1
            active, locked, _, locks, _ = next(answers)
            assert (active, locked, locks) == (stake.active, stake.locked, stake.locks)
            assert locked <= stake.active + stake.exiting
        for stake in self.stakes:
            assert next(answers)[0] == stake.exiting
        for stake in self.stakes:
            assert next(answers)[0] == stake.free
        backed = sum(stake.free + stake.active + stake.exiting for stake in self.stakes)
        assert stake_tokens == backed + self.burned_stake + self.finders_share  # S3: burned stake waits to be flushed
        assert claimable == self.finders_share
        for job in ended:  # J1: as it ended, or overwritten by the lane's next job or retirement
            modelled = next(m for j, m in self.jobs if j is job)
            overwritten = self.sequence[modelled.requester, modelled.lane] > job.terms.nonce & 0xFFFF
            record = next(answers)
            assert record == self.frozen[job.id] or (overwritten and record[0] == JobState.SUPERSEDED)


@pytest.mark.slow
def test_money_machine(world: World) -> None:
    told = world.deploy_double("StubVerifier", world.board)
    world.parameters.setVerifier(told, True, sender=world.deployer)
    base = (world.nonce() >> 16) + 1000
    machine = type("MoneyMachineOnThisWorld", (MoneyMachine,), {"world": world, "told": told, "base": base})
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
