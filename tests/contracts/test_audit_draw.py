"""Draws, shares, needs and hashes of the audit tier against the reference in plain Python."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.contracts.audit import PLAN, SETTLE, Audited, audit_terms, begun, served
from tests.contracts.audit_reference import ZERO32, draw_first, draw_fresh
from tests.contracts.test_audit_rows import audited_again, one_hit
from tests.contracts.world import World, refused

from tensorgrid.domain.encoding import keccak256

SEEDS = [keccak256(b"seed%d" % i) for i in range(5)]


def share(audited: Audited, number: int, seed: bytes, fresh: bytes = ZERO32) -> list[int]:
    record = (seed, fresh, ZERO32, [])
    return list(audited.world.audit.segmentsOf(audited.terms, record, number, sender=audited.world.stranger))


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5, 6, 7, 8, 41, 100])
def test_draw__first_sitting__as_the_reference_and_none_beside_another(world: World, done: int) -> None:
    audited = begun(world, done=done)
    count = PLAN.first(done)
    chairs = min(PLAN.auditors, count)
    for seed in SEEDS:
        drawn = draw_first(seed, done, count)
        assert all(b - a > 1 for a, b in pairwise(drawn))
        assert drawn[0] >= 1
        assert drawn[-1] <= done
        for number in range(2, 2 + chairs):
            assert share(audited, number, seed) == drawn[number - 2 :: chairs]


def test_draw__replacement__what_was_left_undone(world: World) -> None:
    audited = served(world)
    audited.confirm(3)
    audited.wait(PLAN.audit + 1)
    audited.advance()
    audited.take(3)
    for seed in SEEDS:
        assert share(audited, 4, seed) == draw_first(seed, 100, 4)[0::2]


def test_draw__further__none_of_the_first(world: World) -> None:
    audited = one_hit(world)
    for seed, fresh in zip(SEEDS, reversed(SEEDS), strict=True):
        drawn = draw_first(seed, 100, 4)
        assert share(audited, 4, seed, fresh) == draw_fresh(fresh, 100, drawn, 30)


def test_draw__reaudit__all_of_the_first_and_as_many_more(world: World) -> None:
    audited = audited_again(world)
    for seed, fresh in zip(SEEDS, reversed(SEEDS), strict=True):
        drawn = draw_first(seed, 100, 4)
        assert share(audited, 4, seed, fresh) == sorted(drawn + draw_fresh(fresh, 100, drawn, 4))


@pytest.mark.parametrize(
    "changes", [{}, {"segments": 250}, {"drawn": 3}, {"auditors": 1}, {"audit_bps": 10_001}], ids=str
)
def test_needs__reserve_and_settle_time__fit_to_the_unit(world: World, changes: dict[str, Any]) -> None:
    plan = replace(PLAN, **changes)
    last = -(-max(30, 2 * plan.auditors * plan.drawn) // plan.drawn)
    settle = SETTLE + plan.audit * (1 + 3 * plan.auditors + 2 * last - 37)
    world.post(audit_terms(world, plan, settle_time=settle))
    with refused("TimeOutOfRange", have=settle - 1, min=settle):
        world.post(audit_terms(world, plan, settle_time=settle - 1))


def test_needs__token_that_no_jury_hears__refused(world: World) -> None:
    world.jury.setFee(world.coin, 0, sender=world.deployer)
    with refused("TokenNotHeard"):
        world.post(audit_terms(world))
