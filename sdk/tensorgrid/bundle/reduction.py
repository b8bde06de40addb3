"""From a function to the text of what it reaches by name."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from types import FunctionType, ModuleType
from typing import Any

from tensorgrid.bundle.units import Statement, Unit
from tensorgrid.bundle.values import alias_text, literal_text
from tensorgrid.domain.errors import FunctionNotPortable

_LAST = sys.maxsize
_MODULE_NAMES = frozenset(("__name__", "__doc__", "__builtins__", "__annotations__", "__debug__"))
_PLACE_NAMES = frozenset(("__file__", "__path__", "__spec__", "__loader__", "__package__", "__cached__"))


class Reduction:
    """What one function needs, gathered once; `text` is its source."""

    def __init__(self, function: FunctionType) -> None:
        self._globals = function.__globals__
        self._entry = function.__code__.co_name
        self._cache: dict[str, Unit] = {}
        self._kept: dict[Unit, dict[Statement, None]] = {}
        self._below: dict[Unit, dict[Unit, None]] = {}
        self._done: set[tuple[Unit, str]] = set()
        self._by_value: dict[str, str] = {}
        self._unit = Unit.of(function, self._cache)
        self._keep(self._unit, self._entry_statement(function))

    def text(self) -> str:
        futures = sorted(set().union(*(unit.futures for unit in self._kept)))
        parts = [f"from __future__ import {', '.join(futures)}"] if futures else []
        parts += sorted(self._by_value.values(), key=lambda text: (not text.startswith(("import ", "from ")), text))
        for unit in self._units_in_order(self._unit, set()):
            parts += [statement.text for statement in sorted(self._kept[unit], key=lambda s: s.line)]
        return _joined(parts)

    def _entry_statement(self, function: FunctionType) -> Statement:
        unit, line = self._unit, function.__code__.co_firstlineno
        for node in unit.functions():
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if node.name == self._entry and line in (first, node.lineno):
                break
        else:
            raise FunctionNotPortable(
                f"{self._entry} is not where its file said; the file has changed: import it again"
            )
        decorators = [f"@{ast.get_source_segment(unit.text, d)}" for d in node.decorator_list if not self._is_ours(d)]
        body = "".join(unit.lines[node.lineno - 1 : node.end_lineno]).rstrip()
        if node in unit.tree.body:
            return Statement.of("\n".join([*decorators, body]), node, node.lineno)
        # An indented definition keeps its indentation, as text inside it may depend on it.
        margin = body[: len(body) - len(body.lstrip())]
        text = "\n".join(["if True:", *(margin + d for d in decorators), body])
        return Statement.of(text, node, _LAST)

    def _is_ours(self, decorator: ast.expr) -> bool:
        """Whether it is @tg.job in any spelling: it buys, and has nothing to say inside the sandbox."""
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        path: list[str] = []
        while isinstance(target, ast.Attribute):
            path.insert(0, target.attr)
            target = target.value
        if not isinstance(target, ast.Name):
            return False
        path.insert(0, target.id)
        if path[0] not in self._globals:
            return path[-1] == "job"
        value: Any = self._globals[path[0]]
        for name in path[1:]:
            if not isinstance(value, ModuleType):
                break
            value = getattr(value, name, None)
        home = getattr(value, "__module__", None) or type(value).__module__
        return str(home).partition(".")[0] == "tensorgrid"

    def _keep(self, unit: Unit, statement: Statement) -> None:
        kept = self._kept.setdefault(unit, {})
        if statement in kept:
            return
        kept[statement] = None
        for name in sorted(statement.uses | statement.maybe):
            self._need(unit, name, certain=name in statement.uses)

    def _need(self, unit: Unit, name: str, *, certain: bool) -> None:
        """Keep what gives `name` its value."""
        if (unit, name) in self._done or (unit is self._unit and name == self._entry):
            return
        self._done.add((unit, name))
        if name in _PLACE_NAMES:
            raise FunctionNotPortable(
                f"{self._entry} uses {name}; a job has no file: pass what it would read as an argument"
            )
        binding = [s for s in unit.statements if name in s.binds]
        if binding:
            imported = all(s.text.startswith(("import ", "from ")) for s in binding)
            # Settings made on somebody else's module stay here: os.environ[...] = secret must not travel.
            changing = [] if imported else [s for s in unit.statements if name in s.changes]
            for statement in binding + changing:
                self._keep(unit, statement)
        elif name in self._globals and name not in _MODULE_NAMES:
            if not self._keep_star(unit, name):
                self._take_value(unit, name, self._globals[name], certain=certain)
        elif certain and not self._is_given(unit, name):
            raise FunctionNotPortable(
                f"{self._entry} uses {name}, which its module does not define; define or import it"
            )

    def _is_given(self, unit: Unit, name: str) -> bool:
        return hasattr(builtins, name) or name in _MODULE_NAMES or any(name in s.declares for s in unit.statements)

    def _keep_star(self, unit: Unit, name: str) -> bool:
        for statement in unit.statements:
            if statement.star is not None and hasattr(sys.modules.get(statement.star), name):
                self._keep(unit, statement)
                return True
        return False

    def _take_value(self, unit: Unit, name: str, value: Any, *, certain: bool) -> None:
        """A name of another cell, or of a session without a file: by what it stands for."""
        plain = inspect.unwrap(value) if callable(value) else value
        if self._is_of_this_namespace(plain):
            if name != plain.__name__:
                raise FunctionNotPortable(f"{name} is another name of {plain.__name__}; use one name for it")
            other = Unit.of(plain, self._cache)
            if any(name in s.binds for s in other.statements):
                if other is not unit:
                    self._kept.setdefault(other, {})
                    self._below.setdefault(unit, {})[other] = None
                self._need(other, name, certain=True)
                return
        text = alias_text(name, plain) or literal_text(name, value)
        if text is not None:
            self._by_value[name] = text
        elif certain:
            raise FunctionNotPortable(
                f"{self._entry} uses {name}, a {type(value).__name__} that has no source; pass it as an argument"
            )

    def _is_of_this_namespace(self, value: Any) -> bool:
        if inspect.isfunction(value):
            return value.__globals__ is self._globals
        return isinstance(value, type) and value.__module__ == self._globals.get("__name__")

    def _units_in_order(self, unit: Unit, seen: set[Unit]) -> list[Unit]:
        """Each after those whose names it uses."""
        if unit in seen:
            return []
        seen.add(unit)
        below = [u for other in self._below.get(unit, {}) for u in self._units_in_order(other, seen)]
        return [*below, unit]


def _joined(parts: list[str]) -> str:
    """One line between imports, two blank ones around the rest."""
    text = ""
    for before, part in zip(["", *parts], parts, strict=False):
        both_imports = all(p.startswith(("import ", "from ")) for p in (before, part))
        text += ("\n" if both_imports else "\n\n\n") * bool(text) + part
    return text + "\n"
