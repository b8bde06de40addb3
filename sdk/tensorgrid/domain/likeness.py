"""Whether a slice's outputs are those that an auditor finds whose machine computes unlike, within a tolerance.

All of his bytes are a stranger's, but committed to: he has told under his trace root that they came of the item. What
is unlike opens a suspicion and never more, as in distance.py.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from tensorgrid.domain.distance import CHUNK, UNMEASURED, Verdict, family_of, numbers
from tensorgrid.domain.errors import ResultRejected
from tensorgrid.domain.payload import Payload, TensorView
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.tolerance import Tolerance

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, np.dtype[Any]]

Likeness = tuple[Verdict, str]
"""And why, for people; empty: all is within."""
_LIKE: Likeness = (Verdict.WITHIN, "")


def of_states(mine: StateFile, his: StateFile, drawn: Collection[str], tolerance: Tolerance) -> Likeness:
    """Of two states of a slice (runtime/batch.py) behind one segment that both began alike. `drawn`: names of the items
    that it has computed; all other outputs stand as they stood. Reads both of them."""
    ours, theirs = mine.parts["model"], his.parts["model"]
    if mine.step != his.step or ours.plain != theirs.plain or ours.tensors.keys() != theirs.tensors.keys():
        return Verdict.SUSPICIOUS, "it is no state of this slice"
    found = [_LIKE]
    for name, output in ours.tensors.items():
        other = theirs.tensors[name]
        if (output.dtype, len(output.shape)) != (other.dtype, len(other.shape)):
            found.append((Verdict.SUSPICIOUS, f"item {name}: no bytes"))
        elif output.data != other.data:
            verdict, why = of_outputs(output.data, other.data, tolerance) if name in drawn else _CHANGED
            found.append((verdict, f"item {name}: {why}" if why else ""))
    return max(found)


_CHANGED: Likeness = (Verdict.SUSPICIOUS, "changed behind its own step")


def of_outputs(mine: bytes | memoryview, his: bytes | memoryview, tolerance: Tolerance) -> Likeness:
    """Of two outcomes of one item: outputs or failures (items.py). Where ours cannot be read nothing is said."""
    try:
        ours = Payload.parse(mine)
    except ResultRejected:
        return Verdict.INCONCLUSIVE, "our own output cannot be read"
    try:
        theirs = Payload.parse(his)
    except ResultRejected:
        return Verdict.SUSPICIOUS, "no function returns that"  # also where it is empty: he has skipped it
    if not _same_json(ours.json, theirs.json, tolerance):
        return Verdict.SUSPICIOUS, "its plain values differ"
    arrays, others = ({tensor.name: tensor for tensor in each.tensors} for each in (ours, theirs))
    if arrays.keys() != others.keys():
        return Verdict.SUSPICIOUS, "it has other arrays"
    found = ((_array(array, others[name], tolerance), name[:64]) for name, array in arrays.items())
    return max(((verdict, f"array {name!a}" if verdict else "") for verdict, name in found), default=_LIKE)


def _same_json(mine: Any, his: Any, tolerance: Tolerance) -> bool:
    """JSON has one kind of number: those that are whole on both sides may be labels, and are equal or unlike."""
    if _is_number(mine) and _is_number(his):
        whole = isinstance(mine, int) and isinstance(his, int)
        return bool(mine == his if whole else abs(his - mine) <= tolerance.atol + tolerance.rtol * abs(mine))
    if type(mine) is not type(his):
        return False
    if isinstance(mine, dict):
        return mine.keys() == his.keys() and all(_same_json(mine[key], his[key], tolerance) for key in mine)
    if isinstance(mine, list):
        return len(mine) == len(his) and all(_same_json(*pair, tolerance) for pair in zip(mine, his, strict=True))
    return bool(mine == his)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _array(mine: TensorView, his: TensorView, tolerance: Tolerance) -> Verdict:
    if (mine.dtype, mine.shape) != (his.dtype, his.shape):
        return Verdict.SUSPICIOUS
    if mine.data == his.data:
        return Verdict.WITHIN
    family = family_of(mine)
    if family == UNMEASURED:
        return Verdict.INCONCLUSIVE
    near = family is not None and all(_near(mine, his, at, tolerance) for at in range(0, len(mine.data), CHUNK))
    return Verdict.WITHIN if near else Verdict.SUSPICIOUS


def _near(mine: TensorView, his: TensorView, at: int, tolerance: Tolerance) -> bool:
    """One piece. The room is measured by ours: nobody makes room for himself by a large number."""
    import numpy as np

    with np.errstate(all="ignore"):
        ours, theirs = _values(mine, at), _values(his, at)
        alike = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
        room = tolerance.atol + tolerance.rtol * np.abs(ours)
        # Beside an infinite number all others would be near.
        near = np.isfinite(ours) & np.isfinite(theirs) & (np.abs(theirs - ours) <= room)
        return bool((alike | near).all())


def _values(tensor: TensorView, at: int) -> Values:
    import numpy as np

    found = numbers(tensor, at)
    return found.view(np.complex128) if tensor.dtype == "C64" else found
