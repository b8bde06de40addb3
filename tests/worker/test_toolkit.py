"""Known ways out of containers through NVIDIA's toolkit: doctor must name them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorgrid_worker.sandbox.toolkit import toolkit_problem


def fake(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-ctk"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("1.16.1", ["CVE-2024-0132", "CVE-2025-23266", "CVE-2025-23267", "CVE-2026-24260"]),
        ("1.16.2", ["CVE-2025-23266", "CVE-2025-23267", "CVE-2026-24260"]),
        ("1.17.7", ["CVE-2025-23266", "CVE-2025-23267", "CVE-2026-24260"]),
        ("1.17.8", ["CVE-2026-24260"]),
        ("1.19.0", ["CVE-2026-24260"]),
    ],
)
def test_attack_toolkit__old__named_with_the_fix(
    version: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, f"echo 'NVIDIA Container Toolkit CLI version {version}'\necho 'commit: 0f0f'", monkeypatch)
    said = toolkit_problem()
    assert said is not None and said.endswith("upgrade it to 1.19.1 or newer")
    assert [word.strip(",:") for word in said.split() if word.startswith("CVE")] == names


@pytest.mark.parametrize("version", ["1.19.1", "1.20.0", "2.0.0"])
def test_toolkit__new_enough__nothing_to_say(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, f"echo 'NVIDIA Container Toolkit CLI version {version}'", monkeypatch)
    assert toolkit_problem() is None


@pytest.mark.parametrize("script", ["exit 3", "echo rubbish", "printf '\\377\\376'"])
def test_toolkit__tells_nothing__is_a_problem(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(tmp_path, script, monkeypatch)
    assert "does not tell its version" in str(toolkit_problem())


def test_toolkit__absent__nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert toolkit_problem() is None
