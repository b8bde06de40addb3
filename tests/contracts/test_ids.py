"""Ids, seeds, commitments, roots, encodings: the same bytes in Python and on chain, shown by asking the contracts."""

from __future__ import annotations

from dataclasses import fields

from eth_account.messages import SignableMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contracts.signing import Order
from tests.contracts.world import World

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.jobs import ExitClass, JobTerms, ReplicationClocks, fee_on
from tensorgrid.domain.results import result_root

WIDTH = {
    "nonce": 256, "price": 128, "reserve": 128, "fee_bps": 16, "bounty": 128, "no_show_bond": 128, "reopens": 8,
    "workers": 8, "stake": 128, "take_by": 40, "work_time": 32, "settle_time": 32,
}  # fmt: skip
ADDRESS = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
WORD = st.binary(min_size=32, max_size=32)


def terms_of_any_kind() -> st.SearchStrategy[JobTerms]:
    parts = {}
    for field in fields(JobTerms):
        if field.name in WIDTH:
            parts[field.name] = st.integers(0, 2 ** WIDTH[field.name] - 1)
        else:
            parts[field.name] = ADDRESS if "str" in str(field.type) else WORD
    return st.builds(JobTerms, **parts)


QUIET = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(terms=terms_of_any_kind())
def test_id_of_any_terms__is_the_same_in_python(world: World, terms: JobTerms) -> None:
    here = terms.id(world.deployment.chain_id, str(world.board.address))
    assert world.board.idOf(terms.as_tuple()) == here
    assert here == digest_of(world.domain.terms(terms))  # as any wallet hashes them


@QUIET
@given(
    terms=terms_of_any_kind(),
    relayer=ADDRESS,
    fee=st.integers(0, 2**128 - 1),
    post_by=st.integers(0, 2**40 - 1),
    workers=st.lists(ADDRESS, max_size=3),
)
def test_order_of_any_terms__has_the_digest_that_a_wallet_signs(
    world: World, terms: JobTerms, relayer: str, fee: int, post_by: int, workers: list[str]
) -> None:
    order = Order(relayer, fee, post_by, tuple(workers))
    assert world.board.orderDigest(terms.as_tuple(), order.as_tuple()) == digest_of(world.domain.order(terms, order))


@QUIET
@given(job=WORD, commitment=WORD, until=st.integers(0, 2**40 - 1))
def test_take_and_seal_of_any_job__have_the_digests_that_a_wallet_signs(
    world: World, job: bytes, commitment: bytes, until: int
) -> None:
    assert world.board.takeDigest(job, until) == digest_of(world.domain.take(job, until))
    assert world.board.sealDigest(job, commitment) == digest_of(world.domain.seal(job, commitment))


@QUIET
@given(bounds=st.tuples(*[st.integers(0, 2**width - 1) for width in (128, 32, 128, 40, 64)]), hardware=WORD)
def test_offer_of_any_bounds__has_the_digest_that_a_wallet_signs(
    world: World, bounds: tuple[int, ...], hardware: bytes
) -> None:
    terms = world.accept_terms(hardware_class=hardware)
    message = world.offer_domain.offer((hardware, terms.pay_token, *bounds))
    offer = (*bounds, (bytes(32), bytes(32)))
    assert world.offers.offerDigest(terms.as_tuple(), offer) == digest_of(message)


def digest_of(message: SignableMessage) -> bytes:
    return keccak256(b"\x19\x01" + message.header + message.body)


@QUIET
@given(price=st.integers(1, 2**100), reserve=st.integers(0, 2**100), fee_bps=st.integers(0, 10_000))
def test_escrow_of_any_terms__is_the_same_in_python(world: World, price: int, reserve: int, fee_bps: int) -> None:
    terms = world.terms(price=price, reserve=reserve, fee_bps=fee_bps)
    assert world.board.escrowFor(terms.as_tuple()) == terms.escrow


@QUIET
@given(clocks=st.tuples(*[st.integers(0, 2**32 - 1)] * 3))
def test_replication_clocks__are_packed_as_the_verifier_reads_them(world: World, clocks: tuple[int, int, int]) -> None:
    read = world.replication.clocksOf(ReplicationClocks(*clocks).pack())
    assert (read.revealTime, read.grace, read.extraTakeTime) == clocks


def test_commitment_and_root_hash__open_on_chain(world: World) -> None:
    job = world.committed(["a", "a", "b"])
    job.reveal(0, 1, 2)  # made by tensorgrid.domain, checked by the contract
    assert job.tally.revealed == 3


def test_limit_roots__of_python_are_recognised_on_chain(world: World) -> None:
    job = world.committed(["memory_limit", "output_too_large", "wall_limit"])
    assert job.root("memory_limit") == result_root(job.id, ExitClass.MEMORY_LIMIT)
    job.reveal(0, 1, 2)
    assert job.tally.limits == 0b101


def test_fee__rounds_up() -> None:
    assert [fee_on(100, amount) for amount in (0, 1, 99, 100, 101)] == [0, 1, 1, 1, 2]
