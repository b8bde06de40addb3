"""A file or a notebook cell as a list of top-level statements, each with what it binds and what it uses."""

from __future__ import annotations

import ast
import inspect
import symtable
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tensorgrid.domain.errors import FunctionNotPortable


@dataclass(frozen=True)
class Statement:
    """One top-level statement in its own words.

    binds: module-level names it sets. changes: names whose items or attributes it sets. uses: names it looks up at
    module level, from any depth; maybe: the same, where the name may as well mean something else. declares: names that
    functions in it set through `global`.
    """

    text: str
    line: int
    binds: frozenset[str]
    changes: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    declares: frozenset[str] = frozenset()
    star: str | None = None

    @classmethod
    def of(cls, text: str, node: ast.AST, line: int) -> Statement:
        names = _Names()
        names.read(symtable.symtable(text, "<bundle>", "exec"))
        imported = isinstance(node, ast.Import | ast.ImportFrom)
        hints = frozenset() if imported else _annotation_names(node)
        uses = frozenset(names.uses)
        return cls(
            text,
            line,
            frozenset(names.binds),
            frozenset(_changed_names(node)) - names.binds,
            uses - hints,
            frozenset(names.maybe) | uses & hints,
            frozenset(names.declares),
        )


class Unit:
    """The source an object was defined in, reduced to what may travel of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        # Lines as the compiler counts them: str.splitlines would also split at form feeds and the like.
        self.lines = [line + "\n" for line in text.split("\n")]
        self.futures: set[str] = set()
        self.statements: list[Statement] = []
        self.tree = ast.parse(text)
        for node in self.tree.body:
            self.statements += self._statements(node)

    @classmethod
    def of(cls, thing: Any, cache: dict[str, Unit]) -> Unit:
        """The unit that a function or class was defined in. Raises FunctionNotPortable."""
        name = getattr(thing, "__name__", str(thing)[:80])
        try:
            text = "".join(inspect.findsource(_code_holder(thing))[0])
        except (OSError, TypeError) as error:
            raise FunctionNotPortable(f"the source of {name} is not at hand ({error}); define it in a file") from error
        if text not in cache:
            try:
                cache[text] = cls(text)
            except (SyntaxError, ValueError, RecursionError) as error:
                raise FunctionNotPortable(
                    f"the source of {name} does not parse: {error}; has its file changed?"
                ) from error
        return cache[text]

    def segment(self, node: ast.stmt) -> str:
        """The statement's own text, decorators included."""
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            return "".join(self.lines[decorators[0].lineno - 1 : node.end_lineno]).rstrip()
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def functions(self) -> Iterator[ast.FunctionDef]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))

    def _statements(self, node: ast.stmt) -> Iterator[Statement]:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            self.futures |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield _import(ast.Import([alias]), node.lineno)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield _import(ast.ImportFrom(node.module, [alias], node.level), node.lineno)
        elif not _never_travels(node):
            yield Statement.of(self.segment(node), node, node.lineno)


class _Names:
    """Collects from the compiler's own symbol tables, so that scoping is Python's."""

    def __init__(self) -> None:
        self.binds: set[str] = set()
        self.uses: set[str] = set()
        self.maybe: set[str] = set()
        self.declares: set[str] = set()

    def read(self, table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            name = symbol.get_name()
            if table.get_type() == "module":
                if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                    self.binds.add(name)
                if symbol.is_referenced():
                    self.uses.add(name)
            elif symbol.is_global():
                self.uses.add(name)
                if symbol.is_declared_global() and symbol.is_assigned():
                    self.declares.add(name)
            elif table.get_type() == "class" and symbol.is_referenced():
                self.maybe.add(name)
        for child in table.get_children():
            self.read(child)


def _import(node: ast.Import | ast.ImportFrom, line: int) -> Statement:
    text = ast.unparse(node)
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        return Statement(text, line, frozenset(), star=node.module or "")
    return Statement.of(text, node, line)


def _never_travels(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":` runs here only, `if TYPE_CHECKING:` never runs; a bare expression binds nothing."""
    if isinstance(node, ast.If):
        names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        names |= {n.attr for n in ast.walk(node.test) if isinstance(n, ast.Attribute)}
        return bool(names & {"__name__", "TYPE_CHECKING"})
    return isinstance(node, ast.Expr | ast.Pass)


def _changed_names(node: ast.AST) -> Iterator[str]:
    """Roots of `name[...] = ...` and `name.attribute = ...` at module level."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        root: ast.expr = node
        while isinstance(root, ast.Subscript | ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            yield root.id
    for child in ast.iter_child_nodes(node):
        yield from _changed_names(child)


def _annotation_names(node: ast.AST) -> frozenset[str]:
    """Names in annotations and nowhere else: they may be absent where the code runs."""
    hints: set[str] = set()
    others: set[str] = set()
    _sort_names(node, hints, others, inside=False)
    return frozenset(hints - others)


def _sort_names(node: ast.AST, hints: set[str], others: set[str], *, inside: bool) -> None:
    if isinstance(node, ast.Name):
        (hints if inside else others).add(node.id)
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                _sort_names(child, hints, others, inside=inside or field in ("annotation", "returns"))


def _code_holder(thing: Any) -> Callable[..., Any] | type:
    """A class of a notebook has no file of its own; its methods know their cell."""
    if isinstance(thing, type):
        for value in vars(thing).values():
            function = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else None
            if inspect.isfunction(function) and not function.__code__.co_filename.startswith("<string>"):
                return function
    holder: Callable[..., Any] | type = thing
    return holder
