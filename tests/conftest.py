"""What every test gets: a home of its own, no network beyond this machine, and a word on missing GPUs."""

from __future__ import annotations

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from eth_hash.auto import keccak
from eth_hash.backends import pysha3

ROOT = Path(__file__).resolve().parent.parent

# The same examples every time: a run that fails, fails again. TENSORGRID_EXPLORE=1 looks for new ones.
hypothesis.settings.register_profile("tensorgrid", derandomize=not os.environ.get("TENSORGRID_EXPLORE"))
hypothesis.settings.load_profile("tensorgrid")

# py-evm, which ape's tests run on, hashes at every look into storage. Of both libraries eth-hash takes the slow one.
keccak.hasher, keccak.preimage = pysha3.backend.keccak256, pysha3.backend.preimage

# ape and torch are a million objects: looking for cycles after every 700 new ones took an eighth of a contract's test.
gc.set_threshold(50_000, 10, 10)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """TENSORGRID_HOME for the whole run: no test reads or writes the user's."""
    home = tmp_path_factory.mktemp("tensorgrid-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSORGRID_HOME", str(home))
        yield home


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Tests talk to anvil and to doubles on the loopback interface; anything else is a mistake in the test."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if self.family in (socket.AF_INET, socket.AF_INET6) and host is not None and not _is_loopback(str(host)):
            raise ConnectionRefusedError(f"a test tried to reach {host}; tests stay on this machine")
        connect(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


WAITING = ("tests/worker/test_restart.py", "tests/network/", "tests/chaos/")
"""Files that mostly wait for blocks. One beside every few others keeps the machine busy from beginning to end."""
LONGEST_NAME = 200
FIRST = "tests/test_abi_in_sync.py"
"""Compiles everything, on one core."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    items[:] = [item for name in _spread(list(files)) for item in files[name]]
    wanting = [item for item in items if item.get_closest_marker("gpu")]
    if wanting and (reason := _no_gpu()):
        for item in wanting:
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test's name travels with each of its reports, and in the environment of what it starts: no megabytes."""
    return f"{argname} of {len(val)}" if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


def pytest_collection_finish() -> None:
    """What is imported by now stays: no search for cycles looks through it again."""
    gc.collect()
    gc.freeze()


def _spread(files: list[str]) -> list[str]:
    waiting = [name for name in files if name.startswith(WAITING)]
    working = sorted((name for name in files if name not in waiting), key=lambda name: name != FIRST)
    every = max(1, len(working) * 2 // 3 // max(1, len(waiting)))  # all of them in the first two thirds
    spread: list[str] = []
    for at, name in enumerate(working):
        spread.append(name)
        if waiting and at % every == 0:
            spread.append(waiting.pop(0))
    return spread + waiting


def _no_gpu() -> str:
    """Why there is no GPU to test on; empty when there is one."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return "" if pynvml.nvmlDeviceGetCount() else "this machine has no GPU"
        finally:
            pynvml.nvmlShutdown()
    except Exception as error:
        return f"this machine has no usable GPU: {error}"
