"""Sealing that can be proven: what age makes at random is made of the secret, and age opens it as its own."""

from __future__ import annotations

import pytest

from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.jobkeys import JobKeys
from tensorgrid.privacy import Identity, open_sealed, sealed_size_limit
from tensorgrid.provable import seal_provably

HERS, HIS = Identity.from_seed(b"h" * 32), Identity.from_seed(b"i" * 32)
SECRET = JobKeys.of(b"\7" * 32).to_bytes()


def test_sealed_provably__opens_for_its_recipient_alone() -> None:
    sealed = seal_provably(SECRET, HERS.recipient)
    assert open_sealed(sealed, HERS, max_bytes=sealed_size_limit(len(SECRET))) == SECRET
    with pytest.raises(ResultRejected):
        open_sealed(sealed, HIS)


@pytest.mark.parametrize("size", [32, 33, 1000, 1 << 16])
def test_sealed_provably__any_size_in_its_bounds__opens(size: int) -> None:
    assert open_sealed(seal_provably(bytes(size), HERS.recipient), HERS) == bytes(size)


def test_sealed_twice__the_same_bytes__another_secret_or_recipient_shares_none() -> None:
    sealed = seal_provably(SECRET, HERS.recipient)
    assert sealed == seal_provably(SECRET, HERS.recipient)
    for other in (seal_provably(SECRET, HIS.recipient), seal_provably(SECRET[:-1] + b"x", HERS.recipient)):
        lines, theirs = sealed.split(b"\n", 4), other.split(b"\n", 4)
        assert all(mine != his for mine, his in zip(lines[1:], theirs[1:], strict=True))


def test_altered__does_not_open() -> None:
    sealed = seal_provably(SECRET, HERS.recipient)
    with pytest.raises(ResultRejected):
        open_sealed(sealed[:-1] + bytes([sealed[-1] ^ 1]), HERS)


@pytest.mark.parametrize("size", [0, 31, (1 << 16) + 1])
def test_too_little_to_be_unguessable_or_too_much__refused(size: int) -> None:
    with pytest.raises(SpecInvalid, match=r"privacy\.seal"):
        seal_provably(bytes(size), HERS.recipient)
