"""The npm solc, kept warm in a process of its own (compiler.js)."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deep import tools


class Compiler:
    """Compiles contracts of one folder. Answers are remembered; may be used from several threads."""

    def __init__(self, root: Path) -> None:
        node = shutil.which("node")
        if node is None:
            raise SystemExit("Node 20 or newer is missing: run `make toolchain`.")
        self._root = root
        self._known: dict[str, str | None] = {}
        self._one_at_a_time = threading.Lock()
        self._process = subprocess.Popen(
            [node, Path(__file__).with_suffix(".js"), tools.ROOT / "node_modules" / "solc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def bytecode(
        self, file: str, contract: str, settings: Mapping[str, Any], instead: Mapping[str, str] | None = None
    ) -> str | None:
        """Creation bytecode, or None where it does not compile. `instead`: texts that replace files."""
        request = {
            "root": str(self._root),
            "file": file,
            "contract": contract,
            "instead": dict(instead or {}),
            "settings": dict(settings),
        }
        line = json.dumps(request)
        with self._one_at_a_time:
            if instead or line not in self._known:
                self._known[line] = self._ask(line)
            return self._known[line]

    def _ask(self, line: str) -> str | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit("the compiler process has died")
        code = json.loads(answer).get("bytecode")
        return None if code is None else str(code)
