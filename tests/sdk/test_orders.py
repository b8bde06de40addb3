"""Orders and offers as text: what was signed comes back unchanged, and a stranger's text is refused by name."""

import json
from dataclasses import replace

import pytest
from eth_account import Account
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.chain.signing import sign, signer_of
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.encoding import checksum_address
from tensorgrid.domain.errors import OfferUnusable, OrderUnusable
from tensorgrid.domain.jobs import JobTerms, hardware_class, seal_digest
from tensorgrid.domain.offers import MAX_OFFER_BYTES, Offer, StandingOffer
from tensorgrid.domain.orders import MAX_ORDER_BYTES, Order, SignedOrder
from tensorgrid.domain.takes import take_digest

KEY = Account.from_key(b"\7" * 32)
BOARD, COIN, SCHEDULER = (checksum_address("0x" + two * 20) for two in ("b0", "c0", "d0"))
TERMS = JobTerms(
    requester=KEY.address, nonce=2**256 - 1, spec_digest=b"\4" * 32, price=2**128 - 1, reserve=0, bounty=7,
    take_by=2**40 - 1, pay_token=COIN, fee_bps=100, no_show_bond=5, reopens=0, workers=1, stake=10**20,
    hardware_class=hardware_class("cpu"), scheduler=SCHEDULER, verifier=BOARD, verifier_params=bytes(31) + b"\x3c",
    work_time=600, settle_time=1200,
)  # fmt: skip


def an_offer() -> StandingOffer:
    unsigned = Offer(10**6, 600, 10**20, 1_800_000_000, 2**64 - 1, Signature(bytes(32), bytes(32)))
    handed = StandingOffer(KEY.address, 31337, SCHEDULER, hardware_class("cpu"), COIN, unsigned)
    return replace(handed, offer=replace(unsigned, signature=sign(KEY, handed.message())))


def an_order() -> SignedOrder:
    order = Order(relayer=BOARD, relay_fee=2**128 - 1, post_by=1_800_000_000, workers=(KEY.address, BOARD))
    signature = sign(KEY, order.message(TERMS, 31337, BOARD)).to_bytes()
    return SignedOrder(31337, BOARD, TERMS, order, signature, (an_offer(),))


def test_order_and_offer__as_json_and_back__are_the_same() -> None:
    assert SignedOrder.from_json(an_order().to_json()) == an_order()
    assert StandingOffer.from_json(an_offer().to_json().encode()) == an_offer()
    assert "\n" not in an_order().to_json() + an_offer().to_json()
    order = SignedOrder.from_json(an_order().to_json())
    assert signer_of(order.message(), Signature.of_bytes(order.signature)) == KEY.address
    assert signer_of(order.offers[0].message(), order.offers[0].offer.signature) == KEY.address


def test_order__any_field_changed__is_signed_by_somebody_else() -> None:
    text = an_order().to_json()
    honest = json.loads(text)
    for part, name, value in [
        ("terms", "price", "1"), ("terms", "nonce", "5"), ("terms", "verifier", COIN), ("order", "relay_fee", "1"),
        ("order", "workers", []), ("order", "post_by", 1_900_000_000), ("order", "relayer", COIN),
    ]:  # fmt: skip
        forged = SignedOrder.from_json(json.dumps(honest | {part: honest[part] | {name: value}}))
        assert signer_of(forged.message(), Signature.of_bytes(forged.signature)) != KEY.address, name
    for name, value in (("chain_id", 1), ("board", COIN)):
        forged = SignedOrder.from_json(json.dumps(honest | {name: value}))
        assert signer_of(forged.message(), Signature.of_bytes(forged.signature)) != KEY.address, name


def spoilt(text: str, path: tuple, value) -> str:
    raw = json.loads(text)
    at = raw
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(raw)


