"""Reads a job's source, without running it, for what makes two runs of it differ."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.lint import calls, order
from tensorgrid.lint.findings import Finding
from tensorgrid.lint.items import of_items
from tensorgrid.lint.names import Names
from tensorgrid.lint.norms import before_norms

MAX_BYTES = 1 << 20
_ALLOW = re.compile(r"#\s*tg:\s*allow\s+([a-z ,-]+)")

Rule = Callable[[ast.AST, Names], Iterator[Finding]]
RULES: tuple[Rule, ...] = (calls.of_calls, calls.of_assignments, calls.of_imports, order.of_order, before_norms)


def lint_source(source: str | bytes, *, gpu: bool = True, items: bool = False) -> list[Finding]:
    """By line. `gpu`: whether it may run on one; without, what only CUDA lacks is left out. `items`: it is called once
    per item of a batch.

    A line that ends with `# tg: allow RULE` is not asked about that rule. Raises SpecInvalid for what is no Python.
    """
    text = source.decode(errors="replace") if isinstance(source, bytes) else source
    if len(text) > MAX_BYTES:
        raise SpecInvalid(f"the source has {len(text)} characters, at most {MAX_BYTES} travel; pass data as arrays")
    rules = (*RULES, of_items) if items else RULES
    try:
        tree = ast.parse(text)
        names = Names(tree)
        found = {finding for rule in rules for finding in rule(tree, names)}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpecInvalid(f"this is no Python that can be read: {error}; does it run?") from error
    allowed = _allowed(text)
    kept = [one for one in found if one.rule not in allowed.get(one.place, ()) and (gpu or "on a GPU" not in one.why)]
    return sorted(kept, key=lambda one: (int(one.place.rpartition(" ")[2]), one.rule, one.why))


def _allowed(text: str) -> dict[str, set[str]]:
    """Rules by place."""
    lines = ((number, _ALLOW.search(line)) for number, line in enumerate(text.split("\n"), 1))
    return {f"line {number}": set(re.split(r"[ ,]+", found[1].strip())) for number, found in lines if found}
