"""Cases before the jury that this network's disputes have opened, as the chain shows them to one worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tensorgrid.chain.abi import checksum, interface
from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.dispute_history import CaseOpened, MatchOpened, MatchReferred
from tensorgrid.chain.events import decode
from tensorgrid.chain.history import Event
from tensorgrid.chain.jury import Decision, Jury, JuryRules, Phase
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import ZERO32, ZERO_ADDRESS, JobId
from tensorgrid_worker.auditing.judging import CasePicture, Duty, PrivateCase, Question
from tensorgrid_worker.auditing.picture import AuditPicture
from tensorgrid_worker.auditing.privately import PrivateReader
from tensorgrid_worker.memory.records import JobRecord

LOOK_BACK, OVERLAP = 5_000, 64
"""Blocks: what a worker that starts looks through, and what is looked through again for a chain that has moved."""
MOST_WINDOWS = 40
"""So many times LOOK_BACK a dispute may have taken before the jury was asked."""


@dataclass
class CaseReader:
    """Asked by the loop that plans. Raises Unreachable, ChainError.

    `seed`: of a job, zero while it is not known. `unfit`: why our replays of a job would say nothing; empty: they do.
    """

    contracts: Contracts
    me: str
    seed: Callable[[JobRecord, BlockRef], bytes]
    unfit: Callable[[JobRecord], str]
    _from: int = -1
    _seen: set[bytes] = field(default_factory=set)
    _questions: dict[bytes, Question] = field(default_factory=dict)
    _numbers: dict[tuple[bytes, bool], int] = field(default_factory=dict)
    _votes: dict[tuple[bytes, bool], Decision] = field(default_factory=dict)
    _tokens: dict[bytes, str] = field(default_factory=dict)
    _decided: dict[bytes, int] = field(default_factory=dict)  # when we saw that first, chain time
    _rules: JuryRules | None = None
    _private: PrivateReader = field(init=False)

    def __post_init__(self) -> None:
        self._private = PrivateReader(self.contracts, self._logs, LOOK_BACK, MOST_WINDOWS)

    def read(self, records: Mapping[JobId, JobRecord], head: BlockRef) -> list[CasePicture]:
        """The round that counts of each case that is open, or whose stake of ours is not free again."""
        self._look(head)
        return [picture for key in list(self._questions) if (picture := self._picture(key, records, head)) is not None]

    def forget_all(self) -> None:
        """After a reorganisation: another match may have the same name."""
        self._from = -1
        self._private.forget_all()
        for table in (self._seen, self._questions, self._numbers, self._votes, self._tokens, self._decided):
            table.clear()

    @property
    def _jury(self) -> Jury:
        assert self.contracts.jury is not None, "asked only where there is one"
        return self.contracts.jury

    @property
    def _bisection(self) -> str:
        assert self.contracts.bisection is not None, "asked only where there is one"
        return self.contracts.bisection.address

    def _look(self, head: BlockRef) -> None:
        """For new cases of our class, of which neither we nor our provider are a party."""
        first = max(self._from, self.contracts.deployment.start_block, head.number - LOOK_BACK)
        topic = next(entry.hash for entry in interface("Jury").events.values() if entry.name == "CaseOpened")
        opener = "0x" + self._bisection[2:].lower().rjust(64, "0")
        for event in self._logs(self._jury.address, "Jury", ["0x" + topic.hex(), opener], first):
            if isinstance(event, CaseOpened) and event.id not in self._seen:
                question = self._question(event) if self._is_ours(event) else None
                if question is not None:
                    self._questions[event.id] = question
                self._seen.add(event.id)
        self._from = head.number - OVERLAP

    def _is_ours(self, event: CaseOpened) -> bool:
        registry = self.contracts.registry
        if registry.profile_of(self.me).hardware_class != event.hardware_class:
            return False
        ours = registry.provider_of(self.me)
        return all(registry.provider_of(party) != ours for party in (event.accuser, event.accused))

    def _picture(self, key: bytes, records: Mapping[JobId, JobRecord], head: BlockRef) -> CasePicture | None:
        question = self._questions[key]
        record = records.get(question.match.id)
        if record is None:
            return None
        self._tokens[key], seated = record.terms.pay_token, None
        for appeal in (False, True):
            try:
                found, phase = self._jury.round_of(self._bisection, key, appeal=appeal)
            except Reverted:  # nobody has appealed, or a reorganisation has taken the case back
                continue
            rules = self._rules = self._rules or self._jury.rules()
            case = CasePicture(self._audit(record, head), question, appeal, found, phase, rules)
            case = self._seated(case)
            if case.number and not found.released:
                return self._entrusted(case, record)
            if phase is Phase.FILLING:
                return self._hopeful(case, record)
            if case.number:
                seated = case
        return self._after(seated, record, key, head)

    def _after(self, seated: CasePicture | None, record: JobRecord, key: bytes, head: BlockRef) -> CasePicture | None:
        """Once no round runs: what we are still owed. While an appeal may come, we stay by the case; and where the
        accuser was wrong, until his stake is taken, which is when the job settles."""
        decision = self._jury.decision_of(self._bisection, key)
        if decision is Decision.PENDING:
            return seated
        owed = self._owed(key, decision) if seated is not None else frozenset()
        awaits = decision is Decision.ACCUSER is self._votes.get((key, False)) and not record.ended
        if seated is None or not (owed or awaits):
            self._forget(key)
            return None
        if not owed:  # what the next thing owed is shared at is counted from when it can be had
            self._decided.pop(key, None)
            return replace(seated, owed=owed)
        return replace(seated, owed=owed, owed_since=self._decided.setdefault(key, head.timestamp))

    def _owed(self, key: bytes, decision: Decision) -> frozenset[Duty]:
        """What passes now. The bond comes before its sharing, which passes once it has come."""
        match, audit = self._questions[key].match, self.contracts.audit
        assert audit is not None
        token = self._tokens[key]
        wanted = dict[Duty, Call]()
        if self._votes.get((key, False)) is decision:
            wanted[Duty.RELEASE_BOND] = audit.release_bond(match.id, match.number, match.claim)
            wanted[Duty.SHARE] = self._jury.share(self._bisection, key, audit.address, token)
            wanted[Duty.SHARE_SLASH] = self._jury.share(self._bisection, key, ZERO_ADDRESS, token)
        if self._votes.get((key, True)) is decision:
            wanted[Duty.PAY_APPEAL] = self._jury.pay_appeal(self._bisection, key)
        return frozenset(duty for duty, call in wanted.items() if self._passes(call))

    def _passes(self, call: Call) -> bool:
        try:
            self.contracts.simulate(call, self.me)
        except Reverted:
            return False
        return True

    def _forget(self, key: bytes) -> None:
        """It is decided: nothing of ours is left in it."""
        for table in (self._questions, self._tokens, self._decided):
            table.pop(key, None)
        self._private.forget(key)
        self._votes = {known: vote for known, vote in self._votes.items() if known[0] != key}
        self._numbers = {known: number for known, number in self._numbers.items() if known[0] != key}

    def _question(self, case: CaseOpened) -> Question | None:
        """None where the dispute is none of this network's audits: whoever likes opens matches."""
        audit, events = self.contracts.audit, self._story(case)
        assert audit is not None
        opened = next((event for event in events if isinstance(event, MatchOpened)), None)
        asked = next((event for event in events if isinstance(event, MatchReferred)), None)
        if opened is None or asked is None or checksum(opened.verifier) != audit.address:
            return None
        match = opened.disputed
        claim = (match.number, match.claim)
        segment = audit.claim(match.id, *claim).index
        asks = (asked.low, asked.agreed, asked.defended, case.log.block)
        return Question(case.id, claim, match, segment, *asks) if segment else None

    def _story(self, case: CaseOpened) -> list[Event]:
        """The match's events, backwards from the case to its opening: nodes refuse long ranges."""
        events, last = list[Event](), case.log.block
        for _ in range(MOST_WINDOWS):
            first = max(self.contracts.deployment.start_block, last - LOOK_BACK)
            topics = [None, "0x" + case.id.hex()]
            events = self._logs(self._bisection, "Bisection", topics, first, hex(last)) + events
            if any(isinstance(event, MatchOpened) for event in events) or last <= first:
                break
            last = first - 1
        return events

    def _audit(self, record: JobRecord, head: BlockRef) -> AuditPicture:
        """As much of it as a replay needs."""
        assert self.contracts.audit is not None
        audit = self.contracts.audit.audit(record.terms.requester, record.terms.nonce)
        return AuditPicture(record.id, record.terms, record.held, 0, 0, audit, seed=self.seed(record, head))

    def _seated(self, case: CasePicture) -> CasePicture:
        """With our seat, if we have one."""
        key, appeal = case.question.key, case.appeal
        wanted = [self._numbers[key, appeal]] if (key, appeal) in self._numbers else range(1, case.round.taken + 1)
        for number in wanted:
            juror = self._jury.juror_of(self._bisection, key, number, appeal=appeal)
            if juror.worker == self.me:
                self._numbers[key, appeal], self._votes[key, appeal] = number, juror.vote
                shown = juror.vote is not Decision.PENDING
                return replace(case, number=number, sealed=juror.commitment, shown=shown)
        return case

    def _entrusted(self, case: CasePicture, record: JobRecord) -> CasePicture:
        """With what its jurors were given, while a vote of ours is to come."""
        if not case.audit.plan.private or case.sealed != ZERO32:
            return case
        private = self._private.read(case.question, record) or PrivateCase(b"", ())
        return replace(case, private=replace(private, handed=self._private.handed(case.question)))

    def _hopeful(self, case: CasePicture, record: JobRecord) -> CasePicture | None:
        if case.audit.seed == ZERO32 or self.unfit(record):
            return None
        key = case.question.key
        if case.audit.plan.private:
            private = self._private.read(case.question, record)
            if private is None or not private.recipients:
                return None
            case = replace(case, private=private)
        if not self._jury.drawn(self._bisection, key, self.me, case.take_by):
            return case
        try:
            self.contracts.simulate(self._jury.take(self._bisection, key), self.me)
        except Reverted as refusal:
            return replace(case, hopeful=refusal.name == "NotDrawn")
        return replace(case, hopeful=True, may_take=True)

    def _logs(self, address: str, name: str, topics: list[str | None], first: int, last: str = "latest") -> list[Event]:
        query = {"address": address, "topics": topics, "fromBlock": hex(first), "toBlock": last}
        logs = self.contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(logs, list):
            raise ChainError("the node sent no list of logs; use another node")
        events: Iterator[Event | None] = (decode(log, {address: name}) for log in logs)
        return sorted((event for event in events if event is not None), key=lambda event: event.log.position)
