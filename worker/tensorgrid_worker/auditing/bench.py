"""The worker as a juror: cases about one step of an audited job, judged by doing the segment once more."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from threading import Event

import structlog

from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.jury import Decision, vote_commitment
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import ZERO_ADDRESS, JobId
from tensorgrid.privacy import Identity
from tensorgrid_worker.auditing.cases import CaseReader
from tensorgrid_worker.auditing.entrusted import Entrusted
from tensorgrid_worker.auditing.errands import Errands, Work
from tensorgrid_worker.auditing.judging import LOCAL, CasePicture, Duty, duties, sealed_vote
from tensorgrid_worker.auditing.segments import walk
from tensorgrid_worker.auditing.tools import Tools
from tensorgrid_worker.auditing.tosend import ToSend
from tensorgrid_worker.logs import JobLog
from tensorgrid_worker.memory.records import JobRecord
from tensorgrid_worker.memory.rows import Status

log = structlog.get_logger()

STAKE_SECONDS = 10.0
"""Between two looks at whether the owner has allocated stake to the jury: that alone makes a worker a juror."""


class Bench:
    """Asked by the loop that plans. `errands`: shared with the audits: a job has one folder. `salt`: of a vote, by case
    and whether it is the appeal's. `identity`: opens the keys of private cases."""

    def __init__(
        self,
        contracts: Contracts,
        me: str,
        *,
        cases: CaseReader,
        tools: Tools,
        errands: Errands,
        salt: Callable[[bytes, bool], bytes],
        joblog: Callable[[JobId], JobLog],
        identity: Identity | None = None,
    ) -> None:
        self._contracts, self._me, self._cases = contracts, me, cases
        self._tools, self._errands, self._salt, self._joblog = tools, errands, salt, joblog
        self._entrusted = Entrusted(tools.store, me, identity)
        self._staked, self._look_at = False, 0.0
        self.sits = False
        """Whether a vote of ours is still to come."""
        self.holds: frozenset[JobId] = frozenset()
        """Jobs in whose cases stake of ours is locked: to be remembered until it is free, also when they have ended."""

    def step(
        self,
        records: Mapping[JobId, JobRecord],
        outbox: Mapping[tuple[JobId, str], Status],
        head: BlockRef,
        *,
        draining: bool,
    ) -> list[ToSend]:
        """Begins what is to be done here, and returns what is to be sent. What a node does not tell is asked again: our
        own jobs do not wait for others' cases."""
        try:
            pictures = self._cases.read(records, head) if self._is_juror() else []
        except ChainError as error:
            log.warning("jury.unread", reason=str(error))
            return []
        self.sits = any(case.sits for case in pictures)
        self.holds = frozenset(case.audit.id for case in pictures if case.number)
        return [
            sent
            for case in pictures
            if case.number or not draining
            for sent in self._case(case, outbox, head.timestamp)
        ]

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._cases.forget_all()

    def _is_juror(self) -> bool:
        contracts = self._contracts
        if contracts.jury is None or contracts.bisection is None or contracts.audit is None:
            return False
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + STAKE_SECONDS
            provider = contracts.registry.provider_of(self._me)
            allocation = contracts.vault.allocation_of(provider, self._me, contracts.jury.address)
            self._staked = allocation.active + allocation.locked > 0
        return self._staked

    def _case(self, case: CasePicture, outbox: Mapping[tuple[JobId, str], Status], now: int) -> list[ToSend]:
        job, sending = case.audit.id, list[ToSend]()
        ours = {kind: status for (of, kind), status in outbox.items() if of == job}
        answer = self._errands.result(job, _what(case, Duty.JUDGE))
        fits = self._errands.result(job, _what(case, Duty.FETCH))
        for duty, due in duties(case, answer, ours, now, fits):
            said = {"segment": case.question.segment, "step": case.question.low + 1, "due": due}
            if duty in LOCAL:
                if self._errands.start(job, _what(case, duty), self._work(case, duty, now), seconds=due - now):
                    self._joblog(job).say(f"jury.{duty.removeprefix('jury_')}", **said)
                continue
            call = self._call(case, duty, answer)
            if call is not None:
                self._joblog(job).say(f"jury.{duty.removeprefix('jury_')}", **said)
                sending.append(ToSend(job, case.kind(duty), call, due))
        return sending

    def _work(self, case: CasePicture, duty: Duty, now: int) -> Work:
        if duty is Duty.FETCH:
            return lambda _: self._fits(case)
        if case.private is None:
            return lambda stop: self._judge(case, stop)
        return lambda stop: self._judge_private(case, stop, patient=now <= case.hand_by)

    def _fits(self, case: CasePicture) -> bool:
        """Whether the replay of a private job is sure to end in time to vote: its worker had its wall time, no more.
        Raises JobRefused, NotNow, StorageError."""
        spec, plan = self._tools.inputs.prepare(case.audit.id, case.audit.terms).spec, case.audit.plan
        longest = spec.resources.wall_seconds * case.question.segment / plan.segments
        return self._entrusted.can_open and longest <= case.vote_by - case.hand_by

    def _judge_private(self, case: CasePicture, stop: Event, *, patient: bool) -> Decision:
        job, inputs = case.audit.id, self._tools.inputs
        parts = inputs.prepare(job, case.audit.terms).spec.private
        assert parts is not None, "the terms are of a private job, and were compared with the spec"
        keys = self._entrusted.keys(case, parts.check, patient=patient)
        if keys is None or not self._entrusted.was_served(case, keys, patient=patient):
            said = "jury.not_handed" if keys is None else "jury.accuser_not_served"
            self._joblog(job).say(said, worker=case.question.match.defender, segment=case.question.segment)
            return Decision.ACCUSED
        inputs.keep_keys(job, keys)
        return self._judge(case, stop)

    def _judge(self, case: CasePicture, stop: Event) -> Decision:
        """From the beginning of the job, which is alike for everybody: no party's word is needed."""
        # Who sits has a bond to lose: paid jobs are not waited for.
        with self._tools.task(case.audit, stop, urgent=bool(case.number)) as task:
            found = walk(self._tools.executor, case.audit, task, case.question.segment, None, stop=stop)
        return case.question.answer(found)

    def _call(self, case: CasePicture, duty: Duty, answer: Decision | None) -> Call | None:
        jury, bisection, key = self._contracts.jury, self._contracts.bisection, case.question.key
        assert jury is not None and bisection is not None
        verifier, salt = bisection.address, self._salt(key, case.appeal)
        match duty:
            case Duty.TAKE:
                return jury.take(verifier, key)
            case Duty.VOTE:
                assert answer is not None
                sealed = vote_commitment(verifier, key, case.appeal, self._me, answer, salt)
                return jury.vote(verifier, key, case.number, sealed)
            case Duty.SHOW:
                vote = sealed_vote(case, verifier, self._me, salt)
                return None if vote is None else jury.show(verifier, key, case.number, vote, salt)
            case Duty.RELEASE_BOND:
                audit, match = self._contracts.audit, case.question.match
                assert audit is not None
                return audit.release_bond(match.id, match.number, match.claim)
            case Duty.SHARE:
                assert self._contracts.audit is not None
                return jury.share(verifier, key, self._contracts.audit.address, case.audit.terms.pay_token)
            case Duty.SHARE_SLASH:
                return jury.share(verifier, key, ZERO_ADDRESS, case.audit.terms.pay_token)
            case Duty.PAY_APPEAL:
                return jury.pay_appeal(verifier, key)
        return jury.release(verifier, key, appeal=case.appeal)


def _what(case: CasePicture, duty: Duty) -> Hashable:
    """One answer serves the appeal too."""
    return duty, case.question
