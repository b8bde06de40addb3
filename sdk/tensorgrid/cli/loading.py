"""FILE.py:FUNCTION and NAME=VALUE: what `tensorgrid submit` is given, as Python values."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorgrid.domain.errors import SpecInvalid

_MAX_TEXT = 1 << 20


def function_from(text: str) -> Any:
    """Import the user's own file and take the function out of it. Raises SpecInvalid."""
    file, colon, name = text.rpartition(":")
    path = Path(file)
    if not colon or not name.isidentifier() or not path.is_file():
        raise SpecInvalid(f"{text[:200]!r} is not FILE.py:FUNCTION of a file that exists, such as train.py:train")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SpecInvalid(f"{path} cannot be imported; is it Python?")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SpecInvalid(f"{path} does not import: {type(error).__name__}: {error}") from error
    if not callable(getattr(module, name, None)):
        raise SpecInvalid(f"{path} has no function {name}")
    return getattr(module, name)


def texts_of(files: Sequence[Path] | None) -> list[str]:
    """What the files say; "-" is standard input. Raises SpecInvalid."""
    return [text_of(file) for file in files or ()]


def text_of(file: Path) -> str:
    """At most a megabyte of it; "-" is standard input. Raises SpecInvalid."""
    try:
        if str(file) == "-":
            return sys.stdin.read(_MAX_TEXT)
        with file.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MAX_TEXT)
    except OSError as error:
        raise SpecInvalid(f"{file} cannot be read: {error.strerror}") from error


def arguments_from(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE, the value as JSON where it is JSON, else as text. Raises SpecInvalid."""
    arguments: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier() or name in arguments:
            raise SpecInvalid(f"{pair[:80]!r} is not NAME=VALUE of a new name, such as epochs=3")
        try:
            arguments[name] = json.loads(text)
        except ValueError:
            arguments[name] = text
    return arguments
