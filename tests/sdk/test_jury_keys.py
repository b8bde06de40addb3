"""The document by which a worker gives his jurors the keys of a private job."""

from __future__ import annotations

import pytest

from tensorgrid.domain.encoding import canonical_json, sha256
from tensorgrid.domain.errors import OpeningRejected, SpecInvalid
from tensorgrid.domain.jurykeys import MOST_JURORS, JuryKeys

CASE, JUROR = b"\x31" * 32, "0x" + "a" * 40
GOOD = JuryKeys(CASE, {JUROR: b"sealed"})


def test_document__read_back__is_the_same_and_named_by_its_bytes() -> None:
    assert JuryKeys.from_bytes(GOOD.to_bytes()) == GOOD
    assert GOOD.digest == sha256(GOOD.to_bytes())


def test_fullest_document__can_be_read() -> None:
    full = JuryKeys(CASE, {f"0x{number:040x}": bytes(1024) for number in range(MOST_JURORS)})
    assert JuryKeys.from_bytes(full.to_bytes()) == full


@pytest.mark.parametrize(
    "wrapped",
    [{"0xA": b"x"}, {JUROR: b""}, {JUROR: bytes(1025)}, {f"0x{n:040x}": b"x" for n in range(22)}],
    ids=["no address", "empty", "too long", "too many"],
)
def test_built_wrongly__says_so(wrapped: dict[str, bytes]) -> None:
    with pytest.raises(SpecInvalid):
        JuryKeys(CASE, wrapped)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        bytes(1 << 17),
        canonical_json({"version": 2, "case": "0x" + CASE.hex(), "wrapped": {}}),
        canonical_json({"version": 1, "case": "0x31", "wrapped": {}}),
        canonical_json({"version": 1, "case": "0x" + CASE.hex(), "wrapped": {JUROR: "0xzz"}}),
        canonical_json({"version": 1, "case": "0x" + CASE.hex(), "wrapped": [JUROR]}),
    ],
    ids=["nothing", "list", "huge", "version", "case", "hex", "no object"],
)
def test_attack_strangers_bytes__count_as_not_handed(data: bytes) -> None:
    with pytest.raises(OpeningRejected, match="not handed"):
        JuryKeys.from_bytes(data)
