#!/usr/bin/env python3
"""Run a command beside a real IPFS daemon: js-ipfs from npm, offline, on free loopback ports, gone at the end.

    python scripts/ipfs_daemon.py -- python -m pytest -m ipfs

The command finds the daemon's RPC in TENSORGRID_TEST_IPFS_URL; its exit status is ours. The daemon is installed once,
into the user's cache folder. Exits 1 with one sentence without Node 20 and npm, or when the daemon does not start.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

PACKAGE, VERSION = "ipfs", "0.66.1"
OLDEST_NODE = 20
INSTALL_SECONDS = 1800
START_SECONDS = 90
URL_VARIABLE = "TENSORGRID_TEST_IPFS_URL"
# js-ipfs ended before Node 22 and after it began to use what only Node 22 has.
POLYFILL = """if (!Promise.withResolvers) {
  Promise.withResolvers = function () {
    let resolve, reject
    const promise = new this((a, b) => { resolve = a; reject = b })
    return { promise, resolve, reject }
  }
}
"""
# It meets nobody: no peers, no discovery, no routing; every port is chosen by the system.
CONFIG = {
    "Bootstrap": [],
    "Discovery": {"MDNS": {"Enabled": False, "Interval": 10}, "webRTCStar": {"Enabled": False}},
    "Routing": {"Type": "none"},
}
LISTEN = "/ip4/127.0.0.1/tcp/0"
ADDRESSES = {"Swarm": [], "Delegates": [], "API": LISTEN, "Gateway": LISTEN, "RPC": LISTEN}
PR_SET_PDEATHSIG = 1


def main() -> int:
    if len(sys.argv) < 3 or sys.argv[1] != "--":
        raise _failed("usage: ipfs_daemon.py -- COMMAND [ARGUMENT ...]")
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    node, npm = _node()
    home = platformdirs.user_cache_path("tensorgrid") / "toolchain" / f"{PACKAGE}-{VERSION}"
    _install(home, npm)
    command = [node, "--require", str(home / "polyfill.cjs"), str(home / "node_modules" / "ipfs" / "src" / "cli.js")]
    with tempfile.TemporaryDirectory(prefix="tensorgrid-ipfs-") as folder, _daemon(command, Path(folder)) as url:
        environment = os.environ | {URL_VARIABLE: url}
        return subprocess.run(sys.argv[2:], env=environment, check=False).returncode


def _node() -> tuple[str, str]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise _failed(
            f"there is no Node with npm on PATH; install Node {OLDEST_NODE} or newer, or run `make test-ipfs`"
        )
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    if int(answer.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        raise _failed(f"Node {answer} is too old; install Node {OLDEST_NODE} or newer, or run `make test-ipfs`")
    return node, npm


def _install(home: Path, npm: str) -> None:
    """Once; a second process waits for the first."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home / ".installed").exists():
            return
        print(f"Installing {PACKAGE} {VERSION} from npm into {home} (300 MB, some minutes, once) ...", flush=True)
        (home / "polyfill.cjs").write_text(POLYFILL, encoding="utf-8")
        # Nobody's install scripts are run: the one native module brings its binaries along.
        command = [
            npm,
            "install",
            "--prefix",
            str(home),
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            "--ignore-scripts",
        ]
        try:
            done = (
                subprocess.run([*command, f"{PACKAGE}@{VERSION}"], timeout=INSTALL_SECONDS, check=False).returncode == 0
            )
        except subprocess.TimeoutExpired:
            done = False
        if not done:
            raise _failed("npm could not install the IPFS daemon; is its registry reachable? Run it again when it is")
        (home / ".installed").touch()


@contextmanager
def _daemon(command: list[str], folder: Path) -> Iterator[str]:
    """A ready daemon's RPC as URL."""
    repository, log = folder / "repository", folder / "daemon.log"
    environment = os.environ | {"IPFS_PATH": str(repository)}
    init = subprocess.run(
        [*command, "init", "--empty-repo"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    if init.returncode != 0:
        raise _failed(f"the IPFS daemon could not make its repository: {(init.stdout + init.stderr)[-2000:]}")
    _configure(repository / "config")
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [*command, "daemon", "--offline"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and no thread is running
        )
    try:
        yield _ready(daemon, repository / "api", log)
    finally:
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _configure(path: Path) -> None:
    config = json.loads(path.read_text(encoding="utf-8")) | CONFIG
    config["Addresses"] |= ADDRESSES
    path.write_text(json.dumps(config), encoding="utf-8")


def _ready(daemon: subprocess.Popen[bytes], api: Path, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        if b"Daemon is ready" in log.read_bytes():
            port = api.read_text(encoding="ascii").split("/tcp/")[1].split("/")[0]
            return f"http://127.0.0.1:{int(port)}"
        time.sleep(0.1)
    raise _failed(f"the IPFS daemon did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _failed(sentence: str) -> SystemExit:
    print(f"tensorgrid: {sentence}", file=sys.stderr)
    return SystemExit(1)


if __name__ == "__main__":
    sys.exit(main())
