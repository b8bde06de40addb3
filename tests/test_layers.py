"""Which package may import which, and how light `import tensorgrid` is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("web3", "eth_account", "torch", "numpy", "pyrage", "ape", "typer", "rich", "httpx", "sklearn", "pydantic")

# Reports what importing did: modules loaded, files opened for writing, sockets connected.
WATCHER = """
import json, sys
written, connected = [], []
def watch(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        written.append(str(args[0]))
    elif event == "socket.connect":
        connected.append(str(args[1]))
sys.addaudithook(watch)
import tensorgrid as tg
tg.job, tg.report
print(json.dumps({"modules": sorted(sys.modules), "written": written, "connected": connected}))
"""


@pytest.fixture(scope="module")
def import_effects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What `import tensorgrid as tg; tg.job; tg.report` loads, writes and connects to, in a fresh interpreter."""
    run = subprocess.run(
        [sys.executable, "-B", "-c", WATCHER],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    effects: dict[str, list[str]] = json.loads(run.stdout)
    return effects


def test_layers__import_linter__keeps_every_contract(root: Path) -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=root,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


def test_import__tensorgrid__is_light(import_effects: dict[str, list[str]]) -> None:
    """The sandbox imports tensorgrid for `report`; it has no use for a chain client."""
    loaded = {name.partition(".")[0] for name in import_effects["modules"]}
    assert "tensorgrid" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_import__tensorgrid__writes_no_file_and_opens_no_socket(import_effects: dict[str, list[str]]) -> None:
    assert import_effects["written"] == []
    assert import_effects["connected"] == []


def test_public_names__all__is_sorted_and_importable() -> None:
    import tensorgrid

    assert list(tensorgrid.__all__) == sorted(tensorgrid.__all__)
    for name in tensorgrid.__all__:
        assert getattr(tensorgrid, name) is not None
