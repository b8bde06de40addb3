"""Leaves and roots against a second, plain reading of the definition."""

from __future__ import annotations

import pytest
from blake3 import blake3
from Crypto.Hash import keccak
from hypothesis import given
from hypothesis import strategies as st

from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId
from tensorgrid.domain.results import Leaf, merkle_root, result_root

JOB = JobId(bytes(range(32)))
LEAVES = st.lists(
    st.tuples(
        st.text(max_size=8), st.sampled_from(["F32", "json"]), st.lists(st.integers(0, 9), max_size=3), st.binary()
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda leaf: leaf[0],
)


def hashed(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def leaf_bytes(name: str, dtype: str, shape: list[int], data: bytes) -> bytes:
    text = name.encode()
    out = b"\0" + len(text).to_bytes(4, "big") + text + bytes([len(dtype)]) + dtype.encode() + bytes([len(shape)])
    return hashed(out + b"".join(n.to_bytes(8, "big") for n in shape) + blake3(data).digest())


def plain_root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    pairs = [hashes[i : i + 2] for i in range(0, len(hashes), 2)]
    return plain_root([hashed(b"\1" + b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs])


@given(LEAVES)
def test_root_is_what_the_definition_says(raw) -> None:
    ordered = sorted(raw, key=lambda leaf: leaf[0].encode())
    expected = plain_root([leaf_bytes(*leaf) for leaf in ordered])
    leaves = [Leaf.of(*leaf) for leaf in raw]
    assert merkle_root(leaves) == merkle_root(reversed(leaves)) == expected


@given(LEAVES, st.data())
def test_any_change_changes_the_root(raw, data: st.DataObject) -> None:
    before = merkle_root(Leaf.of(*leaf) for leaf in raw)
    place = data.draw(st.integers(0, len(raw) - 1))
    name, dtype, shape, content = raw[place]
    changed = data.draw(
        st.sampled_from(
            [
                (name + "x", dtype, shape, content),
                (name, "I32", shape, content),
                (name, dtype, [*shape, 1], content),
                (name, dtype, shape, content + b"\x00"),
            ]
        )
    )
    raw = [*raw[:place], changed, *raw[place + 1 :]]
    if len({leaf[0] for leaf in raw}) == len(raw):
        assert merkle_root(Leaf.of(*leaf) for leaf in raw) != before


def test_a_root_needs_distinct_leaves() -> None:
    leaf = Leaf.of("a", "F32", (), b"")
    for wrong in ([], [leaf, leaf]):
        with pytest.raises(ValueError, match="distinct names"):
            merkle_root(wrong)


def test_result_roots_are_bound_to_job_and_exit() -> None:
    merkle = b"\7" * 32
    root = result_root(JOB, ExitClass.OK, merkle)
    assert root == hashed(b"\2" + JOB + b"\0" + merkle)
    assert root != result_root(JobId(bytes(32)), ExitClass.OK, merkle)
    failed = {result_root(JOB, exit_class) for exit_class in ExitClass if exit_class is not ExitClass.OK}
    assert len(failed | {root}) == len(ExitClass)
    assert result_root(JOB, ExitClass.RAISED) == hashed(b"\2" + JOB + b"\1" + ZERO32)


@pytest.mark.parametrize(("exit_class", "merkle"), [(ExitClass.OK, ZERO32), (ExitClass.RAISED, b"\1" * 32)])
def test_a_merkle_root_belongs_to_ok_alone(exit_class: ExitClass, merkle: bytes) -> None:
    with pytest.raises(ValueError, match="OK alone"):
        result_root(JOB, exit_class, merkle)
