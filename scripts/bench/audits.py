"""A job of which two auditors replay two segments each, out of a hundred: every transaction of every party.

What is traced is not looked at here: states are hashes of nothing, and the auditors find what the worker has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tensorgrid.domain.encoding import keccak256, sha256
from tensorgrid.domain.jobs import ZERO32, JobTerms, commitment, seal_digest

from .chain import Receipt
from .jobs import PRICE, Job, drawn_terms
from .network import DISPUTE, FINGERPRINT, Network, signed

SEGMENTS, DRAWN, AUDITORS, AUDIT_BPS, STEPS = 100, 2, 2, 15_000, 10
_RESPOND, _TAKE, _AUDIT, _MOVE = 50, 100, 50, 100
_RESERVE_BPS = 5 * AUDITORS * DRAWN * AUDIT_BPS // SEGMENTS
_SETTLE = 16 * _RESPOND + 5 * _TAKE + (9 + 1 + 3 * 2 + 2 * 15) * _AUDIT + DISPUTE  # as AuditSums adds them up
_Record = tuple[bytes, bytes, bytes, list[bytes]]


def audit_terms(network: Network, nonce: int) -> JobTerms:
    """One drawn worker, and a reserve for his auditors. No clean audit is audited again: that would be by chance."""
    packed = at = 0
    sizes = (32, 32, 32, 32, 16, 8, 8, 16, 16, 16)
    values = (_RESPOND, _TAKE, _AUDIT, _MOVE, SEGMENTS, DRAWN, AUDITORS, AUDIT_BPS, 0, STEPS)
    for size, value in zip(sizes, values, strict=True):
        packed |= value << at
        at += size
    return replace(
        drawn_terms(network, nonce, workers=1),
        reserve=-(-PRICE * _RESERVE_BPS // 10_000),
        verifier=network.address("AuditVerifier"),
        verifier_params=packed.to_bytes(32, "big"),
        settle_time=_SETTLE,
    )


def audited(network: Network, nonce: int) -> Iterator[tuple[str, Receipt]]:
    """Everybody for himself, and all is well."""
    job, posted = Job.post(network, audit_terms(network, nonce))
    yield "JobBoard.post (audit)", posted
    job.draw()
    yield "JobBoard.take (only)", job.take(0)
    yield "AuditVerifier.commitAndBegin", _begin(job)
    _draw_auditors(job)
    yield "JobBoard.take (auditor, unfolds)", job.take(1)
    yield "JobBoard.take (last auditor)", job.take(2)
    roots = [[sha256(b"state %d %d" % (seat, i)) for i in range(DRAWN)] for seat in range(AUDITORS)]
    yield "AuditVerifier.serve", _serve(job, roots)
    record: _Record = (_seed(job), ZERO32, FINGERPRINT, _checks(roots))
    for index, name in ((1, "first"), (2, "last")):
        yield f"AuditVerifier.confirm ({name})", _confirm(job, index, record, roots)
    network.chain.mine(3)
    yield "JobBoard.settle (audited)", job.settle()


def _begin(job: Job) -> Receipt:
    network, worker = job.network, job.network.workers[0]
    salt, result, receipt, trace = (sha256(b"audit %d" % i) for i in range(4))
    root = keccak256(b"\x03" + job.id + result + trace + SEGMENTS.to_bytes(2, "big"))
    sealed = commitment(job.id, worker.address, salt, keccak256(root), receipt)
    digest = seal_digest(job.id, sealed, network.chain.chain_id, network.address("JobBoard"))
    opening = (salt, result, receipt, trace, SEGMENTS)
    made = network.transact(
        worker,
        "AuditVerifier",
        "commitAndBegin",
        *(job.terms.as_tuple(), job.seats(), signed(worker, digest).as_tuple(), opening),
    )
    job.follow(made)
    return made


def _draw_auditors(job: Job) -> None:
    _, _, opens_at, take_by, _ = job.network.ask("AuditVerifier", "seats", job.terms.as_tuple(), job.id)
    job.network.chain.mine(3)
    job.network.chain.at(take_by - (take_by - opens_at) // 8)


def _serve(job: Job, roots: list[list[bytes]]) -> Receipt:
    empty: _Record = (ZERO32, ZERO32, FINGERPRINT, [])
    return job.network.transact(
        job.network.workers[0],
        "AuditVerifier",
        "serve",
        *(job.terms.as_tuple(), job.seats(1), empty, sha256(b"manifest"), _checks(roots)),
    )


def _confirm(job: Job, index: int, record: _Record, roots: list[list[bytes]]) -> Receipt:
    number = job.number_of(index)
    return job.network.transact(
        job.network.workers[index],
        "AuditVerifier",
        "confirm",
        *(job.terms.as_tuple(), job.seats(number)[:number], record, number, roots[number - 2]),
    )


def _seed(job: Job) -> bytes:
    round_ = job.network.ask("AuditVerifier", "auditOf", job.terms.requester, job.terms.nonce)[4]
    return keccak256(job.id + job.network.ask("BlockBeacon", "valueOf", round_))


def _checks(roots: list[list[bytes]]) -> list[bytes]:
    return [keccak256(b"".join(found)) for found in roots]
