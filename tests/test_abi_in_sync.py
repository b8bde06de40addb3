"""The committed artifacts are what the sources compile to: ABI, bytecode, settings, to the byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scripts.deep import tools  # noqa: F401 - it puts scripts/, which is not installed, on the path
from scripts.export_abi import ARTIFACTS, SHIPPED, compiled_from, outdated_doubles

LEDGERS = ("Escrow", "StakeVault", "WorkerRegistry")


@pytest.mark.slow
@pytest.mark.parametrize("names", [LEDGERS, pytest.param((), marks=pytest.mark.stories)], ids=["ledgers", "all"])
def test_artifacts_are_what_the_sources_compile_to(root: Path, names: tuple[str, ...]) -> None:
    """All of them take five minutes; that each is of its sources as they are is seen below without a compiler."""
    check = subprocess.run(
        [sys.executable, root / "scripts" / "export_abi.py", "--check", *names],
        capture_output=True,
        text=True,
        cwd=root,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_doubles__each__was_compiled_from_its_sources_as_they_are() -> None:
    """Not compiled again: they hold no money. Imports are read as the compiler does: of shipped ones it has told us."""
    assert outdated_doubles() == []
    for name, path in SHIPPED.items():
        assert compiled_from(ARTIFACTS / f"{name}.json", path), name


def test_doubles__another_line_in_what_one_imports__is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes
    longer = lambda file: read(file) + b"\n" * (file.name == "JobWord.sol")  # noqa: E731
    monkeypatch.setattr(Path, "read_bytes", longer)
    assert "StubVerifier" in [file.stem for file in outdated_doubles()]
