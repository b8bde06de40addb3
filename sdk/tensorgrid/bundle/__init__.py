"""Function transport: the source of one function and of what it uses from its module, and nothing else of that module.

The module's syntax tree is reduced to the function plus the module-level imports, definitions and assignments it
reaches by name, in their order and in their own words. Statements such as `run = train.submit()` thus never travel;
neither do calls that only change something (`table.append(1)`): build constants in one assignment.

Names that the function's own file does not bind (cells of a notebook, an interactive session) travel by value: modules
as imports, functions and classes as source, plain constants as literals.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tensorgrid.bundle.imports import check_imports
from tensorgrid.bundle.reduction import Reduction
from tensorgrid.domain.errors import FunctionNotPortable
from tensorgrid.domain.specs import MAX_BUNDLE_BYTES

__all__ = ["Bundle", "bundle_of"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Python source, UTF-8, and the name in it to call."""

    source: bytes
    entry: str


def bundle_of(function: Callable[..., Any]) -> Bundle:
    """What travels of a function; equal sources give equal bytes.

    Raises FunctionNotPortable for lambdas, methods, closures, generators, coroutines, functions whose source is not at
    hand, functions that need a file of yours or a value that is no plain constant, and for more than 1 MiB of source.
    """
    plain = inspect.unwrap(function)
    _check_kind(plain)
    entry = plain.__code__.co_name
    text = Reduction(plain).text()
    try:
        compile(text, "<bundle>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise FunctionNotPortable(f"{entry} does not stand alone as source: {error}; simplify its module") from error
    check_imports(text)
    source = text.encode()
    if len(source) > MAX_BUNDLE_BYTES:
        raise FunctionNotPortable(
            f"{entry} with what it uses has {len(source)} bytes of source, at most {MAX_BUNDLE_BYTES} travel; "
            "pass data as arrays"
        )
    return Bundle(source, entry)


def _check_kind(function: Any) -> None:
    if not inspect.isfunction(function):
        raise FunctionNotPortable(f"{type(function).__name__} is no plain function; write a module-level def")
    name = function.__qualname__
    if function.__code__.co_name == "<lambda>":
        raise FunctionNotPortable("a lambda has no name to call; write a module-level def")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise FunctionNotPortable(f"{name} is async; a job is one plain call: write it as def")
    if inspect.isgeneratorfunction(function):
        raise FunctionNotPortable(f"{name} yields; a job returns one dict: collect the values, or use tg.report")
    if function.__code__.co_freevars:
        taken = ", ".join(function.__code__.co_freevars)
        raise FunctionNotPortable(f"{name} uses {taken} of an enclosing function; pass it as an argument")
    if "." in name.rpartition("<locals>.")[2]:
        raise FunctionNotPortable(f"{name} is a method; write a module-level def that takes what it needs as arguments")
