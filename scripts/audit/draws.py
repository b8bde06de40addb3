"""Whether a wholly faked run can escape the draw, and how much is computed twice: the shipped parameters, and the
protocol's own draw functions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.draws import draw_seed, first_draw, further_draw, re_audit_draw
from tensorgrid.domain.encoding import sha256
from tensorgrid.domain.jobs import BPS_WHOLE, JobId
from tensorgrid.parameters.audit import audit_terms

DRAWS = 2000
SHARES = (5, 10, 25, 50, 75)
"""Percent of the segments, the last ones, that is faked; beside 100."""
LEAST_SEATS = 2
"""What one auditor says is a suspicion; what a second one says too costs the stake."""


def drawn(draws: int, terms: AuditTerms | None = None) -> dict[str, Any]:
    """Over so many jobs. Auditors are honest here. Clocks play no part."""
    terms = audit_terms() if terms is None else terms
    numbers = range(1, terms.segments + 1)
    last = {share: numbers[-max(1, terms.segments * share // 100) :] for share in SHARES}
    caught = {share: sum(slashed(terms, faked, job) for job in range(draws)) / draws for share, faked in last.items()}
    return {
        "detect_full_fake": sum(slashed(terms, numbers, job) for job in range(draws)) / draws,
        "detect_full_fake_draws": draws,
        "audit_compute": round(sum(replayed(terms, job) for job in range(draws)) / draws / terms.segments, 6),
        "caught_by_percent_faked": caught,
        "parameters": asdict(terms) | {"further": terms.further},
    }


def slashed(terms: AuditTerms, faked: Collection[int], job: int) -> bool:
    """Whether a worker who made up `faked` loses his stake: two seats meet it at once, or one and the further seat."""
    seed, again = _seed(job, b"first"), _seed(job, b"further")
    seats = first_draw(seed, terms.segments, terms.auditors, terms.drawn)
    hits = sum(1 for seat in seats if set(seat) & set(faked))
    if hits == LEAST_SEATS - 1:
        known = {index for seat in seats for index in seat}
        hits += bool(set(further_draw(again, terms.segments, known, terms.further)) & set(faked))
    return hits >= LEAST_SEATS


def replayed(terms: AuditTerms, job: int) -> float:
    """Segments of a clean job that are computed again: the first round, and the re-audit by its probability."""
    seats = first_draw(_seed(job, b"first"), terms.segments, terms.auditors, terms.drawn)
    known = [index for seat in seats for index in seat]
    again = re_audit_draw(_seed(job, b"again"), terms.segments, known)
    return len(known) + len(again) * terms.reaudit_bps / BPS_WHOLE


def _seed(job: int, what: bytes) -> bytes:
    """Ids and rounds are hashes of a number: the same draws every time."""
    number = job.to_bytes(4, "big")
    return draw_seed(JobId(sha256(b"job" + number)), sha256(what + number))
