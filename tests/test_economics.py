"""The committed figures are those of the shipped parameters, and they say what the protocol promises."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripts.economy.figures import DRAWS, figures, threshold
from scripts.economy.odds import detected, exactly, hits_of, layouts, none_of, real_draws
from scripts.economy.page import outputs, section
from scripts.economy.shipped import Shipped
from scripts.economy.strategies import alone, bribing, colluding, faking, honest_audit, trusting_audit

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    return Shipped.load()


@pytest.fixture(scope="module")
def found(shipped: Shipped) -> dict[str, Any]:
    return figures(shipped)


def test_committed_files__recomputed__the_same(found: dict[str, Any]) -> None:
    stale = [file.name for file, text in outputs(found, DOCS).items() if file.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make economics`"
    assert json.loads((DOCS / "economics.json").read_text()) == found


def test_shipped__at_least_what_the_design_asks_for(shipped: Shipped) -> None:
    assert shipped.segments >= 100 and shipped.stake >= 2 and shipped.burned >= 0.5
    assert shipped.fee(shipped.further) <= 0.5  # a second round costs the worker at most half his price


def test_full_fake__at_least_a_thousand_real_draws__found_in_all_but_one_of_a_hundred(shipped: Shipped) -> None:
    everything = frozenset(range(1, shipped.segments + 1))
    assert DRAWS >= 1000 and detected(shipped, everything, DRAWS) >= 0.99


def test_audit__costs_at_most_a_twentieth_of_the_work(shipped: Shipped) -> None:
    again = shipped.reaudit * 2 * shipped.first
    assert (shipped.first + again) / shipped.segments <= 0.05


def test_faking__any_share_with_honest_auditors__loses(shipped: Shipped) -> None:
    assert all(faking(shipped, count) < 0 for count in range(1, shipped.segments + 1))


def test_attack_bribe__only_a_lone_fake_pays_and_no_more_than_its_segment(shipped: Shipped) -> None:
    pays = {count for count in range(1, shipped.segments + 1) if bribing(shipped, count) > 0}
    assert pays == {1} and bribing(shipped, 1) <= shipped.segment + 1e-9


def test_attack_bribe__all_of_a_slash_burned__buying_is_cheap_and_pays(shipped: Shipped) -> None:
    assert bribing(replace(shipped, burned=1.0), shipped.segments) > 0 > bribing(shipped, shipped.segments)


def test_attack_collusion__owner_of_everything_gets_everything_and_of_nothing_what_a_stranger_gets(
    shipped: Shipped,
) -> None:
    count = shipped.segments
    assert colluding(shipped, count, 1.0) == pytest.approx(shipped.compute)
    assert colluding(shipped, count, 0.0) == pytest.approx(faking(shipped, count))


def test_attack_collusion__pays_from_the_share_that_the_page_names(shipped: Shipped, found: dict[str, Any]) -> None:
    share = found["pays_from"]["everything"]
    assert colluding(shipped, shipped.segments, share - 0.01) < 0 < colluding(shipped, shipped.segments, share + 0.01)
    assert f"b = {share:.2f}" in section(found)


def test_attack_lazy_auditor__silent_or_believing__worse_than_replaying_where_many_cheat(shipped: Shipped) -> None:
    assert honest_audit(shipped) > 0
    assert trusting_audit(shipped, 0.0) > 0 > trusting_audit(shipped, 0.1)


def test_one_seat_alone__however_often__is_a_suspicion_that_a_second_seat_must_share(shipped: Shipped) -> None:
    assert alone(shipped, 2, (2, 0)) > -shipped.stake / 2 > alone(shipped, 2, (1, 1)) == -shipped.stake
    assert alone(shipped, 50, (2, 0)) < alone(shipped, 3, (2, 0)) < alone(shipped, 2, (2, 0))


def test_more_stake__every_cheat_is_worth_less(shipped: Shipped) -> None:
    richer = replace(shipped, stake=shipped.stake * 2)
    for value in (faking, bribing, lambda given, count: colluding(given, count, 0.5)):
        assert value(richer, 50) < value(shipped, 50)


def test_hits__all_sets_without_neighbours_counted_one_by_one__the_same() -> None:
    segments, auditors, drawn, faked = 11, 2, 2, frozenset({2, 3, 7, 11})
    sets = [
        s for s in itertools.combinations(range(1, segments + 1), 4) if all(b - a > 1 for a, b in itertools.pairwise(s))
    ]
    counted: dict[tuple[int, ...], float] = {}
    for chosen in sets:
        hits = tuple(len(faked.intersection(chosen[seat::auditors])) for seat in range(auditors))
        counted[hits] = counted.get(hits, 0) + 1 / len(sets)
    assert hits_of(segments, auditors, drawn, faked) == pytest.approx(counted)


def test_real_draws__meet_fakes_as_often_as_the_exact_count_says(shipped: Shipped) -> None:
    faked = next(layouts(shipped.segments, 30))
    odds = hits_of(shipped.segments, shipped.auditors, shipped.drawn, faked)
    missed = sum(chance for hits, chance in odds.items() if not sum(hits))
    draws = real_draws(shipped.segments, shipped.auditors, shipped.drawn, DRAWS)
    assert sum(not any(faked & seat for seat in drawn) for drawn in draws) / DRAWS == pytest.approx(missed, abs=0.04)


def test_odds__of_a_draw_without_order__sum_to_one() -> None:
    assert sum(exactly(20, 7, 5, hits) for hits in range(6)) == pytest.approx(1)
    assert exactly(20, 7, 5, 0) == pytest.approx(none_of(20, 7, 5))


def test_threshold__of_a_line__where_it_crosses_zero() -> None:
    assert threshold(lambda share: share - 0.25) == pytest.approx(0.25, abs=1e-6)
    assert threshold(lambda _: 1.0) == 0.0 and threshold(lambda _: -1.0) == 1.0
