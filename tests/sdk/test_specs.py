"""Specs, receipts and progress: strict on every field, and nothing a stranger sends does more than raise one error."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, sha256
from tensorgrid.domain.errors import ResultRejected, SpecInvalid
from tensorgrid.domain.jobs import ExitClass, JobId
from tensorgrid.domain.receipts import (
    MAX_POINTS,
    MAX_PROGRESS_BYTES,
    Environment,
    ProgressBlob,
    Receipt,
    SealedRef,
    check_point,
)
from tensorgrid.domain.specs import MAX_SPEC_BYTES, BundleRef, Checkpoint, InputRef, JobSpec, Resources, Resume
from tensorgrid.privacy import Identity, seal
from tensorgrid.storage.cid import CHUNK_BYTES, Cid, cid_of_bytes

READERS = tuple(Identity.from_seed(bytes([n]) * 32).recipient for n in range(1, 19))
SMALL, LARGE = cid_of_bytes(b"source"), cid_of_bytes(bytes(300_000))
JOB, WORKER = JobId(b"\7" * 32), "0x" + "ab" * 20

SPEC = JobSpec(
    bundle=BundleRef(SMALL, "train", 6),
    resources=Resources(memory_bytes=1 << 30, wall_seconds=600, output_bytes=1 << 20),
    recipients=READERS[:2],
    arguments={"epochs": 3, "rates": [0.1, 1e20], "name": "дом"},
    inputs={"images": InputRef(LARGE, 300_000, "torch")},
)
RECEIPT = Receipt(
    JOB, WORKER, ExitClass.OK, SealedRef(LARGE, 300_000), SealedRef(SMALL, 6), Environment("3.11.7", None, "Linux")
)
AUDITED = replace(
    SPEC,
    tier="audit",
    checkpoint=Checkpoint(10, 1 << 20),
    resume=Resume(JOB, 41, 410, b"\3" * 32, LARGE, 300_000),
)
"""One that goes on from an earlier job."""
TRAINED = replace(RECEIPT, trace=SealedRef(SMALL, 6), state=SealedRef(LARGE, 300_000))
PROGRESS = ProgressBlob(JOB, WORKER, 3, ({"epoch": 1, "loss": 0.5, "note": "ok", "best": True, "next": None},), 17)


def loaded(thing: Any) -> Any:
    return parse_canonical_json(thing.to_bytes(), "it")


class TestSpec:
    def test_bytes_and_value_are_one(self) -> None:
        data = SPEC.to_bytes()
        assert JobSpec.from_bytes(data) == SPEC
        assert JobSpec.from_bytes(data).to_bytes() == data
        assert SPEC.digest == sha256(data) == Cid.parse(str(cid_of_bytes(data))).digest
        assert "seed" not in json.loads(data)

    def test_keys_of_version_1(self) -> None:
        value = loaded(SPEC)
        assert value["version"] == 1
        assert value["verification"] == {"tier": "replicate"}
        assert value["bundle"] == {"bytes": 6, "cid": str(SMALL), "entry": "train"}
        assert value["checkpoint"] is value["acceptance"] is value["expected"] is None

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"recipients": ()}, "nobody else"),
            ({"recipients": READERS}, "1 to 16"),
            ({"recipients": READERS[:1] * 2}, "twice"),
            ({"recipients": list(READERS[:1])}, "age1"),
            ({"recipients": ("age1nonsense",)}, "bech32"),
            ({"tier": "trust me"}, "not offered"),
            ({"tier": "audit"}, "checkpoint belongs"),
            ({"checkpoint": Checkpoint(5, 1 << 20)}, "checkpoint belongs"),
            ({"runtime": "../../bin/sh"}, "runtime"),
            ({"progress_seconds": 0}, "progress_seconds"),
            ({"arguments": {"not a name": 1}}, "not a Python name"),
            ({"arguments": {"class": 1}}, "not a Python name"),
            ({"arguments": {"images": 1}}, "name each once"),
            ({"arguments": {f"a{n}": 1 for n in range(257)}}, "at most 256"),
            ({"inputs": {"__import__('os')": InputRef(SMALL, 9, "numpy")}}, "not a Python name"),
        ],
        ids=range(15),
    )
    def test_nobody_should_sign(self, change: dict[str, Any], words: str) -> None:
        with pytest.raises(SpecInvalid, match=words):
            replace(SPEC, **change)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("memory_bytes", 1),
            ("memory_bytes", 1 << 60),
            ("wall_seconds", 0),
            ("wall_seconds", 10**9),
            ("gpus", -1),
            ("gpus", True),
            ("threads", 0),
            ("threads", 1.0),
            ("output_bytes", 0),
            ("output_bytes", 1 << 50),
        ],
    )
    def test_resources_have_bounds(self, field: str, value: Any) -> None:
        with pytest.raises(SpecInvalid, match=field):
            replace(SPEC.resources, **{field: value})

    @pytest.mark.parametrize(("every", "keep_bytes"), [(0, 1), (2**16, 1), (True, 1), (1, 0), (1, 1 << 41), (1.0, 1)])
    def test_checkpoint_has_bounds(self, every: Any, keep_bytes: Any) -> None:
        with pytest.raises(SpecInvalid, match="checkpoint"):
            Checkpoint(every, keep_bytes)

    def test_audit__with_its_checkpoint__is_one_with_its_bytes(self) -> None:
        spec = replace(SPEC, tier="audit", checkpoint=Checkpoint(every=100, keep_bytes=1 << 30))
        assert JobSpec.from_bytes(spec.to_bytes()) == spec
        assert loaded(spec)["checkpoint"] == {"every": 100, "keep_bytes": 1 << 30}

    def test_resume__is_read_back__and_where_there_is_none_no_byte_tells(self) -> None:
        assert JobSpec.from_bytes(AUDITED.to_bytes()) == AUDITED
        assert (AUDITED.origin, SPEC.origin) == (410, 0)
        assert b"resume" not in replace(AUDITED, resume=None).to_bytes()
        assert {"trace", "state"}.isdisjoint(loaded(RECEIPT))
        assert Receipt.from_bytes(TRAINED.to_bytes()) == TRAINED

    @pytest.mark.parametrize(
        "change",
        [{"tier": "replicate", "checkpoint": None}, {"checkpoint": Checkpoint(10, 299_999)}],
        ids=["another tier", "no room to keep it"],
    )
    def test_resume__where_no_state_is_kept__refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(SpecInvalid, match="resume belongs"):
            replace(AUDITED, **change)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (["resume"], None),
            (["resume", "job"], "0x00"),
            (["resume", "segment"], 0),
            (["resume", "step"], -1),
            (["resume", "root"], "0x"),
            (["resume", "state", "bytes"], 2**60),
            (["resume", "state", "cid"], "x"),
            (["resume", "state"], None),
            (["resume", "extra"], 1),
        ],
        ids=range(9),
    )
    def test_attack_malformed_resume(self, path: list[str], value: object) -> None:
        spec = loaded(AUDITED)
        _at(spec, path[:-1])[path[-1]] = value
        with pytest.raises(SpecInvalid):
            JobSpec.from_bytes(canonical_json(spec))

    def test_references_have_bounds(self) -> None:
        for wrong in (
            lambda: BundleRef(SMALL, "train", (1 << 20) + 1),
            lambda: BundleRef(SMALL, "os.system", 6),
            lambda: InputRef(SMALL, 1 << 50, "numpy"),
            lambda: InputRef(SMALL, 9, "pickle"),
        ):
            with pytest.raises(SpecInvalid):
                wrong()

    def test_too_large__says_how_else(self) -> None:
        with pytest.raises(SpecInvalid, match="pass large values as arrays"):
            replace(SPEC, arguments={"x": "y" * MAX_SPEC_BYTES}).to_bytes()
        with pytest.raises(SpecInvalid, match="at most"):
            JobSpec.from_bytes(b" " * (MAX_SPEC_BYTES + 1))

    @pytest.mark.parametrize("value", [float("nan"), 2**60, object(), {1: 2}, b"bytes"])
    def test_arguments_are_json(self, value: object) -> None:
        with pytest.raises(SpecInvalid):
            replace(SPEC, arguments={"x": value}).to_bytes()

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (["version"], 2),
            (["version"], True),
            (["version"], "1"),
            (["bundle"], None),
            (["bundle", "cid"], "Qm" + "1" * 44),
            (["bundle", "cid"], str(SMALL).upper()),
            (["bundle", "bytes"], 6.5),
            (["bundle", "entry"], ["train"]),
            (["arguments"], []),
            (["inputs"], None),
            (["inputs", "images"], "x"),
            (["inputs", "images", "bytes"], 10 << 40),
            (["inputs", "images", "kind"], None),
            (["resources", "gpus"], None),
            (["resources"], []),
            (["recipients"], "age1"),
            (["recipients"], [1]),
            (["verification"], {"tier": ["replicate"]}),
            (["verification"], "replicate"),
            (["runtime"], 1),
            (["progress_seconds"], "2"),
            (["checkpoint"], {}),
            (["expected"], False),
        ],
        ids=range(23),
    )
    def test_attack_malformed_field(self, path: list[str], value: object) -> None:
        spec = loaded(SPEC)
        place = spec
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        data = canonical_json(spec)
        with pytest.raises(SpecInvalid):
            JobSpec.from_bytes(data)

    def test_attack_unknown_or_missing_key(self) -> None:
        whole = loaded(SPEC)
        for path in ([], ["bundle"], ["resources"], ["verification"], ["inputs", "images"]):
            for change in ("add", *_at(whole, path)):
                spec = copy.deepcopy(whole)
                place = _at(spec, path)
                if change == "add":
                    place["extra"] = 1
                else:
                    del place[change]
                with pytest.raises(SpecInvalid, match="exactly the schema"):
                    JobSpec.from_bytes(canonical_json(spec))

    def test_other_spellings_are_other_bytes(self) -> None:
        spaced = json.dumps(loaded(SPEC)).encode()
        with pytest.raises(SpecInvalid, match="canonical"):
            JobSpec.from_bytes(spaced)


def _at(value: Any, path: list[str]) -> Any:
    for key in path:
        value = value[key]
    return value


class TestReceipt:
    @pytest.mark.parametrize("exit_class", list(ExitClass))
    def test_bytes_and_value_are_one(self, exit_class: ExitClass) -> None:
        receipt = replace(RECEIPT, exit=exit_class, sealed=RECEIPT.sealed if exit_class is ExitClass.OK else None)
        assert Receipt.from_bytes(receipt.to_bytes()) == receipt
        assert receipt.cid == cid_of_bytes(receipt.to_bytes())
        assert receipt.digest == receipt.cid.digest
        assert json.loads(receipt.to_bytes())["exit"] == exit_class.name.lower()

    def test_addresses_have_one_spelling(self) -> None:
        assert replace(RECEIPT, worker="0x" + "AB" * 20) == RECEIPT

    def test_a_result_belongs_to_ok_alone(self) -> None:
        for change in ({"sealed": None}, {"exit": ExitClass.RAISED}):
            with pytest.raises(SpecInvalid, match="exit ok"):
                replace(RECEIPT, **change)

    @pytest.mark.parametrize(
        "change",
        [
            {"exit": "fine"},
            {"exit": 0},
            {"exit": ["ok"]},
            {"job": "0x" + "7" * 63},
            {"worker": "0x" + "AB" * 20},
            {"worker": None},
            {"sealed": {"cid": str(LARGE)}},
            {"sealed": {"cid": str(LARGE), "bytes": -1}},
            {"sealed": {"cid": str(LARGE), "bytes": 1 << 50}},
            {"sealed": {"cid": 1, "bytes": 1}},
            {"log": []},
            {"environment": {"python": "3", "torch": None, "platform": "\x1b[2J"}},
            {"environment": {"python": "3" * 200, "torch": None, "platform": "x"}},
            {"environment": {"python": "3", "torch": 2.13, "platform": "x"}},
            {"environment": None},
            {"version": 2},
            {"extra": 1},
        ],
        ids=range(17),
    )
    def test_attack_malformed_receipt(self, change: dict[str, Any]) -> None:
        data = canonical_json(loaded(RECEIPT) | change)
        with pytest.raises(ResultRejected, match="receipt is malformed"):
            Receipt.from_bytes(data)


class TestProgress:
    def test_bytes_and_value_are_one(self) -> None:
        assert ProgressBlob.from_bytes(PROGRESS.to_bytes()) == PROGRESS

    @given(st.integers(0, 300), st.integers(1, 250))
    @settings(max_examples=30, deadline=None)
    def test_fitting_keeps_the_newest_that_fit(self, count: int, length: int) -> None:
        points = [{"n": n, "text": "\x00" * length} for n in range(count * 10)]
        blob = ProgressBlob.fitting(JOB, WORKER, 0, points, len(points))
        assert len(blob.to_bytes()) <= MAX_PROGRESS_BYTES
        assert list(blob.points) == points[len(points) - len(blob.points) :]
        assert len(blob.points) <= MAX_POINTS
        assert blob.points_total == len(points)
        assert ProgressBlob.from_bytes(blob.to_bytes()) == blob
        assert len(blob.points) == len(points) or len(blob.points) == MAX_POINTS or len(blob.to_bytes()) > 180_000

    def test_sealed_progress_is_one_raw_block(self) -> None:
        points = [{"n": n, "loss": n / 7} for n in range(20_000)]
        data = ProgressBlob.fitting(JOB, WORKER, 0, points, len(points)).to_bytes()
        assert len(seal(data.ljust(MAX_PROGRESS_BYTES), list(READERS[:16]))) <= CHUNK_BYTES

    @pytest.mark.parametrize(
        "point",
        [
            None,
            [],
            {},
            {"": 1},
            {"a b": 1},
            {"a": []},
            {"a": {}},
            {"a": float("nan")},
            {"a": "x" * 257},
            {"a": object()},
            {1: 1},
            {f"a{n}": 1 for n in range(65)},
        ],
        ids=range(12),
    )
    def test_a_point_is_named_scalars(self, point: object) -> None:
        with pytest.raises(SpecInvalid):
            check_point(point)

    @pytest.mark.parametrize(
        "change",
        [
            {"points": {}},
            {"points": [1]},
            {"points": [{}] * 3},
            {"points_total": 0},
            {"sequence": -1},
            {"sequence": 1.5},
            {"worker": "0x1"},
            {"job": 7},
            {"version": 0},
            {"points": [{"a": 1}] * (MAX_POINTS + 1), "points_total": 10**6},
        ],
        ids=range(10),
    )
    def test_attack_malformed_progress(self, change: dict[str, Any]) -> None:
        data = canonical_json(loaded(PROGRESS) | change)
        with pytest.raises(ResultRejected, match="progress is malformed"):
            ProgressBlob.from_bytes(data)


CASES = [
    (SPEC, SpecInvalid),
    (AUDITED, SpecInvalid),
    (RECEIPT, ResultRejected),
    (TRAINED, ResultRejected),
    (PROGRESS, ResultRejected),
]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(("thing", "error"), CASES, ids=["spec", "audited", "receipt", "trained", "progress"])
class TestNoBytesCrash:
    @settings(max_examples=200, deadline=None)
    @given(noise=st.binary(max_size=200))
    def test_noise(self, thing: Any, error: type[Exception], noise: bytes) -> None:
        for data in (noise, b"{" + noise):
            with pytest.raises(error):
                thing.from_bytes(data)

    @pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 2000, b"[" * 60_000 + b"]" * 60_000], ids=range(3))
    def test_depth(self, thing: Any, error: type[Exception], data: bytes) -> None:
        with pytest.raises(error):
            thing.from_bytes(data)

    @settings(max_examples=400, deadline=None)
    @given(data=st.data())
    def test_any_field_replaced_by_anything(self, thing: Any, error: type[Exception], data: st.DataObject) -> None:
        value = loaded(thing)
        place = value
        while True:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            place[key] = data.draw(JUNK)
            break
        try:
            changed = canonical_json(value)
        except SpecInvalid:
            return
        words = "none"
        try:
            assert thing.from_bytes(changed).to_bytes() == changed
        except error as refusal:
            words = str(refusal)
        assert words.isprintable()
        assert len(words) < 600
