"""The committed artifacts are what the sources compile to: ABI, bytecode, settings, to the byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_artifacts_are_what_the_sources_compile_to(root: Path) -> None:
    check = subprocess.run(
        [sys.executable, root / "scripts" / "export_abi.py", "--check"], capture_output=True, text=True, cwd=root
    )
    assert check.returncode == 0, check.stdout + check.stderr
