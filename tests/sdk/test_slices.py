"""What a slice's worker hands over is a stranger's bytes, and counts as far as it was audited and no further."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.sdk.test_batches import slice_of

from tensorgrid.domain.arrays import pack_result
from tensorgrid.domain.errors import PartlyDone, ResultRejected
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.specs import Checkpoint
from tensorgrid.runs.batch import Batch, ItemFailure
from tensorgrid.runs.slices import Slice

FIRST, ITEMS, EVERY = 4, 8, 2


class Ended:
    """A run of an audited slice whose worker was paid for `done` segments; its file says what he liked."""

    def __init__(self, outputs: list[bytes], done: int, *, spoilt: bool = False) -> None:
        self.spec = SimpleNamespace(checkpoint=Checkpoint(EVERY, 1 << 20))
        self._done, self._spoilt = done, spoilt
        batch, _ = slice_of(FIRST, ITEMS)
        tensors = {name: ("U8", (len(data),), data) for name, data in zip(batch.names, outputs, strict=True)}
        self._payload = pack_payload(tensors)

    def result(self, **_: Any) -> Any:
        raise PartlyDone("he ended early", done=self._done, segments=ITEMS // EVERY)

    def partial(self, **_: Any) -> Any:
        if self._spoilt:
            raise ResultRejected("no payload")
        return SimpleNamespace(result=SimpleNamespace(payload=self._payload))


def ended(outputs: list[bytes], done: int, **how: Any) -> Any:
    batch, _ = slice_of(FIRST, ITEMS)
    return Slice(Ended(outputs, done, **how), batch).outcome()  # type: ignore[arg-type]


def test_attack_outputs_behind_the_last_paid_segment__are_not_taken_and_bought_again() -> None:
    found = ended([b"x"] * ITEMS, done=2)
    assert sorted(found.outputs) == [4, 5, 6, 7]
    assert found.again == 8


def test_attack_a_hole_in_what_was_paid__is_lost_and_what_lies_behind_it_stays() -> None:
    found = ended([b"x", b"", b"x", b"x", b"", b"", b"", b""], done=2)
    assert sorted(found.outputs) == [4, 6, 7]
    assert found.again == 8, "nothing that was paid is bought a second time"


def test_partial_result__that_cannot_be_read__costs_what_was_paid_and_no_more() -> None:
    found = ended([b"x"] * ITEMS, done=1, spoilt=True)
    assert (dict(found.outputs), found.again) == ({}, 6)
    assert isinstance(found.why, ResultRejected)


@pytest.mark.parametrize(
    "data",
    [
        pack_payload({}, 5),
        pack_payload({}, ["failed", "ValueError", "more"]),
        pack_payload({"x": ("U8", (1,), b"1")}, {"x": 1}),
        b"no payload",
    ],
    ids=["a number", "another list", "one name twice", "no payload"],
)
def test_attack_malformed_output__is_a_failure_of_its_item_alone(data: bytes) -> None:
    read = Batch._read(SimpleNamespace(), 3, data)  # type: ignore[arg-type]
    assert isinstance(read, ItemFailure)
    assert (read.index, read.kind) == (3, "ResultRejected")


def test_output__well_formed__is_what_the_function_returned() -> None:
    assert Batch._read(SimpleNamespace(), 3, pack_result({"y": 2})) == {"y": 2}  # type: ignore[arg-type]
