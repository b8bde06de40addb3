"""What a function that is called once per item must not do: remember one item when it is called with the next."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorgrid.lint.findings import Finding, Level
from tensorgrid.lint.names import Names

_CHANGING = frozenset("add append clear extend insert pop popitem remove setdefault sort update".split())
_WHY = "an auditor computes one item without those before it, and would not find what they have left in {}"
_FIX = "let it depend on the item and on what all share, alone"


def of_items(tree: ast.AST, _: Names) -> Iterator[Finding]:
    """Names of the module that functions set or change."""
    assert isinstance(tree, ast.Module)
    owned = {target.id for node in tree.body for target in _targets(node) if isinstance(target, ast.Name)}
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield _at(node, "error", ", ".join(node.names))
            elif (name := _changed(node)) in owned:
                yield _at(node, "warning", name)


def _changed(node: ast.AST) -> str:
    """The name whose value it changes in place; empty for none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        return _name(node.func.value)
    for target in _targets(node):
        if isinstance(target, ast.Subscript | ast.Attribute):
            return _name(target.value)
    return ""


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign) else []


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _at(node: ast.AST, level: Level, what: str) -> Finding:
    return Finding("item-memory", level, f"line {getattr(node, 'lineno', 0)}", _WHY.format(what), _FIX)
