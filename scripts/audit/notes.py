"""What a part of the bench has measured so far, so that a part that was cut goes on where it was."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "bench"
SOURCES = ("sdk", "worker", "scripts/audit")


class Notes:
    """Of one part. They hold for the same settings and the same sources: after a change of either it begins anew.

    Safe to be used from several threads.
    """

    def __init__(self, part: str, total: int, settings: Mapping[str, Any], folder: Path = FOLDER) -> None:
        self._part, self._total, self._began = part, total, time.monotonic()
        self._file, self._lock = folder / f"audit-{part}.part.json", threading.Lock()
        self._stamp = hashlib.sha256(json.dumps([settings, _sources()], sort_keys=True).encode()).hexdigest()
        self._known: dict[str, Any] = self._read()
        if self._known:
            self.say(f"{len(self._known)} of {total} are there already")

    def get(self, key: object) -> Any:
        """None: not measured yet."""
        with self._lock:
            return self._known.get(str(key))

    def put(self, key: object, value: Any, told: str = "") -> None:
        """Keep a JSON value, and say how far it is."""
        with self._lock:
            self._known[str(key)] = value
            self._file.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._file.with_suffix(".new")
            fresh.write_text(json.dumps({"stamp": self._stamp, "known": self._known}), encoding="utf-8")
            fresh.replace(self._file)
            done = len(self._known)
        self.say(f"{done} of {self._total}" + (f": {told}" if told else ""))

    def say(self, text: str) -> None:
        """A line of progress, beside the output."""
        print(f"[{time.monotonic() - self._began:5.0f} s] {self._part}: {text}", file=sys.stderr, flush=True)

    def forget(self) -> None:
        """The part is whole: the next run measures anew."""
        self._file.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            value = json.loads(self._file.read_text(encoding="utf-8"))
            known = value["known"] if value["stamp"] == self._stamp else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return known if isinstance(known, dict) else {}


def _sources() -> str:
    """Of everything that is measured."""
    found = hashlib.sha256()
    for path in sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py")):
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
