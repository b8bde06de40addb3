"""What a worker serves to a sitting's auditors, where one of them means harm."""

from types import SimpleNamespace

import pytest

from tensorgrid_worker.auditing.serving import Serving

ADDRESS = "0x" + "A" * 40


@pytest.mark.parametrize("key", [bytes(32), bytes([1]) + bytes(31)], ids=["zero", "of small order"])
def test_attack_auditor_without_a_usable_key__the_sitting_is_served_without_him(key: bytes) -> None:
    registry = SimpleNamespace(profile_of=lambda _: SimpleNamespace(recipient=key))
    serving = Serving(SimpleNamespace(registry=registry), None, None)
    picture = SimpleNamespace(id=bytes(32), held=[None, SimpleNamespace(worker=ADDRESS)])
    seat = serving._seat(picture, 2, [3, 7], None)
    assert (seat.worker, seat.segments, seat.result) == (ADDRESS.lower(), (), None)


@pytest.mark.parametrize("kept", [True, False], ids=["states kept", "states to be made again"])
def test_serving__machine_full__waits_only_where_something_has_to_be_run(kept: bool) -> None:
    tools = SimpleNamespace(reading=lambda _: "reading", task=lambda *_, **__: "waiting for room")
    asked: list[set[int]] = []

    def keeps(_: object, segments: set[int]) -> bool:
        asked.append(segments)
        return kept

    picture = SimpleNamespace(auditors=[2, 3], segments={2: [1, 4], 3: [7]}.__getitem__)
    task = Serving(None, tools, SimpleNamespace(keeps=keeps))._task(picture, None)
    assert (task == "waiting for room") is not kept
    assert asked == [{3, 6}]
