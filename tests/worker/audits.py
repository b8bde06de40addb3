"""Audits for the worker's pure tests: one that has begun, whose seats and answers a test sets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.worker.jobs import JOB, ME, SECOND, SEED, THIRD, make_seat, make_terms

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.audits import Answer, Audit, AuditOpening, AuditRecord, Claim, ClaimState, check_of
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.picture import AuditPicture

PLAN = AuditTerms(
    respond_time=20,
    take_time=10,
    audit_time=40,
    move_time=60,
    segments=20,
    drawn=2,
    auditors=2,
    audit_bps=15_000,
    reaudit_bps=500,
    steps=2,
)
BEGUN_AT, SERVED_AT, AUDIT_BY = 1_000, 1_020, 1_060
DRAW, MANIFEST = b"\x11" * 32, b"\x12" * 32
ROOTS = (b"\x13" * 32, b"\x14" * 32)
CHECKS = (check_of(ROOTS), check_of(ROOTS[:1]))
FINGERPRINT = b"\x15" * 32
NOBODY = (Answer.NONE,) * 4


def make_audit(**changes: Any) -> Audit:
    audit = Audit(
        done=20,
        sitting=1,
        served=False,
        clock=BEGUN_AT,
        round=77,
        answers=NOBODY,
        replacement_seat=0,
        last_seat=0,
        clean=False,
        reaudit=False,
    )
    return replace(audit, **changes)


def make_claim(state: ClaimState = ClaimState.OPEN, **changes: Any) -> Claim:
    claim = Claim(
        index=5,
        position=1,
        state=state,
        liable=0,
        again=False,
        matched=True,
        at=1_030,
        answered_at=1_035,
        mine=b"\x16" * 32,
    )
    return replace(claim, **changes)


def make_picture(number: int = 1, auditors: int = 2, **changes: Any) -> AuditPicture:
    """Seat 1 is the worker's; we sit in seat `number`. Its sitting is open, not served."""
    others = [each for each in (SECOND, THIRD, "0x" + "6" * 40) if each != ME]
    workers = [*others[: number - 1], ME, *others[number - 1 :]][: 1 + auditors]
    picture = AuditPicture(
        id=JOB,
        terms=make_terms(workers=1, verifier_params=PLAN.pack()),
        held=tuple(make_seat(worker) for worker in workers),
        number=number,
        committed_at=BEGUN_AT,
        audit=make_audit(),
        opening=AuditOpening(ZERO32, b"\x17" * 32, b"\x18" * 32, b"\x19" * 32, 20),
        record=AuditRecord(fingerprint=FINGERPRINT),
        seed=SEED,
        draw=DRAW,
    )
    return replace(picture, **changes)


def served(number: int = 1, **changes: Any) -> AuditPicture:
    """Its auditors have until AUDIT_BY."""
    audit = make_audit(served=True, clock=SERVED_AT, answers=changes.pop("answers", NOBODY))
    record = AuditRecord(DRAW, ZERO32, FINGERPRINT, CHECKS)
    return make_picture(number, audit=audit, record=record, manifest=MANIFEST, audit_by=AUDIT_BY, **changes)
