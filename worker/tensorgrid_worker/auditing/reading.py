"""An audit as it stands on chain: its slot, its claims, and what its events have shown and nothing has stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from tensorgrid.chain.audit_history import AuditBegun, Served, record_of
from tensorgrid.chain.audits import AuditVerifier
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import decode
from tensorgrid.chain.history import Event
from tensorgrid.domain.audits import FIRST_AUDITOR, Answer, Audit, AuditOpening, AuditRecord, Claim, ClaimState
from tensorgrid.domain.draws import draw_seed
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import ZERO32, Job, JobId, JobTerms, Seat
from tensorgrid_worker.auditing.matches import MatchReader
from tensorgrid_worker.auditing.picture import WORKER, AuditPicture, ClaimKey, Dispute
from tensorgrid_worker.memory.records import JobRecord


@dataclass(frozen=True, slots=True)
class _Told:
    """What the events told when the audit stood at `at`."""

    at: Audit
    opening: AuditOpening | None
    record: AuditRecord
    manifest: bytes
    audit_by: int


@dataclass
class AuditReader:
    """Asked by the loop that plans. Raises Unreachable, ChainError.

    `fingerprint`: of what this machine computes on, as it was taken last; None where it never was, as on a devnet.
    `needs_bond`: no job is taken that we could not contest a false accusation in.
    """

    contracts: Contracts
    me: str
    fingerprint: Callable[[], bytes | None] = lambda: None
    needs_bond: bool = False
    _told: dict[JobId, _Told] = field(default_factory=dict)
    _draws: dict[tuple[JobId, int], bytes] = field(default_factory=dict)
    _matches: MatchReader = field(init=False)

    def __post_init__(self) -> None:
        self._matches = MatchReader(self.contracts, self.me)

    @property
    def verifier(self) -> AuditVerifier:
        assert self.contracts.audit is not None, "asked only of jobs that name it"
        return self.contracts.audit

    def is_audited(self, terms: JobTerms) -> bool:
        return self.contracts.audit is not None and terms.verifier == self.contracts.audit.address

    def forget(self, job: JobId) -> None:
        self._told.pop(job, None)
        self._matches.forget(job)
        for key in [key for key in self._draws if key[0] == job]:
            del self._draws[key]

    def forget_all(self) -> None:
        """After a reorganisation."""
        self._told.clear()
        self._draws.clear()
        self._matches.forget_all()

    def picture(self, record: JobRecord, job: Job, held: tuple[Seat, ...], number: int, seed: bytes) -> AuditPicture:
        """Of a job that is Committed. `number`: our seat's, 0 without one; `seed`: the job's."""
        audit = self.verifier.audit(record.terms.requester, record.terms.nonce)
        told = self._events(record, audit)
        picture = AuditPicture(
            id=record.id,
            terms=record.terms,
            held=held,
            number=number,
            committed_at=job.clock,
            audit=audit,
            opening=told.opening,
            record=told.record,
            manifest=told.manifest if audit.served else ZERO32,
            audit_by=told.audit_by,
            seed=seed,
            # Once served, the record has it; the round may then be another one, that decides on a re-audit.
            draw=self._draw(record.id, audit.round) if audit.sitting and not audit.served else ZERO32,
        )
        picture = self._accused(picture) if number == WORKER else self._accuser(picture)
        return replace(picture, disputes=self._disputes(picture, record))

    def unfit(self, record: JobRecord, *, auditor: bool, open_jobs: int = 0) -> str:
        """Why a seat of an audited job is not for us; empty: it is. A worker who computes unlike the others is slashed,
        and an auditor who does is not heard. `open_jobs`: audited ones that are ours already, each with its bond."""
        ours, taken = self.contracts.registry.profile_of(self.me).fingerprint, self.fingerprint()
        if ours == ZERO32:
            return "no fingerprint of this worker is registered; run: tensorgrid-worker register"
        if taken is not None and taken != ours:
            return "this machine computes on other things than are registered; run: tensorgrid-worker register"
        if not auditor:
            return self._unbonded(record.terms, open_jobs)
        audit = self.verifier.audit(record.terms.requester, record.terms.nonce)
        theirs = self._events(record, audit).record.fingerprint
        return "" if ours == theirs else "its worker computes on other things, so our replays would say nothing of it"

    def _unbonded(self, terms: JobTerms, open_jobs: int) -> str:
        if not self.needs_bond:
            return ""
        free = self.contracts.escrow.balance(self.verifier.address, terms.pay_token, self.me).free
        wanted = self.verifier.bond_for(terms) * (1 + open_jobs)
        if free >= wanted:
            return ""
        return (
            f"of the bond for disputes {free} units of {terms.pay_token} are free and {wanted} needed, so a false "
            "accusation could not be contested; run: tensorgrid-worker bond --deposit AMOUNT"
        )

    def _accused(self, picture: AuditPicture) -> AuditPicture:
        claims = dict(self._claims(picture.id, picture.audit))
        if not any(claim.state in (ClaimState.OPEN, ClaimState.DIFFERS) for claim in claims.values()):
            return replace(picture, claims=claims)
        token = picture.terms.pay_token
        balance = self.contracts.escrow.balance(self.verifier.address, token, self.me)
        return replace(picture, claims=claims, free=balance.free, bond=self.verifier.bond_for(picture.terms))

    def _accuser(self, picture: AuditPicture) -> AuditPicture:
        if picture.audit.served and picture.to_answer:
            return replace(picture, computes=self.contracts.registry.profile_of(self.me).fingerprint)
        spoken = (Answer.ACCUSED, Answer.VOID)
        mine = picture.number >= FIRST_AUDITOR and picture.audit.answer_of(picture.number) in spoken
        return replace(picture, claims=dict(self._claims_of(picture.id, picture.number))) if mine else picture

    def _disputes(self, picture: AuditPicture, record: JobRecord) -> dict[ClaimKey, Dispute]:
        contested = [(key, claim) for key, claim in picture.claims.items() if claim.state is ClaimState.CONTESTED]
        found = ((key, self._matches.dispute(record, key, claim.index)) for key, claim in contested)
        return {key: dispute for key, dispute in found if dispute is not None}

    def _claims(self, job: JobId, audit: Audit) -> Iterable[tuple[ClaimKey, Claim]]:
        for number, answer in enumerate(audit.answers, FIRST_AUDITOR):
            # One whose every claim has fallen counts as confirmed, and needs nothing more.
            if answer is Answer.ACCUSED:
                yield from self._claims_of(job, number)

    def _claims_of(self, job: JobId, number: int) -> Iterable[tuple[ClaimKey, Claim]]:
        for which in (0, 1):
            claim = self.verifier.claim(job, number, which)
            if claim.state is not ClaimState.NONE:
                yield (number, which), claim

    def _events(self, record: JobRecord, audit: Audit) -> _Told:
        """Read again when the slot has changed: everything that they tell changes it."""
        known = self._told.get(record.id)
        if known is not None and known.at == audit:
            return known
        events = self._logs(record) if audit.sitting else []
        opening = next((event.opening for event in events if isinstance(event, AuditBegun)), None)
        served = [event for event in events if isinstance(event, Served)]
        manifest, audit_by = (served[-1].manifest_digest, served[-1].audit_by) if served else (ZERO32, 0)
        told = _Told(audit, opening, record_of(events), manifest, audit_by)
        self._told[record.id] = told
        return told

    def _logs(self, record: JobRecord) -> list[Event]:
        address = self.verifier.address
        query = {
            "address": address,
            "topics": [None, "0x" + record.id.hex()],
            "fromBlock": hex(record.posted_block),
            "toBlock": "latest",
        }
        found = self.contracts.connection.rpc("eth_getLogs", query)
        if not isinstance(found, list):
            raise ChainError("the node sent no list of logs; use another node")
        events = (decode(raw, {address: "AuditVerifier"}) for raw in found)
        return [event for event in events if event is not None]

    def _draw(self, job: JobId, number: int) -> bytes:
        """Zero while the round is not due, or its value was lost."""
        key = (job, number)
        if key not in self._draws:
            value = self.contracts.beacon.value_of(number)
            if value == ZERO32:
                return ZERO32
            self._draws[key] = draw_seed(job, value)
        return self._draws[key]
