"""Values without source at hand: modules and their members as imports, plain constants as literals."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

_MAX_LITERAL = 64 * 1024


def alias_text(name: str, value: Any) -> str | None:
    """The import statement that binds `name` to a module or to a module's member; None where there is none."""
    if isinstance(value, ModuleType):
        return _import_module(name, value.__name__)
    home, member = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(home, str) or not isinstance(member, str) or home == "__main__" or not member.isidentifier():
        return None
    if getattr(sys.modules.get(home), member, None) is not value:
        return None
    return f"from {home} import {member}" + ("" if member == name else f" as {name}")


def literal_text(name: str, value: Any) -> str | None:
    """`name = <literal>` of numbers, text, None, and lists, tuples and dicts of them; None for anything else."""
    if not _is_plain(value, 32):
        return None
    text = f"{name} = {value!r}"
    return text if len(text) <= _MAX_LITERAL else None


def _import_module(name: str, module: str) -> str:
    if module == name:
        return f"import {name}"
    package, _, last = module.rpartition(".")
    return f"from {package} import {name}" if package and last == name else f"import {module} as {name}"


def _is_plain(value: Any, depth: int) -> bool:
    if value is None or type(value) in (bool, int, str, bytes):
        return True
    if type(value) is float:
        return math.isfinite(value)
    if depth == 0:
        return False
    if type(value) in (list, tuple):
        return all(_is_plain(item, depth - 1) for item in value)
    return type(value) is dict and all(_is_plain(k, 0) and _is_plain(v, depth - 1) for k, v in value.items())
