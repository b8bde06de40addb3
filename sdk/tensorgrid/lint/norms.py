"""A bias in front of a normalisation: its true gradient is zero, and Adam divides the noise in it by the noise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from tensorgrid.lint.findings import Finding
from tensorgrid.lint.names import Names, is_constant, keyword, last
from tensorgrid.lint.tables import ADAPTIVE, LAYERS, NORMS, STEADY

RULE = "bias-before-norm"
WHY = "the normalisation subtracts this bias again, so its gradient is rounding noise, which {} scales up to full steps"
FIX = "pass bias=False, or train with SGD"
_NUMBER = re.compile(r"\d*$")


def before_norms(tree: ast.AST, names: Names) -> Iterator[Finding]:
    """In Sequential(...) and lists of layers, and between attributes `self.conv1`, `self.bn1` of a module."""
    used = {last(names.of(node)) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if used & STEADY and not used & ADAPTIVE:
        return
    optimiser = ", ".join(sorted(used & ADAPTIVE)) or "Adam"
    for node in ast.walk(tree):
        for layer in _pairs(node, names):
            yield Finding(RULE, "warning", f"line {layer.lineno}", WHY.format(optimiser), FIX)


def _pairs(node: ast.AST, names: Names) -> Iterator[ast.Call]:
    if isinstance(node, ast.Call) and last(names.of(node)) == "Sequential":
        yield from _neighbours(list(node.args), names)
    elif isinstance(node, ast.List):
        yield from _neighbours(node.elts, names)
    elif isinstance(node, ast.ClassDef):
        yield from _attributes(node, names)


def _neighbours(nodes: list[ast.expr], names: Names) -> Iterator[ast.Call]:
    for layer, norm in pairwise(nodes):
        if isinstance(layer, ast.Call) and _has_bias(layer, names) and _is(norm, NORMS, names):
            yield layer


def _attributes(node: ast.ClassDef, names: Names) -> Iterator[ast.Call]:
    """By order of assignment, or by number: conv1 and bn1 belong together wherever they stand."""
    made = [
        (target.attr, child.value)
        for child in ast.walk(node)
        if isinstance(child, ast.Assign)
        for target in child.targets
        if isinstance(target, ast.Attribute)
    ]
    for at, (name, layer) in enumerate(made):
        if not isinstance(layer, ast.Call) or not _has_bias(layer, names):
            continue
        number = _number(name)
        same = [value for other, value in made if number and _number(other) == number and _is(value, NORMS, names)]
        follows = at + 1 < len(made) and _is(made[at + 1][1], NORMS, names) and not _number(made[at + 1][0])
        if same or follows:
            yield layer


def _number(name: str) -> str:
    found = _NUMBER.search(name)
    return found[0] if found else ""


def _has_bias(layer: ast.Call, names: Names) -> bool:
    return _is(layer, LAYERS, names) and not is_constant(keyword(layer, "bias"), False)


def _is(node: ast.AST, kinds: frozenset[str], names: Names) -> bool:
    return isinstance(node, ast.Call) and last(names.of(node)) in kinds
