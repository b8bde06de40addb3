"""An audited job as its parties see it: a Job, the worker's trace, and the verbs of the audit tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contracts.audit_reference import ZERO32, Plan, Trace, check, draw_first, draw_fresh
from tests.contracts.job import Job
from tests.contracts.signing import short
from tests.contracts.world import BOUNTY, DISPUTE, PRICE, World

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import commitment

PLAN = Plan(
    respond=60,
    take=120,
    audit=100,
    move=60,
    segments=100,
    drawn=2,
    auditors=2,
    audit_bps=15_000,
    reaudit_bps=0,
    steps=4,
)
ANSWER = PLAN.respond + PLAN.audit  # to respond, or to contest
SHARES = PLAN.audit * (1 + 3 * 2 + 2 * 15)
CLAIMS = PLAN.respond + 3 * ANSWER  # they fall, are made once more, answered, and contested
SETTLE = 4 * PLAN.respond + 5 * PLAN.take + 3 * CLAIMS + SHARES + DISPUTE
FEE = PLAN.fee(PRICE, PLAN.drawn)  # of a first auditor
CONFIRMED, ACCUSED, VOID = 1, 2, 3
RESULT = 255
NONE, OPEN, FALLEN, DIFFERS, CONTESTED = range(5)
RUNNING, DEFENDER, CHALLENGER, HUNG = range(1, 5)
WORKER = 0
SALT, RECEIPT, MANIFEST = keccak256(b"salt"), keccak256(b"receipt"), keccak256(b"manifest")


def audit_terms(world: World, plan: Plan = PLAN, **changes: Any) -> Any:
    price = changes.get("price", PRICE)
    plain: dict[str, Any] = {
        "workers": 1,
        "reserve": -(-price * plan.reserve_bps // 10_000),
        "verifier": str(world.audit.address),
        "verifier_params": plan.pack(),
        "settle_time": SETTLE,
    }
    return world.terms(**{**plain, **changes})


@dataclass
class Audited:
    """Seats are named by number, workers by their index in `world.workers`: seat n is taken by worker n - 1."""

    world: World
    job: Job
    trace: Trace
    plan: Plan = PLAN
    record: tuple[bytes, bytes, bytes, list[bytes]] = (ZERO32, ZERO32, b"\1" * 32, [])
    shares: dict[int, list[int]] = field(default_factory=dict)
    drawn: list[int] = field(default_factory=list)

    # ---- how it stands

    @property
    def audit(self) -> Any:
        terms = self.job.terms
        return self.world.audit.auditOf(terms.requester, terms.nonce, sender=self.world.stranger)

    @property
    def terms(self) -> Any:
        return self.job.terms.as_tuple()

    @property
    def opening(self) -> tuple[Any, ...]:
        return (SALT, self.trace.result, RECEIPT, self.trace.root, self.trace.done)

    def claim(self, number: int, which: int = 0) -> Any:
        return self.world.audit.claimOf(self.job.id, number, which, sender=self.world.stranger)

    def seed(self) -> bytes:
        value = bytes(self.world.beacon.valueOf(int(self.audit.round), sender=self.world.stranger))
        return keccak256(self.job.id + value)

    # ---- beginning

    def seal(self) -> bytes:
        worker = str(self.world.workers[WORKER].address)
        return commitment(self.job.id, worker, SALT, keccak256(self.trace.audit_root), RECEIPT)

    def commit(self) -> Audited:
        self.job.commit_as(self.world.workers[WORKER], self.seal())
        return self

    def begin(self, opening: tuple[Any, ...] | None = None) -> Any:
        return self.world.audit.begin(self.terms, self.job.held, opening or self.opening, sender=self.world.stranger)

    def commit_and_begin(self, signer: int = WORKER) -> Any:
        signature = short(self.world.workers[signer], self.world.domain.seal(self.job.id, self.seal()))
        receipt = self.world.audit.commitAndBegin(
            self.terms, self.job.held, signature, self.opening, sender=self.world.workers[WORKER]
        )
        return self.job.follow(receipt)

    # ---- a sitting

    def take(self, *indexes: int) -> Audited:
        """Once every eligible worker is drawn."""
        audit = self.audit
        self.world.mine(3)
        self.world.at(max(int(audit.clock) + self.plan.take * 3 // 4 + 1, self.world.now + 1))
        for index in indexes:
            self.job.take_as(self.world.workers[index])
        return self

    def draw(self) -> None:
        """What every seat has to replay, as the reference says."""
        audit, seed = self.audit, self.seed()
        done = self.trace.counted
        count = self.plan.first(done)
        if not self.drawn:
            self.drawn = draw_first(seed, done, count)
        chairs = min(self.plan.auditors, count)
        if audit.sitting == 1:
            for number in range(2, len(self.job.held) + 1):
                self.shares[number] = self.drawn[number - 2 :: chairs]
        elif audit.sitting == 2:
            counted = (CONFIRMED, ACCUSED)
            answered = {n for n in range(2, int(audit.replacementSeat)) if audit.answers[n - 2] in counted}
            self.shares[int(audit.replacementSeat)] = [
                index for at, index in enumerate(self.drawn) if 2 + at % chairs not in answered
            ]
        else:
            many = self.plan.repeated(done) if audit.reaudit else self.plan.further(done)
            fresh = draw_fresh(seed, done, self.drawn, many)
            self.shares[int(audit.lastSeat)] = sorted(fresh + self.drawn) if audit.reaudit else fresh

    def serve(self, checks: Sequence[bytes] | None = None, by: Any = None) -> Any:
        audit, seed = self.audit, self.seed()
        self.draw()
        since = {1: 2, 2: audit.replacementSeat, 3: audit.lastSeat}[int(audit.sitting)]
        numbers = range(int(since), len(self.job.held) + 1)
        if checks is None:
            checks = [check([self.trace.state(i) for i in self.shares[number]]) for number in numbers]
        receipt = self.world.audit.serve(
            self.terms, self.job.held, self.record, MANIFEST, list(checks), sender=by or self.world.workers[WORKER]
        )
        first = seed if self.record[0] == ZERO32 else self.record[0]
        fresh = seed if audit.sitting == 3 else ZERO32
        unserved = [ZERO32] * (int(since) - 2 - len(self.record[3]))
        self.record = (first, fresh, self.record[2], [*self.record[3], *unserved, *checks])
        return receipt

    def found(self, number: int) -> list[bytes]:
        """What an honest replay of the seat's segments finds."""
        return [self.trace.truth(i) for i in self.shares[number]]

    def confirm(self, *numbers: int, roots: Sequence[bytes] | None = None, by: Any = None) -> Any:
        receipt = None
        for number in numbers:
            roots_ = self.found(number) if roots is None else list(roots)
            receipt = self.world.audit.confirm(
                self.terms, self.job.only(number), self.record, number, roots_, sender=by or self.auditor(number)
            )
        return receipt

    def decline(self, number: int, *, suspicion: bool = False, by: Any = None) -> Any:
        return self.world.audit.decline(
            self.terms, self.job.only(number), self.record, number, suspicion, sender=by or self.auditor(number)
        )

    def finding(self, number: int, state: bytes, *positions: int) -> list[bytes]:
        """As `found`, but for these segments, which end elsewhere."""
        return [state if at in positions else root for at, root in enumerate(self.found(number))]

    def auditor(self, number: int) -> Any:
        return self.world.workers[self.job.index_of(number)]

    def accuse(
        self, number: int, *positions: int, roots: Sequence[bytes] | None = None, by: Any = None, record: Any = None
    ) -> Any:
        """Without positions: every segment that differs."""
        roots_ = self.found(number) if roots is None else list(roots)
        if not positions:
            positions = tuple(p for p, i in enumerate(self.shares[number]) if roots_[p] != self.trace.state(i))[:2]
        return self.world.audit.accuse(
            self.terms,
            self.job.only(number),
            record or self.record,
            number,
            roots_,
            list(positions),
            sender=by or self.auditor(number),
        )

    # ---- the worker's answers

    def shown(self, number: int, which: int = 0) -> tuple[Any, ...]:
        roots = [self.trace.state(i) for i in self.shares[number]]
        return self.trace.shown(int(self.claim(number, which).index), roots)

    def respond(self, number: int, which: int = 0, shown: Any = None) -> Any:
        return self.world.audit.respond(
            self.terms,
            self.job.only(1),
            self.record,
            self.opening,
            number,
            which,
            shown or self.shown(number, which),
            sender=self.world.stranger,
        )

    def respond_result(self, number: int, which: int = 0, shown: Any = None) -> Any:
        return self.world.audit.respondResult(
            self.terms,
            self.job.only(1),
            self.opening,
            number,
            which,
            shown or self.trace.shown_result(),
            sender=self.world.stranger,
        )

    def contest(self, number: int, which: int = 0, by: Any = None) -> Any:
        return self.world.audit.contest(
            self.terms,
            self.job.only(1, number),
            self.record,
            self.opening,
            number,
            which,
            self.shown(number, which),
            sender=by or self.world.workers[WORKER],
        )

    def decide(self, number: int, outcome: int, which: int = 0, purse: Any = None) -> None:
        zero = "0x" + "0" * 40
        self.world.bisection.decide(
            self.world.audit, self.job.id, number, which, outcome, purse or zero, sender=self.world.stranger
        )

    # ---- anyone

    def advance(self) -> Any:
        return self.world.audit.advance(self.terms, self.job.held, sender=self.world.stranger)

    def past_taking(self) -> None:
        self.world.at(int(self.audit.clock) + self.plan.take + 1)

    def wait(self, seconds: int) -> None:
        self.world.at(self.world.now + seconds)


def sealed(world: World, *, done: int = 100, plan: Plan = PLAN, terms: Any = None, **lies: Any) -> Audited:
    """A job whose worker is at work: his trace is made, nothing is committed."""
    job = world.post(terms or audit_terms(world, plan))
    job.draw()
    job.take(WORKER)
    seed = bytes(world.board.seedOf(job.terms.as_tuple(), sender=world.stranger))
    return Audited(world, job, Trace(job.id, job.terms.spec_digest, seed, done, **lies), plan)


def begun(world: World, **options: Any) -> Audited:
    audited = sealed(world, **options)
    audited.commit_and_begin()
    return audited


def served(world: World, **options: Any) -> Audited:
    """Two auditors are seated and served."""
    audited = begun(world, **options).take(1, 2)
    audited.serve()
    return audited


def everything_paid(audited: Audited) -> bool:
    """No coin is held, no stake is locked."""
    world = audited.world
    idle = all(world.allocation(i).locked == 0 for i in range(len(world.workers)))
    return idle and world.held(world.requester) == 0


__all__ = ["BOUNTY", "Audited", "begun", "sealed", "served"]
