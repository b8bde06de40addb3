"""How far two ends of a segment lie apart, and what that may be held to mean."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorgrid.domain.distance import DOUBT, Bound, Distance, Verdict, distance
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.jobs import hardware_class
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.states import StateFile
from tensorgrid.parameters.distance import load_bounds

FORMATS = {"F32": "f", "F64": "d", "F16": "e", "C64": "f"}
BOUND = Bound(0.05, 400, 0.01)
BOUNDS = {"fp32": BOUND, "bf16": Bound(0.15, 400, 0.03)}


def packed(dtype: str, values: Sequence[float]) -> bytes:
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)


def state(
    values: Sequence[float] = (1.0, 2.0),
    dtype: str = "F32",
    *,
    step: int = 10,
    drawn: int = 7,
    seen: int = 5,
    moment: float = 0.0,
    best: float = 0.5,
    more: dict[str, tuple[str, tuple[int, ...], bytes]] | None = None,
) -> StateFile:
    size = len(values) // (2 if dtype == "C64" else 1)
    tensors = {
        "model/w": (dtype, (size,), packed(dtype, values)),
        "model/seen": ("I64", (), seen.to_bytes(8, "little")),
        "optimizer/m": ("F32", (1,), struct.pack("<f", moment)),
        "rng/torch": ("U8", (1,), bytes([drawn])),
    }
    plain = {"model": None, "optimizer": {"best": best}, "rng": None, "cursor": {"step": step}}
    return StateFile.parse(pack_payload(tensors | (more or {}), plain))


START = state((0.0, 0.0), step=0)


def far(mine: StateFile, his: StateFile, start: StateFile = START) -> float:
    return distance(start, mine, his).by_family["fp32"]


# ---------------------------------------------------------------------------------------------------- the distance


def test_distance__is_relative_to_what_the_worker_changed() -> None:
    assert far(state((3.0, 4.0)), state((3.0, 4.0))) == 0
    assert far(state((3.0, 4.5)), state((3.0, 4.0))) == pytest.approx(0.1)
    far_away = state((1e6, 1e6), step=0)
    assert far(state((1e6 + 3, 1e6 + 4.5)), state((1e6 + 3, 1e6 + 4)), far_away) == pytest.approx(0.1)


@pytest.mark.parametrize(("dtype", "family"), [("F64", "fp32"), ("C64", "fp32"), ("F16", "bf16"), ("BF16", "bf16")])
def test_distance__each_dtype_in_its_family(dtype: str, family: str) -> None:
    found = distance(*(state(values, dtype) for values in ((0.0, 0.0), (3.0, 4.5), (3.0, 4.0))))
    assert found.by_family == {family: pytest.approx(0.1)}


def test_distance__two_families__measured_apart() -> None:
    def mixed(single: float, half: float) -> StateFile:
        return state((0.0, single), more={"model/h": ("BF16", (1,), packed("BF16", [half]))})

    found = distance(mixed(0, 0), mixed(1, 2.5), mixed(1, 2))
    assert found.by_family == {"fp32": 0.0, "bf16": pytest.approx(0.25)}


def test_distance__long_tensors__in_pieces_as_in_one() -> None:
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(700_000).astype("<f4") for _ in range(3)]
    files = [state((1.0,), more={"model/long": ("F32", (700_000,), one.tobytes())}) for one in arrays]
    start, mine, his = (one.astype(np.float64) for one in arrays)
    assert distance(*files).by_family["fp32"] == pytest.approx(np.linalg.norm(mine - his) / np.linalg.norm(his - start))


@pytest.mark.parametrize(
    ("mine", "his", "expected"),
    [
        ((0.0, 0.0), (0.0, 0.0), 0.0),
        ((0.0, 1e-30), (0.0, 0.0), math.inf),
        ((math.nan, 1.0), (math.nan, 1.0), 0.0),
        ((math.inf, 1.0), (math.inf, 1.0), 0.0),
        ((math.inf, 1.0), (-math.inf, 1.0), math.inf),
        ((1.0, 1.0), (math.nan, 1.0), math.inf),
        ((math.nan, 1.0), (1.0, 1.0), math.inf),
        ((1.0, 1.0), (math.inf, 1.0), math.inf),
    ],
    ids=[
        "neither has moved",
        "only mine has moved",
        "both no number",
        "both infinite",
        "infinite, other signs",
        "his no number",
        "mine no number",
        "his infinite",
    ],
)
def test_distance__where_there_is_no_ratio__defined(mine: list[float], his: list[float], expected: float) -> None:
    assert far(state(mine), state(his)) == expected


def test_distance__numbers_too_large_for_their_squares__infinitely_far() -> None:
    found = distance(state((0.0,), "F64"), state((1e200,), "F64"), state((2e200,), "F64"))
    assert found.by_family == {"fp32": math.inf}


@pytest.mark.parametrize(
    ("changed", "part"),
    [({"step": 11}, "cursor"), ({"drawn": 8}, "rng"), ({"seen": 6}, "model")],
    ids=["position", "generators", "an integer of the model"],
)
def test_exact_parts__differ__named(changed: dict[str, int], part: str) -> None:
    assert distance(START, state(), state(**changed)).unlike == (part,)


def test_floats_beside_the_model__differ__no_matter() -> None:
    """Another machine finds another best loss, and other moments."""
    assert distance(START, state(), state(moment=0.5, best=0.4)).unlike == ()


@pytest.mark.parametrize("his", [state((1.0, 2.0, 3.0)), state((1.0, 2.0), "F64")], ids=["shape", "dtype"])
def test_model_of_another_form__infinitely_far(his: StateFile) -> None:
    found = distance(START, state(), his)
    assert found.by_family == {"fp32": math.inf}
    assert "model" in found.unlike


def test_attack_model_of_dtypes_that_nobody_has_measured__infinitely_far_all_the_same() -> None:
    tensors = {"model/w": ("I32", (2,), bytes(8)), "rng/torch": ("U8", (1,), b"\7")}
    plain = {"model": None, "optimizer": None, "rng": None, "cursor": {"step": 10}}
    found = distance(START, state(), StateFile.parse(pack_payload(tensors, plain)))
    assert found.verdict(BOUNDS) is Verdict.SUSPICIOUS


@settings(max_examples=100, deadline=None)
@given(data=st.lists(st.binary(min_size=8, max_size=8), min_size=3, max_size=3))
def test_any_bits_as_floats__a_distance_and_never_a_crash(data: list[bytes]) -> None:
    for dtype, size in (("F32", 2), ("BF16", 4), ("F16", 4), ("F64", 1), ("C64", 1), ("F8_E4M3", 8)):
        files = [state(more={"model/any": (dtype, (size,), each)}) for each in data]
        assert all(value >= 0 for value in distance(*files).by_family.values())


# ----------------------------------------------------------------------------------------------------- the verdict


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, Verdict.WITHIN),
        (0.05, Verdict.WITHIN),
        (0.06, Verdict.INCONCLUSIVE),
        (DOUBT * BOUND.bound, Verdict.INCONCLUSIVE),
        (0.16, Verdict.SUSPICIOUS),
        (math.inf, Verdict.SUSPICIOUS),
    ],
)
def test_verdict__by_the_bound_of_the_family(value: float, expected: Verdict) -> None:
    assert Distance({"fp32": value}).verdict(BOUNDS) is expected


@pytest.mark.parametrize("found", [Distance({"fp32": math.inf}), Distance({"fp32": 0.0}, ("rng",)), Distance({})])
def test_uncalibrated__never_suspicious(found: Distance) -> None:
    assert found.verdict({}) is Verdict.INCONCLUSIVE


def test_verdict__the_worst_counts() -> None:
    assert Distance({"fp32": 0.0, "bf16": 9.0}).verdict(BOUNDS) is Verdict.SUSPICIOUS
    assert Distance({"fp32": 0.0, "fp8": 0.0}).verdict(BOUNDS) is Verdict.INCONCLUSIVE
    assert Distance({"fp32": 0.0}, ("rng",)).verdict(BOUNDS) is Verdict.SUSPICIOUS
    assert Distance({"fp32": 0.0, "fp8": 0.0}, ("rng",)).verdict(BOUNDS) is Verdict.INCONCLUSIVE


# ------------------------------------------------------------------------------------------------------ the bounds


def test_bounds_that_ship__no_class_is_calibrated_yet() -> None:
    assert load_bounds().by_class == {}
    assert load_bounds().of(hardware_class("cpu"), 1) == {}


def test_bounds_of_a_file__by_class_and_for_short_segments_only(tmp_path: Path) -> None:
    path = tmp_path / "distance.toml"
    path.write_text("[cpu.fp32]\nbound = 0.05\nruns = 400\nworst = 0.01\nsteps = 4\n")
    bounds = load_bounds(path)
    assert bounds.of(hardware_class("cpu"), 4) == {"fp32": replace(BOUND, steps=4)}
    assert bounds.of(hardware_class("cpu"), 5) == {}
    assert bounds.of(hardware_class("other"), 4) == {}


@pytest.mark.parametrize(
    "text",
    [
        "cpu = 1",
        "[cpu.fp64]\nbound = 0.05\nruns = 400\nworst = 0.01\nsteps = 4",
        "[cpu.fp32]\nbound = 0.05\nruns = 400\nworst = 0.01",
        "[cpu.fp32]\nbound = 0.05\nruns = 99\nworst = 0.01\nsteps = 4",
        "[cpu.fp32]\nbound = 0.04\nruns = 400\nworst = 0.01\nsteps = 4",
        "[cpu.fp32]\nbound = 0.04\nruns = 400\nworst = 0.001\nsteps = 4",
        "[cpu.fp32]\nbound = nan\nruns = 400\nworst = 0.01\nsteps = 4",
        "[cpu.fp32]\nbound = 1.0\nruns = 400\nworst = 0.01\nsteps = 4",
        "[cpu.fp32]\nbound = 0.05\nruns = 400\nworst = 0.01\nsteps = 11",
        "[cpu.fp32]\nbound = '0.05'\nruns = 400\nworst = 0.01\nsteps = 4",
        "not toml",
    ],
    ids=[
        "number",
        "family",
        "missing",
        "few runs",
        "narrow",
        "below the least",
        "nan",
        "whole update",
        "long",
        "text",
        "not toml",
    ],
)
def test_bounds_of_a_file__that_would_suspect_the_honest__refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "distance.toml"
    path.write_text(text)
    with pytest.raises(SpecInvalid):
        load_bounds(path)


def test_bounds_of_a_file__missing__refused(tmp_path: Path) -> None:
    with pytest.raises(SpecInvalid, match="nothing"):
        load_bounds(tmp_path / "nothing")
