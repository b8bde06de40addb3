"""No scenario and no call costs noticeably more gas than was last accepted (`make bench-gas ARGS=--accept`).

Measured on a real anvil from receipts, as the bench does it: the same keys, addresses and amounts every time, so that
what differs is the contracts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from scripts.bench import baseline, page, peers
from scripts.bench.measure import SCENARIOS, Measured, measure
from scripts.bench.network import running


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    with running() as network:
        yield measure(network)


def test_gas__nothing_rises_by_more_than_is_tolerated(measured: Measured) -> None:
    assert baseline.complaints(baseline.of(measured), baseline.load()) == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_gas__what_the_baseline_undercuts_stays_undercut(measured: Measured, name: str) -> None:
    """Targets and peers, where a rise that is tolerated could be just too much."""
    known, now, accepted = peers.SCENARIOS[name], measured.scenarios[name].steady, baseline.load()[name].steady
    bounds = [known.target, *(peer.gas - 1 for peer in known.peers)]
    assert [bound for bound in bounds if accepted <= bound < now] == []


def test_gas__the_page_shows_the_baseline() -> None:
    shown = page.FILE.read_text()
    accepted = baseline.load()
    assert page.scenarios(accepted) in shown
    assert page.calls(accepted) in shown


def test_gas__a_rise_is_told_and_a_fall_is_not() -> None:
    accepted = baseline.load()
    for name, cost in accepted.items():
        for dearer in (replace(cost, cold=cost.cold * 103 // 100), replace(cost, steady=cost.steady * 103 // 100)):
            assert len(baseline.complaints(accepted | {name: dearer}, accepted)) == 1
        cheaper = replace(cost, cold=cost.cold // 2, steady=cost.steady // 2)
        assert baseline.complaints(accepted | {name: cheaper}, accepted) == []


def test_gas__what_only_one_side_knows_is_told() -> None:
    accepted = baseline.load()
    name = next(iter(accepted))
    fewer = {other: cost for other, cost in accepted.items() if other != name}
    assert baseline.complaints(fewer, accepted) == [f"{name} is in the baseline, and no longer measured"]
    assert baseline.complaints(accepted, fewer) == [f"{name} is measured, and not in the baseline"]
