from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.domain.errors import SpecInvalid, UnknownToken
from tensorgrid.domain.money import Amount, Token

USDC = Token("0x" + "11" * 20, "USDC", 6)
DAI = Token("0x" + "22" * 20, "DAI", 18)
YEN = Token("0x" + "33" * 20, "YEN", 0)
TOKENS = [USDC, DAI, YEN]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("5 USDC", 5_000_000),
        ("  5USDC ", 5_000_000),
        ("12.5 USDC", 12_500_000),
        ("0.000001 USDC", 1),
        ("1.5000000000 USDC", 1_500_000),
        ("0 USDC", 0),
        ("3 YEN", 3),
        ("0.000000000000000001 DAI", 1),
        ("7 0x" + "11" * 20, 7_000_000),
    ],
)
def test_parse(text: str, units: int) -> None:
    assert Amount.parse(text, TOKENS).units == units


@pytest.mark.parametrize(
    "text",
    [
        "",
        "USDC",
        "5",
        "-5 USDC",
        "5.5.5 USDC",
        "1e3 USDC",
        "5,0 USDC",
        ".5 USDC",
        "5. USDC",
        "٥ USDC",
        "5 USDC USDC",
        "NaN USDC",
        "0.0000001 USDC",
        "1.5 YEN",
        "9" * 40 + " USDC",
        "9" * 41 + " USDC",
        "5 \x1b[31mUSDC",
    ],
)
def test_not_an_amount(text: str) -> None:
    with pytest.raises(SpecInvalid):
        Amount.parse(text, TOKENS)


def test_unknown_and_ambiguous_tokens() -> None:
    with pytest.raises(UnknownToken, match="it has USDC, DAI, YEN"):
        Amount.parse("5 EUR", TOKENS)
    with pytest.raises(UnknownToken, match="it has none"):
        Amount.parse("5 EUR", [])
    twin = Token("0x" + "44" * 20, "USDC", 18)
    with pytest.raises(UnknownToken, match="write the address"):
        Amount.parse("5 USDC", [*TOKENS, twin])
    assert Amount.parse(f"5 {twin.address}", [*TOKENS, twin]).token == twin


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Amount(12_500_000, USDC), "12.50 USDC"),
        (Amount(1, USDC), "0.000001 USDC"),
        (Amount(-2_500_000, USDC), "-2.50 USDC"),
        (Amount(0, USDC), "0.00 USDC"),
        (Amount(7, YEN), "7 YEN"),
        (Amount(10**18 + 1, DAI), "1.000000000000000001 DAI"),
    ],
)
def test_prints(amount: Amount, text: str) -> None:
    assert str(amount) == text


@given(st.integers(0, 2**128 - 1), st.sampled_from(TOKENS))
def test_what_is_printed_is_parsed(units: int, token: Token) -> None:
    assert Amount.parse(str(Amount(units, token)), TOKENS) == Amount(units, token)


def test_arithmetic_stays_in_one_token() -> None:
    five, two = Amount(5, USDC), Amount(2, USDC)
    assert (five + two, five - two, two - five, 3 * two, two * 3, -two) == tuple(
        Amount(units, USDC) for units in (7, 3, -3, 6, 6, -2)
    )
    assert two < five <= Amount(5, USDC)
    assert max(two, five) == five
    assert not Amount(0, USDC)
    for wrong in (lambda: five + Amount(1, DAI), lambda: five < Amount(9, DAI), lambda: five - Amount(1, YEN)):
        with pytest.raises(ValueError, match="convert first"):
            wrong()
    with pytest.raises(TypeError):
        five * 0.5
