"""What has no order of its own: sets, folders, threads that finish when they finish."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tensorgrid.lint.findings import Finding, Level
from tensorgrid.lint.names import Names
from tensorgrid.lint.tables import CONCURRENT, LISTING_METHODS, LISTINGS

ORDERED = frozenset(
    {"list", "tuple", "enumerate", "iter", "zip", "map", "dict.fromkeys", "numpy.array", "torch.tensor"}
)
"""Calls that keep the order in which they are given a set; sorted, len, sum of integers and the like do not care."""
CAREFREE = frozenset({"sorted", "len", "min", "max", "any", "all", "set", "frozenset"})


def of_order(tree: ast.AST, names: Names) -> Iterator[Finding]:
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for scope in (node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.FunctionDef)):
        yield from _sets(scope, names, parents)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, method = names.of(node), node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if (name in LISTINGS or method in LISTING_METHODS) and not _is_sorted(node, parents, names):
            why = "a folder lists its files in no order"
            yield _at(node, "listing", "warning", why, "wrap it in sorted(...)")
        elif name in CONCURRENT or method == "imap_unordered":
            level: Level = "error" if name.endswith("as_completed") or method == "imap_unordered" else "warning"
            why = "what runs at the same time ends in another order each time"
            yield _at(node, "concurrency", level, why, "do it one after the other, or take results in order")


def _sets(scope: ast.Module | ast.FunctionDef, names: Names, parents: dict[ast.AST, ast.AST]) -> Iterator[Finding]:
    inside = list(_own(scope))
    given = [
        (target.id, _is_set(node.value, names, frozenset()))
        for node in inside
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    # a name that is also given something else may well hold a list by then
    variables = frozenset(name for name, _ in given) - {name for name, is_set in given if not is_set}
    for node in inside:
        for walked in _iterated(node, names):
            if not _is_set(walked, names, variables) or _numbers(walked) or _consumed(node, parents, names):
                continue
            why = "a set has no order: it goes by the hash of a text, or by the address of an object"
            yield _at(walked, "set-order", "error" if _of_objects(walked) else "warning", why, "use sorted(...)")


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """Nodes of this scope, without those of functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _own(child)


def _iterated(node: ast.AST, names: Names) -> Iterator[ast.expr]:
    if isinstance(node, ast.For):
        yield node.iter
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        yield from (part.iter for part in node.generators)
    elif isinstance(node, ast.Call):
        joins = isinstance(node.func, ast.Attribute) and node.func.attr in {"join", "extend"}
        if joins or names.of(node) in ORDERED:
            yield from node.args
    elif isinstance(node, ast.Starred):
        yield node.value


def _is_set(node: ast.AST, names: Names, variables: frozenset[str]) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return _is_set(node.left, names, variables) or _is_set(node.right, names, variables)
    if isinstance(node, ast.Name):
        return node.id in variables
    return isinstance(node, ast.Set | ast.SetComp) or (
        isinstance(node, ast.Call) and names.of(node) in {"set", "frozenset"}
    )


def _numbers(node: ast.AST) -> bool:
    """Sets of small integers alone are iterated alike everywhere."""
    if isinstance(node, ast.Set):
        return all(isinstance(one, ast.Constant) and isinstance(one.value, int) for one in node.elts)
    return isinstance(node, ast.Call) and bool(node.args) and _is_range(node.args[0])


def _is_range(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _of_objects(node: ast.AST) -> bool:
    """set(model.parameters()) and the like go by addresses, which no seed fixes."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    inner = node.args[0]
    method = inner.func.attr if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) else ""
    return method in {"parameters", "modules", "children", "buffers"}


def _consumed(node: ast.AST, parents: dict[ast.AST, ast.AST], names: Names) -> bool:
    """A generator that is at once sorted, counted or asked for its largest."""
    parent = parents.get(node)
    return isinstance(parent, ast.Call) and names.of(parent) in CAREFREE


def _is_sorted(node: ast.AST, parents: dict[ast.AST, ast.AST], names: Names) -> bool:
    parent = parents.get(node)
    while isinstance(parent, ast.Call | ast.GeneratorExp | ast.ListComp | ast.comprehension):
        if isinstance(parent, ast.Call) and names.of(parent) in CAREFREE:
            return True
        parent = parents.get(parent)
    return False


def _at(node: ast.AST, rule: str, level: Level, why: str, fix: str) -> Finding:
    return Finding(rule, level, f"line {getattr(node, 'lineno', 0)}", why, fix)
