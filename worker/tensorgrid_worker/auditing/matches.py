"""Disputes as the chain shows them: the clocks, and what the events have told and only a hash is stored of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tensorgrid.chain.bisection import Clocks, Stage, match_key
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.dispute_history import position_of
from tensorgrid.chain.events import decode
from tensorgrid.chain.jury import JuryRules, Phase
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import ChainError, Reverted
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.auditing.judging import hand_by
from tensorgrid_worker.auditing.picture import Case, ClaimKey, Dispute
from tensorgrid_worker.memory.records import JobRecord


@dataclass
class MatchReader:
    """Asked by the loop that plans. Raises Unreachable, ChainError."""

    contracts: Contracts
    me: str
    _known: dict[tuple[JobId, ClaimKey], Dispute] = field(default_factory=dict)
    _rules: JuryRules | None = None

    def dispute(self, record: JobRecord, claim: ClaimKey, segment: int) -> Dispute | None:
        """Read again when its clocks have changed: every move changes them."""
        bisection, audit = self.contracts.bisection, self.contracts.audit
        if bisection is None or audit is None:
            return None
        key = match_key(audit.address, record.id, *claim)
        clocks, known = bisection.clocks(key), self._known.get((record.id, claim))
        if known is None or known.clocks != clocks:
            known = self._read(bisection.address, record, key, clocks, segment)
            if known is not None and known.stage is not Stage.NONE:
                self._known[record.id, claim] = known
        if known is None or known.stage is not Stage.JUDGING:
            return known
        case = self._case(bisection.address, key, record.terms.pay_token)
        private = AuditTerms.unpack(record.terms.verifier_params).private
        if private and case is not None and known.match.defender == self.me:
            case = self._with_jurors(case, bisection.address, key)
        return replace(known, case=case)

    def forget(self, job: JobId) -> None:
        for key in [key for key in self._known if key[0] == job]:
            del self._known[key]

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._known.clear()

    def _case(self, bisection: str, key: bytes, token: str) -> Case | None:
        jury = self.contracts.jury
        assert jury is not None, "a network with disputes has a jury"
        try:
            first, phase = jury.round_of(bisection, key)
        except Reverted:  # clocks and jury of different moments
            return None
        if phase is not Phase.OVER:
            return Case(first.draw, unfilled=phase is Phase.FILLING and not first.taken)
        try:
            self.contracts.simulate(jury.appeal(bisection, key, token), self.me)
        except Reverted as refusal:
            if refusal.name == "AlreadyAppealed":
                second, phase = jury.round_of(bisection, key, appeal=True)
                return Case(second.draw, unfilled=phase is Phase.FILLING and not second.taken)
            if refusal.name != "FreeTooSmall":  # won, hung or too late: nothing to appeal
                return Case(first.draw)
        rules = self._rules = self._rules or jury.rules()
        free = self.contracts.escrow.balance(jury.address, token, self.me).free
        return Case(first.draw, False, first.over_at(rules) + rules.appeal_time, jury.appeal_fee(token), free)

    def _with_jurors(self, case: Case, bisection: str, key: bytes) -> Case:
        """Those of the last round, while they can vote and none is missing."""
        jury = self.contracts.jury
        assert jury is not None, "a network with disputes has a jury"
        try:
            (found, phase), appealed = jury.round_of(bisection, key, appeal=True), True
        except Reverted:  # nobody has appealed
            (found, phase), appealed = jury.round_of(bisection, key), False
        if phase is not Phase.VOTING:
            return case
        rules = self._rules = self._rules or jury.rules()
        seats = [jury.juror_of(bisection, key, number, appeal=appealed) for number in range(1, found.size + 1)]
        jurors = tuple(seat.worker for seat in seats)
        return replace(case, jurors=jurors, appealed=appealed, hand_by=hand_by(found, rules))

    def _read(self, address: str, record: JobRecord, key: bytes, clocks: Clocks, segment: int) -> Dispute | None:
        query = {
            "address": address,
            "topics": [None, "0x" + key.hex()],
            "fromBlock": hex(record.posted_block),
            "toBlock": "latest",
        }
        logs = self.contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(logs, list):
            raise ChainError("the node sent no list of logs; use another node")
        events = [event for log in logs if (event := decode(log, {address: "Bisection"})) is not None]
        position = position_of(sorted(events, key=lambda event: event.log.position), key)
        return None if position is None else Dispute(segment, position.match, position.span, clocks)
