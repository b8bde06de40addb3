"""How far two honest or dishonest ends of one segment lie apart, measured by what the segment changed.

    d = ||mine - his|| / ||his - start||        over all numbers of the model of one family of dtypes

Two machines that add in another order end close to one another, two trainings do not. A distance opens a suspicion and
never more: any bound is room for who steers by less. Generators, position and integers must be equal in any case.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.payload import TensorView
from tensorgrid.domain.states import Part, StateFile

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, np.dtype[np.float64]]

FAMILIES = {"F32": "fp32", "F64": "fp32", "C64": "fp32", "F16": "bf16", "BF16": "bf16"}
"""By dtype: how many bits its sums keep. Floats of eight bits are of no family: nobody has measured them."""
UNMEASURED = "fp8"
DOUBT = 3
"""Times the bound, up to which a distance says nothing."""
MARGIN = 5
"""Times the worst honest distance: the bound that a calibration gives."""
LEAST_BOUND = {"fp32": 0.05, "bf16": 0.15}
"""However near the machines of a calibration were: others may part further, and cheats lie far beyond."""
LEAST_RUNS = 100
"""Honest runs across fingerprints, of each kind of model, that make a calibration."""
MOST_STEPS = 10
"""Of a segment: honest ends part further with every step."""
CHUNK = 1 << 20


class Verdict(IntEnum):
    """The worst of several is their verdict."""

    WITHIN = 0
    INCONCLUSIVE = 1
    SUSPICIOUS = 2


@dataclass(frozen=True, slots=True)
class Bound:
    """Of one hardware class and family. `worst`: the largest distance of `runs` honest runs; `steps`: of a segment, the
    most that it holds for. Raises SpecInvalid."""

    bound: float
    runs: int
    worst: float
    steps: int = MOST_STEPS

    def __post_init__(self) -> None:
        numbers = all(type(each) is float for each in (self.bound, self.worst))
        whole = all(type(each) is int for each in (self.runs, self.steps))
        if not numbers or not whole or not 0 < self.bound < 1 or not 0 <= self.worst * MARGIN <= self.bound:
            raise SpecInvalid(f"a bound is from 0 to 1, at least {MARGIN} times the worst distance; calibrate again")
        if self.runs < LEAST_RUNS or not 1 <= self.steps <= MOST_STEPS:
            raise SpecInvalid(f"a bound is of {LEAST_RUNS} runs or more, of 1 to {MOST_STEPS} steps; calibrate again")


@dataclass(frozen=True, slots=True)
class Distance:
    """`by_family`: update-relative, 0 to infinity. `unlike`: what had to be equal and is not, by part."""

    by_family: Mapping[str, float]
    unlike: tuple[str, ...] = ()

    def verdict(self, bounds: Mapping[str, Bound]) -> Verdict:
        """`bounds`: by family, of the class; a family without one is not calibrated, and never suspicious."""
        found = [_verdict(value, bounds.get(family)) for family, value in self.by_family.items()]
        if self.unlike:
            calibrated = bool(found) and all(family in bounds for family in self.by_family)
            found.append(Verdict.SUSPICIOUS if calibrated else Verdict.INCONCLUSIVE)
        return max(found, default=Verdict.INCONCLUSIVE)


def _verdict(value: float, bound: Bound | None) -> Verdict:
    if bound is None:
        return Verdict.INCONCLUSIVE
    if value <= bound.bound:
        return Verdict.WITHIN
    return Verdict.INCONCLUSIVE if value <= DOUBT * bound.bound else Verdict.SUSPICIOUS


def distance(start: StateFile, mine: StateFile, his: StateFile) -> Distance:
    """Of two states behind one segment that both began in `start`. Reads all of them, in pieces.

    A number that is no number on one side only, or infinite, is infinitely far; on both sides alike it is left out.
    Where he has not moved at all, who has is infinitely far.
    """
    unlike = list(_unlike(mine, his))
    models = (start.parts["model"], mine.parts["model"], his.parts["model"])
    if not _same_shape(models):
        return Distance(dict.fromkeys(_families(models[1]), math.inf), (*unlike, "model"))
    apart, moved = dict[str, float](), dict[str, float]()
    for name, tensor in models[2].tensors.items():
        family = family_of(tensor)
        if family is None:
            continue
        found = _sums(models[0].tensors[name], models[1].tensors[name], tensor) if family != UNMEASURED else (0.0, 0.0)
        apart[family] = apart.get(family, 0.0) + found[0]
        moved[family] = moved.get(family, 0.0) + found[1]
    return Distance({family: _ratio(apart[family], moved[family]) for family in apart}, tuple(unlike))


def _ratio(apart: float, moved: float) -> float:
    if apart == 0:
        return 0.0
    ratio = math.sqrt(apart) / math.sqrt(moved) if moved > 0 else math.inf
    return math.inf if math.isnan(ratio) else ratio


def _unlike(mine: StateFile, his: StateFile) -> Iterable[str]:
    if mine.step != his.step:
        yield "cursor"
    if not _equal(mine.parts["rng"], his.parts["rng"], whole=True):
        yield "rng"
    for part in ("model", "optimizer"):
        if not _equal(mine.parts[part], his.parts[part], whole=False):
            yield part


def _equal(mine: Part, his: Part, *, whole: bool) -> bool:
    """`whole`: floats and JSON, too. Elsewhere a machine may well find another best loss."""
    if mine.tensors.keys() != his.tensors.keys() or (whole and mine.plain != his.plain):
        return False
    exact = (name for name, tensor in his.tensors.items() if whole or family_of(tensor) is None)
    return all(_same(mine.tensors[name], his.tensors[name]) for name in exact)


def _same(one: TensorView, other: TensorView) -> bool:
    return (one.dtype, one.shape) == (other.dtype, other.shape) and one.data == other.data


def _same_shape(models: tuple[Part, ...]) -> bool:
    forms = [{name: (tensor.dtype, tensor.shape) for name, tensor in part.tensors.items()} for part in models]
    return all(form == forms[0] for form in forms)


def family_of(tensor: TensorView) -> str | None:
    """None for integers and booleans."""
    return UNMEASURED if tensor.dtype.startswith("F8") else FAMILIES.get(tensor.dtype)


def _families(part: Part) -> set[str]:
    return {family for tensor in part.tensors.values() if (family := family_of(tensor)) is not None}


def _sums(start: TensorView, mine: TensorView, his: TensorView) -> tuple[float, float]:
    """Squares of (mine - his) and of (his - start), summed."""
    import numpy as np

    apart = moved = 0.0
    with np.errstate(all="ignore"):
        for at in range(0, len(his.data), CHUNK):
            begun, ours, theirs = (numbers(each, at) for each in (start, mine, his))
            # Of one kind where both are no numbers, or infinite on one side: that is no distance.
            alike = (np.isnan(ours) & np.isnan(theirs)) | (ours == theirs)
            gap = np.where(alike, 0.0, ours - theirs)
            step = theirs - begun
            apart += float(np.dot(gap, gap)) if np.isfinite(gap).all() else math.inf
            step = step[np.isfinite(step)]
            moved += float(np.dot(step, step))
    return apart, moved


def numbers(tensor: TensorView, at: int) -> Numbers:
    """One piece as doubles; CHUNK is a multiple of every element."""
    import numpy as np

    data = tensor.data[at : at + CHUNK]
    if tensor.dtype == "BF16":  # the upper half of a float
        return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").astype(np.float64)
    kind = {"F16": "<f2", "F64": "<f8"}.get(tensor.dtype, "<f4")  # a complex number is two floats
    return np.frombuffer(data, kind).astype(np.float64)
