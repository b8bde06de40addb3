"""What is called, set or imported that makes runs differ: system randomness, clocks, kernels, switches, packages."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from tensorgrid.domain.computing import distribution_of, is_computing
from tensorgrid.lint import tables
from tensorgrid.lint.findings import Finding, Level
from tensorgrid.lint.names import Names, is_constant, keyword, last

_KNOWN = frozenset({"tensorgrid", "tensorgrid_worker", "__future__"})
_CLOCK_WHY = "every run reads another time"
_CLOCK_FIX = "count steps instead; where it only goes to a log, allow it"


def of_calls(tree: ast.AST, names: Names) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _randomness(node, names.of(node), names)
            yield from _clock(node, names.of(node))
            yield from _machine(node, names.of(node))
            yield from _kernels(node, names.of(node))
            yield from _loader(node, names.of(node))


def of_assignments(tree: ast.AST, names: Names) -> Iterator[Finding]:
    """torch.backends.x = ..., os.environ["OMP_NUM_THREADS"] = ...: the worker has set these, for everybody alike."""
    for node in ast.walk(tree):
        for target in _targets(node):
            if isinstance(target, ast.Attribute) and names.of(target).startswith(tables.SWITCH_PREFIX):
                yield _switch(target, names.of(target))
            if variable := _variable(target, names):
                yield _switch(target, variable)


def of_imports(_: ast.AST, names: Names) -> Iterator[Finding]:
    """A package that computes but is not in the fingerprint: two workers of one fingerprint may have two versions."""
    for module, node in names.modules.items():
        if module in sys.stdlib_module_names or module in _KNOWN or is_computing(distribution_of(module)):
            continue
        why = f"{module} is in no fingerprint: workers that can check each other may have other versions of it"
        yield _at(node, "foreign-package", "warning", why, "do without it where it changes numbers")


def _randomness(node: ast.Call, name: str, names: Names) -> Iterator[Finding]:
    if name in tables.SYSTEM_RANDOM or name.startswith("secrets."):
        yield _unseeded(node, f"{name} takes the system's entropy")
    elif name in tables.SEEDED_BY_ARGUMENT and (not node.args or is_constant(node.args[0], None)) and not node.keywords:
        yield _unseeded(node, f"{name}() without a seed takes the system's entropy")
    elif name == "open" and node.args and is_constant(node.args[0], "/dev/urandom", "/dev/random"):
        yield _unseeded(node, "it reads the system's entropy")
    elif last(name) in {"seed", "manual_seed", "Generator"} or name in tables.SEEDERS:
        for inner in (found for given in node.args for found in ast.walk(given) if isinstance(found, ast.Call)):
            if names.of(inner) in tables.CLOCK or names.of(inner) in {"os.getpid", "id"}:
                why = f"the seed is {names.of(inner)}(), another one in every run"
                yield _at(node, "time-seed", "error", why, "leave seeding to the job's seed, or use a constant")


def _clock(node: ast.Call, name: str) -> Iterator[Finding]:
    bare = not (name in {"time.localtime", "time.gmtime", "time.ctime"} and node.args)
    if (name in tables.CLOCK and bare) or (name == "time.strftime" and len(node.args) < 2):
        yield _at(node, "clock", "warning", f"{name}: {_CLOCK_WHY}", _CLOCK_FIX)


def _machine(node: ast.Call, name: str) -> Iterator[Finding]:
    if name in tables.MACHINE:
        why = f"{name} says something else on every machine"
        yield _at(node, "machine", "warning", why, "pass it as an argument of the job")
    elif name in tables.SWITCH_CALLS:
        yield _switch(node, name)
    elif name == "id" and len(node.args) == 1:
        yield _at(node, "address", "warning", "addresses differ in every run", "number the objects yourself")
    elif name in tables.UNINITIALISED:
        why = f"{name} shows whatever the memory held"
        yield _at(node, "uninitialised", "warning", why, "use zeros, or fill all of it before reading")


def _kernels(node: ast.Call, name: str) -> Iterator[Finding]:
    method = last(name) or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    of_torch = name.startswith("torch.")
    if name in tables.RAISES_ANYWHERE:
        yield _kernel(node, "error", f"{name} has no deterministic kernel")
    elif name in tables.RAISES_ON_GPU:
        level: Level = "warning" if name == "torch.cumsum" else "error"
        yield _kernel(node, level, f"{name} has no deterministic kernel on a GPU")
    elif name in tables.RAISES_SOMETIMES and not _harmless(node, name):
        yield _kernel(node, "warning", f"{name} has no deterministic kernel on a GPU {tables.RAISES_SOMETIMES[name]}")
    elif not of_torch and isinstance(node.func, ast.Attribute) and not name.startswith("numpy."):
        accumulates = method == "put_" and is_constant(keyword(node, "accumulate"), True)
        if method in tables.METHODS and not accumulates:
            yield _kernel(node, "warning", f"Tensor.{method} has no deterministic kernel {tables.METHODS[method]}")


def _harmless(node: ast.Call, name: str) -> bool:
    mode = keyword(node, "mode")
    if name.endswith(("interpolate", "Upsample")):
        return mode is None or is_constant(mode, "nearest", "nearest-exact", "area")
    if "mbedding" in name:
        return mode is None or is_constant(mode, "sum", "mean")
    return name.endswith("bincount") and len(node.args) < 2 and keyword(node, "weights") is None


def _loader(node: ast.Call, name: str) -> Iterator[Finding]:
    if last(name) != "DataLoader":
        return
    workers = keyword(node, "num_workers")
    if workers is None or is_constant(workers, 0) or keyword(node, "worker_init_fn") is not None:
        return
    why = "worker processes draw from generators of their own, and nothing seeds them per sample"
    fix = "num_workers=0, or a worker_init_fn that seeds by the sample's index"
    yield _at(node, "loader-workers", "error", why, fix)


def _unseeded(node: ast.AST, why: str) -> Finding:
    fix = "use random, numpy.random or torch, which the job's seed has seeded"
    return _at(node, "unseeded-random", "error", why, fix)


def _kernel(node: ast.AST, level: Level, why: str) -> Finding:
    fix = "use an operation that has one; preflight shows whether torch raises"
    return _at(node, "no-deterministic-kernel", level, why, fix)


def _switch(node: ast.AST, name: str) -> Finding:
    why = f"{name} is set by the worker, for run and audit alike"
    return _at(node, "switch", "error", why, "leave it alone; threads are an option of the job")


def _at(node: ast.AST, rule: str, level: Level, why: str, fix: str) -> Finding:
    return Finding(rule, level, f"line {getattr(node, 'lineno', 0)}", why, fix)


def _targets(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def _variable(target: ast.AST, names: Names) -> str:
    """The pinned variable that os.environ[...] sets; empty: none."""
    if not isinstance(target, ast.Subscript) or names.of(target.value) != "os.environ":
        return ""
    name = target.slice.value if isinstance(target.slice, ast.Constant) else ""
    return name if isinstance(name, str) and name.startswith(tables.PINNED_VARIABLES) else ""
