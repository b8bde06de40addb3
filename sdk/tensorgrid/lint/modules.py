"""The same questions to a torch module that is at hand: layers as they are, not as their source reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tensorgrid.lint import norms
from tensorgrid.lint.findings import Finding
from tensorgrid.lint.tables import ADAPTIVE, LAYERS, NORMS, RAISES_ANYWHERE, RAISES_ON_GPU

_NUMBER = re.compile(r"\d*$")


def lint_module(module: Any, optimizer: Any = None, *, gpu: bool = True) -> list[Finding]:
    """`module`: a torch.nn.Module. `optimizer`: its torch optimiser, None where it is not known. Raises nothing."""
    name = type(optimizer).__name__
    found = list(_kernels(module, gpu=gpu))
    if optimizer is None or name in ADAPTIVE:
        found += _biases(module, name if optimizer is not None else "Adam")
    return found


def _biases(module: Any, optimiser: str) -> Iterator[Finding]:
    for path, owner in module.named_modules():
        children = list(owner.named_children())
        for at, (name, layer) in enumerate(children):
            after = children[at + 1][1] if at + 1 < len(children) else None
            if _has_bias(layer) and (_normalises(after, layer) or _namesake(name, layer, children)):
                place = f"module {path}.{name}".replace(" .", " ")
                yield Finding(norms.RULE, "warning", place, norms.WHY.format(optimiser), norms.FIX)


def _namesake(name: str, layer: Any, children: list[tuple[str, Any]]) -> bool:
    """Whether conv1 has a bn1 of its width; the children of a Sequential have mere numbers."""
    number = _NUMBER.search(name)
    if number is None or not number[0] or number[0] == name:
        return False
    return any(other.endswith(number[0]) and _normalises(norm, layer) for other, norm in children if other != name)


def _has_bias(layer: Any) -> bool:
    return type(layer).__name__ in LAYERS and getattr(layer, "bias", None) is not None


def _normalises(norm: Any, layer: Any) -> bool:
    width = getattr(layer, "out_channels", getattr(layer, "out_features", None))
    return type(norm).__name__ in NORMS and getattr(norm, "num_features", None) == width


def _kernels(module: Any, *, gpu: bool) -> Iterator[Finding]:
    known = {name.rpartition(".")[2] for name in RAISES_ANYWHERE | (RAISES_ON_GPU if gpu else frozenset())}
    for path, layer in module.named_modules():
        kind = type(layer).__name__
        if kind in known and type(layer).__module__.startswith("torch.nn."):
            why = f"{kind} has no deterministic kernel, and torch raises where one is asked for"
            yield Finding("no-deterministic-kernel", "error", f"module {path or kind}", why, "use another layer")
