"""The money of a posting: a budget is never exceeded, and nothing is lost to rounding but dust."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.chain.deployments import JobClocks
from tensorgrid.chain.records import Bounds
from tensorgrid.domain.errors import InsufficientFunds, SpecInvalid
from tensorgrid.domain.jobs import JobTerms
from tensorgrid.domain.money import Amount, Token
from tensorgrid.ordering.posting import clocks_for
from tensorgrid.ordering.terms import estimate_of, parse_duration, parse_size, prices_for

USDC = Token("0x" + "11" * 20, "USDC", 6)
BOUNDS = Bounds(5, 600, 5, 3600, 7200, 500, 3)
CLOCKS = JobClocks(12, 8, 8, 10)


def terms_with(prices):
    zero = "0x" + "00" * 20
    return JobTerms(
        zero, 1, bytes(32), prices.price, prices.reserve, prices.bounty, 0, zero, prices.fee_bps, 0, 0, prices.workers,
        1, bytes(32), zero, zero, bytes(32), 1, 1,
    )  # fmt: skip


@given(
    budget=st.integers(0, 10**30),
    fee_bps=st.integers(0, 10_000),
    workers=st.integers(1, 5),
    extra=st.integers(0, 5),
)
def test_prices__any_budget__escrow_never_exceeds_it_and_wastes_only_dust(budget, fee_bps, workers, extra):
    try:
        prices = prices_for(Amount(budget, USDC), fee_bps=fee_bps, workers=workers, extra_seats=extra)
    except InsufficientFunds:
        # refused only where one unit per seat, its fee and the bounty do not fit
        assert budget - budget // 100 < (workers + extra) * (10_000 + fee_bps) / 10_000 + 1
        return
    assert prices.price >= 1
    assert prices.escrow <= budget
    dearer = (prices.price + 1) * (workers + extra)
    fee = -(-dearer * fee_bps // 10_000)
    assert dearer + fee + prices.bounty > budget, "a higher price would have fitted"


@given(budget=st.integers(100, 10**24), fee_bps=st.integers(0, 500))
def test_prices__escrow_and_max_pay__are_those_of_the_terms(budget, fee_bps):
    prices = prices_for(Amount(budget, USDC), fee_bps=fee_bps, workers=3, extra_seats=2)
    terms = terms_with(prices)
    assert (prices.escrow, prices.max_pay) == (terms.escrow, terms.max_pay)


def test_prices__five_usdc_at_one_percent__are_what_a_person_expects():
    prices = prices_for(Amount(5_000_000, USDC), fee_bps=100, workers=3, extra_seats=2)
    assert (prices.price, prices.reserve, prices.bounty) == (980_198, 1_960_396, 50_000)
    assert 5_000_000 - 5 <= prices.escrow <= 5_000_000


def test_prices__budget_of_a_few_units__is_refused_with_a_way_out():
    with pytest.raises(InsufficientFunds, match="name a higher budget"):
        prices_for(Amount(4, USDC), fee_bps=0, workers=3, extra_seats=2)


def test_estimate__likely_cost_and_refund__add_up_to_the_ceiling():
    prices = prices_for(Amount(5_000_000, USDC), fee_bps=250, workers=3, extra_seats=2)
    estimate = estimate_of(prices, clocks_for(BOUNDS, CLOCKS, 60, None), USDC)
    assert estimate.likely + estimate.refund_if_agreed == estimate.ceiling
    assert estimate.ceiling.units == prices.escrow
    assert "USDC" in str(estimate)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), (" 2 m ", 120), (7, 7), ("0.5h", 1800)]
)
def test_parse_duration__good__seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "5 days", "0s", 0, -3, True, "1e9h", "٣m", "9" * 40 + "h"])
def test_parse_duration__anything_else__refused(text):
    with pytest.raises(SpecInvalid):
        parse_duration(text)


@pytest.mark.parametrize(("text", "size"), [("2GiB", 2 << 30), ("512MiB", 512 << 20), ("1.5KB", 1500), (42, 42)])
def test_parse_size__good__bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["2G", "GiB", "-1MiB", "0B", 0, None, 2.5])
def test_parse_size__anything_else__refused(text):
    with pytest.raises(SpecInvalid):
        parse_size(text)


def test_clocks__wall_limit_beyond_the_network__refused_with_the_longest():
    with pytest.raises(SpecInvalid, match="it allows 2856 s"):
        clocks_for(BOUNDS, CLOCKS, 3600, None)
    assert clocks_for(BOUNDS, CLOCKS, 2856, None).work <= BOUNDS.max_work_time


def test_clocks__work_time__always_exceeds_the_wall_limit():
    for wall in (1, 10, 100, 1000, 2856):
        assert clocks_for(BOUNDS, CLOCKS, wall, None).work > wall


def test_clocks__take_within__must_fit_the_network():
    assert clocks_for(BOUNDS, CLOCKS, 60, 30).take == 30
    for bad in (4, 601):
        with pytest.raises(SpecInvalid, match="take_within"):
            clocks_for(BOUNDS, CLOCKS, 60, bad)