ORDER_SPOILS = [
    (("version",), 2), (("version",), True), (("version",), None), (("extra",), 1), (("chain_id",), "1"),
    (("chain_id",), 0), (("board",), "0x12"), (("board",), BOARD.swapcase()), (("terms",), []),
    (("terms", "price"), 5), (("terms", "price"), "-1"), (("terms", "price"), "1e3"), (("terms", "price"), "007"),
    (("terms", "price"), str(2**128)), (("terms", "nonce"), str(2**256)), (("terms", "workers"), "256"),
    (("terms", "take_by"), str(2**40)), (("terms", "spec_digest"), "0x12"), (("terms", "spec_digest"), "04" * 32),
    (("terms", "requester"), KEY.address.lower()[:-1] + "Z"), (("terms", "stake"), None), (("terms", "tip"), "1"),
    (("order", "workers"), [BOARD] * 65), (("order", "workers"), BOARD), (("order", "workers"), [7]),
    (("order", "relay_fee"), 1), (("order", "post_by"), -1), (("order", "post_by"), 1.5), (("order", "post_by"), "9"),
    (("order", "post_by"), True), (("order", "post_by"), 10**400), (("signature",), "0x1"), (("signature",), 7),
    (("signature",), "0x" + "00" * 8193), (("offers",), {}), (("offers",), [1]), (("terms", "price"), "٣"),
    (("terms", "price"), "9" * 4000),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value"), ORDER_SPOILS, ids=lambda value: str(value)[:60])
def test_order__spoilt_text__is_refused_naming_what_is_wrong(path, value) -> None:
    with pytest.raises(OrderUnusable, match="no order") as caught:
        SignedOrder.from_json(spoilt(an_order().to_json(), path, value))
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


def test_order__too_many_offers__are_refused() -> None:
    raw = json.loads(an_order().to_json())
    with pytest.raises(OrderUnusable, match="offers"):
        SignedOrder.from_json(json.dumps(raw | {"offers": raw["offers"] * 17}))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"version":1}', "\ud800", b"\xff\xfe", b"\0"])
def test_order_and_offer__no_such_text__is_refused(text, usual_recursion) -> None:
    with pytest.raises(OrderUnusable):
        SignedOrder.from_json(text)
    with pytest.raises(OfferUnusable):
        StandingOffer.from_json(text)


def test_order_and_offer__too_long__is_refused_unread() -> None:
    with pytest.raises(OrderUnusable, match=f"at most {MAX_ORDER_BYTES}"):
        SignedOrder.from_json(" " * (MAX_ORDER_BYTES + 1))
    with pytest.raises(OfferUnusable, match=f"at most {MAX_OFFER_BYTES}"):
        StandingOffer.from_json(" " * (MAX_OFFER_BYTES + 1))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("worker",), "me"), (("min_price",), 5), (("min_price",), str(2**128)), (("max_wall",), 2**32),
        (("max_wall",), "600"), (("expiry",), 2**40), (("epoch",), str(2**64)), (("epoch",), 0),
        (("signature",), "0x00"), (("signature", "r"), "0x00"), (("signature", "s"), "0x00"), (("pay_token",), None),
        (("hardware_class",), "cpu"), (("chain_id",), -1), (("scheduler",), ""), (("version",), 0),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_offer__spoilt_text__is_refused(path, value) -> None:
    with pytest.raises(OfferUnusable, match="no offer"):
        StandingOffer.from_json(spoilt(an_offer().to_json(), path, value))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(ANY_JSON)
def test_from_json__any_json__is_parsed_or_refused(value) -> None:
    raw = json.loads(an_order().to_json())
    for text in (json.dumps(value), *(json.dumps(raw | {name: value}) for name in raw)):
        try:
            SignedOrder.from_json(text)
        except OrderUnusable:
            continue


@given(st.binary(min_size=20, max_size=20))
def test_checksum_address__equals_the_reference(raw) -> None:
    assert checksum_address("0x" + raw.hex()) == to_checksum_address(raw)


@given(st.binary(min_size=64, max_size=64))
def test_signer_of__anything__is_an_address_or_nobody(raw) -> None:
    found = signer_of(an_offer().message(), Signature(raw[:32], raw[32:]))
    assert found is None or (len(found) == 42 and found != KEY.address)


def test_signature__forms__are_the_same_signature() -> None:
    for digest in range(8):
        message = Order(post_by=digest).message(TERMS, 1, BOARD)
        long = sign(KEY, message).to_bytes()
        short = Signature.of_bytes(long)
        assert (short.to_bytes(), len(short.r), len(short.vs)) == (long, 32, 32)
        assert Signature.from_vrs(long[64] - 27, long[:32], long[32:64]) == short
        assert signer_of(message, short) == KEY.address


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(66), bytes(64) + b"\x02", b"\xff" * 64 + b"\x1b"], ids=len)
def test_signature__of_bytes_that_are_none__is_refused(signature) -> None:
    with pytest.raises(ValueError, match="signature"):
        Signature.of_bytes(signature)


def test_digests__of_takes_and_seals__differ_by_all_that_they_bind() -> None:
    job, other = b"\1" * 32, b"\2" * 32
    takes = {
        take_digest(j, until, chain, board)
        for j in (job, other)
        for until in (5, 6)
        for chain in (1, 2)
        for board in (BOARD, COIN)
    }
    seals = {seal_digest(j, c, 1, BOARD) for j in (job, other) for c in (job, other)}
    assert (len(takes), len(seals), len(takes & seals)) == (16, 4, 0)
