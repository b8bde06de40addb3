"""Which imports a worker can satisfy: installed packages travel by name, a file of the user's does not travel."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tensorgrid.domain.errors import FunctionNotPortable


def check_imports(text: str) -> None:
    """Raises FunctionNotPortable for a relative import, and for one of a file that is no installed package."""
    for name, level in _imports(text):
        if level:
            raise FunctionNotPortable(
                "it imports from its own package, which does not travel; put what it needs into one file"
            )
        top = name.partition(".")[0]
        if _is_users_file(top):
            raise FunctionNotPortable(
                f"it imports {top}, a file of yours that does not travel; put what it needs into one file"
            )


def _imports(text: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


def _is_users_file(top: str) -> bool:
    # What is not installed here may well be installed where the job runs.
    if top in sys.stdlib_module_names or top == "tensorgrid":
        return False
    places = _places(top)
    if not places or any(place.is_relative_to(root) for place in places for root in _roots()):
        return False
    return top not in _installed()


def _places(top: str) -> list[Path]:
    module = sys.modules.get(top)
    try:
        spec = getattr(module, "__spec__", None) or importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    named = [
        getattr(module, "__file__", None),
        getattr(spec, "origin", None),
        *(getattr(spec, "submodule_search_locations", None) or []),
    ]
    return [
        Path(place).resolve()
        for place in named
        if isinstance(place, str) and place not in ("built-in", "frozen", "namespace")
    ]


@cache
def _roots() -> tuple[Path, ...]:
    names = [*site.getsitepackages(), site.getusersitepackages()]
    names += [sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib", "platstdlib")]
    return tuple({Path(name).resolve() for name in names})


@cache
def _installed() -> frozenset[str]:
    """Top-level names of installed distributions, editable ones included."""
    return frozenset(importlib.metadata.packages_distributions())
