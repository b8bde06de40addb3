"""Where the checking tools are, and how forge is called: the real binary, with the compiler that install_solc found.

npm's launcher of forge exits 0 when tests fail, so nothing here ever calls that. Halmos, slither and universalmutator
lie in an environment of their own (`make deep-tools`): their versions of web3 and eth-abi are not ape's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import install_solc  # noqa: E402 - in scripts, which is not installed

ARTIFACTS = Path("sdk/tensorgrid/artifacts")  # what is shipped, relative to a tree's root
DEEP_TOOLS = Path(sys.prefix) / "deep-tools"


def forge() -> Path:
    """The program itself. Raises SystemExit when npm has not brought it."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge*"))
    if not found:
        raise SystemExit(f"forge is missing: run `npm install` in {ROOT}, or `make toolchain`.")
    return found[0]


def tool(name: str) -> Path:
    """A program of the environment beside ours. Raises SystemExit when it is not there."""
    path = DEEP_TOOLS / "bin" / name
    if not path.exists():
        raise SystemExit(f"{name} is missing: run `make deep-tools`.")
    return path


def environment(profile: str | None = None) -> dict[str, str]:
    """For forge and whoever calls it: the real forge and the solver's programs come first on PATH."""
    path = os.pathsep.join((str(forge().parent), str(DEEP_TOOLS / "bin"), os.environ["PATH"]))
    wanted = {"PATH": path, "FOUNDRY_SOLC": str(install_solc.ensure()), "NO_COLOR": "1"}
    if profile is not None:
        wanted["FOUNDRY_PROFILE"] = profile
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FOUNDRY_", "DAPP_"))}
    return kept | wanted


def run_forge(
    *arguments: str,
    profile: str = "default",
    cwd: Path = ROOT,
    seconds: float | None = None,
    from_source: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run forge and keep what it says. Raises subprocess.TimeoutExpired.

    `from_source`: tests deploy what forge has compiled itself, not what is shipped (tests/forge/base/Base.sol).
    """
    return subprocess.run(
        [forge(), *arguments],
        cwd=cwd,
        env=environment(profile) | ({"FORGE_FROM_SOURCE": "true"} if from_source else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )


def profile_of(name: str) -> dict[str, Any]:
    """A profile of foundry.toml, with what it takes over from the default one."""
    profiles = tomllib.loads((ROOT / "foundry.toml").read_text(encoding="utf-8"))["profile"]
    return {**profiles["default"], **profiles[name]}


def out(name: str) -> str:
    """Where a profile's artifacts lie."""
    return str(profile_of(name)["out"])


def settings(name: str) -> dict[str, Any]:
    """A profile's compiler settings as solc's standard JSON has them, without metadata at the end of the bytecode."""
    profile = profile_of(name)
    optimizer: dict[str, Any] = {"enabled": profile["optimizer"]}
    if profile["optimizer"]:
        optimizer["runs"] = profile["optimizer_runs"]
    if "optimizer_details" in profile:
        optimizer["details"] = profile["optimizer_details"]
    return {
        "optimizer": optimizer,
        "viaIR": profile["via_ir"],
        "evmVersion": profile["evm_version"],
        "remappings": profile["remappings"],
        "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
    }


def main() -> int:
    """`python scripts/deep/tools.py test ...`: forge, told where its compiler is; FOUNDRY_PROFILE as given."""
    return subprocess.run(
        [forge(), *sys.argv[1:]], cwd=ROOT, env=environment(os.environ.get("FOUNDRY_PROFILE")), check=False
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
