"""Compile contracts/ and write sdk/tensorgrid/artifacts/<Name>.json: ABI, bytecode and what they were compiled with.

Test doubles go to tests/contracts/doubles, so that the tests need no compiler either.

`python scripts/export_abi.py` writes, of all contracts or of those it is given by name; with `--check` it only says
which files differ, and fails if any does: of shipped contracts by compiling them, of test doubles, which take as long
and hold no money, by what they are said to be compiled from. The answer depends on nothing but the sources, the
compiler version and SETTINGS: no paths, no metadata hash.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from install_solc import LONG_VERSION, ensure

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "sdk" / "tensorgrid" / "artifacts"
TEST_ARTIFACTS = ROOT / "tests" / "contracts" / "doubles"

# The optimiser's own sequence with one inlining pass less: with it JobBoard comes out a tenth larger, above the 24,576
# bytes that a contract may have, and no call gets more than a hundredth cheaper.
STEPS = (
    "dhfoDgvulfnTUtnIf[xa[r]EscLMVcul[j]Trpeulxa[r]cLCTUca[r]LSsTFOtfDnca[r]IulcscCTUtgvfMcul[j]Teul]"
    "xa[r]cLgvifM[CTUca[r]LSsTOtfDnca[r]Iulc]jmul[jul]VcTOculjmul:fDnTOcmu"
)

SETTINGS: dict[str, Any] = {
    "optimizer": {"enabled": True, "runs": 600, "details": {"yul": True, "yulDetails": {"optimizerSteps": STEPS}}},
    "viaIR": True,
    "evmVersion": "prague",
    "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}

COMPILER = {"name": "solc", "version": LONG_VERSION, "settings": SETTINGS}
IMPORT = re.compile(r"""^import\s[^"']*["']([^"']+)["']""", re.MULTILINE)

# 2394: "transient storage can break composability", said of OpenZeppelin's guard, which clears it as the warning asks.
EXPECTED_WARNINGS = {"2394"}

SHIPPED = {
    "AccessManager": "node_modules/@openzeppelin/contracts/access/manager/AccessManager.sol",
    "Parameters": "contracts/governance/Parameters.sol",
    "Escrow": "contracts/core/Escrow.sol",
    "StakeVault": "contracts/core/StakeVault.sol",
    "WorkerRegistry": "contracts/core/WorkerRegistry.sol",
    "Reputation": "contracts/core/Reputation.sol",
    "BlockBeacon": "contracts/beacons/BlockBeacon.sol",
    "DrandBeacon": "contracts/beacons/DrandBeacon.sol",
    "JobBoard": "contracts/core/JobBoard.sol",
    "LotteryScheduler": "contracts/schedulers/LotteryScheduler.sol",
    "OfferScheduler": "contracts/schedulers/OfferScheduler.sol",
    "PriceScheduler": "contracts/schedulers/PriceScheduler.sol",
    "ReputationScheduler": "contracts/schedulers/ReputationScheduler.sol",
    "AcceptanceVerifier": "contracts/verifiers/AcceptanceVerifier.sol",
    "AuditVerifier": "contracts/verifiers/AuditVerifier.sol",
    "ReplicationVerifier": "contracts/verifiers/ReplicationVerifier.sol",
    "Jury": "contracts/verifiers/Jury.sol",
    "Purse": "contracts/verifiers/Purse.sol",
    "Bisection": "contracts/verifiers/Bisection.sol",
    "Snapshots": "contracts/periphery/Snapshots.sol",
    "KeyBox": "contracts/periphery/KeyBox.sol",
    "Batches": "contracts/periphery/Batches.sol",
    "NetworkLens": "contracts/periphery/NetworkLens.sol",
    # What a devnet needs besides: play money.
    "TestToken": "contracts/test/TestToken.sol",
}

DOUBLES = {
    path.stem: f"contracts/test/{path.name}"
    for path in sorted((ROOT / "contracts" / "test").glob("*.sol"))
    if path.stem not in SHIPPED
}


def compile_contracts(contracts: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Name -> artifact of contracts given as name -> source. Raises SystemExit with what the compiler refuses."""
    if not contracts:
        return {}
    wanted = sorted(set(contracts.values()))
    request = {
        "language": "Solidity",
        "sources": {path: {"content": (ROOT / path).read_text()} for path in wanted},
        "settings": SETTINGS
        | {"outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"]}}},
    }
    answer = json.loads(
        subprocess.run(
            [ensure(), "--standard-json", "--base-path", ROOT, "--allow-paths", ROOT],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout
    )
    problems = [
        e["formattedMessage"]
        for e in answer.get("errors", [])
        if e["severity"] != "info" and e.get("errorCode") not in EXPECTED_WARNINGS
    ]
    if problems:
        raise SystemExit("\n".join(problems))
    return {name: _artifact(name, path, answer["contracts"][path][name]) for name, path in contracts.items()}


def render(artifact: dict[str, Any]) -> str:
    """The exact text of an artifact's file."""
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def compile_all(names: Sequence[str] = (), *, doubles: bool = True) -> dict[Path, dict[str, Any]]:
    """File -> artifact of shipped contracts and test doubles: of these names, or of all. Raises SystemExit as
    `compile_contracts`."""
    return {
        folder / f"{name}.json": artifact
        for folder, contracts in ((ARTIFACTS, SHIPPED), (TEST_ARTIFACTS, DOUBLES if doubles else {}))
        for name, artifact in compile_contracts(
            {name: path for name, path in contracts.items() if not names or name in names}
        ).items()
    }


def differing(artifacts: dict[Path, dict[str, Any]]) -> list[Path]:
    """Committed files that are missing or not what the sources compile to."""
    return [path for path, artifact in artifacts.items() if not path.is_file() or path.read_text() != render(artifact)]


def outdated_doubles() -> list[Path]:
    """Committed files of test doubles that are missing or were compiled from other sources, or in another way."""
    return [
        file for name, path in DOUBLES.items() if not compiled_from((file := TEST_ARTIFACTS / f"{name}.json"), path)
    ]


def compiled_from(file: Path, path: str) -> bool:
    """Whether the artifact in `file` says that it was made of this source as it and its imports are now."""
    if not file.is_file():
        return False
    has = json.loads(file.read_text())
    return (has["sourceId"], has["sourcesSha256"], has["compiler"]) == (path, _digest(_imported(path)), COMPILER)


def _imported(path: str) -> set[str]:
    """The source and all that it imports, and that imports: what solc's metadata lists."""
    found, todo = set[str](), [path]
    while todo:
        source = todo.pop()
        if source not in found:
            found.add(source)
            for target in IMPORT.findall((ROOT / source).read_text()):
                near = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
                todo.append(near if target.startswith(".") else f"node_modules/{target}")
    return found


def _digest(sources: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for source in sorted(sources):
        digest.update(source.encode() + b"\0" + hashlib.sha256((ROOT / source).read_bytes()).digest())
    return digest.hexdigest()


def _artifact(name: str, path: str, output: dict[str, Any]) -> dict[str, Any]:
    return {
        "contractName": name,
        "sourceId": path,
        "sourcesSha256": _digest(json.loads(output["metadata"])["sources"]),
        "compiler": COMPILER,
        "abi": output["abi"],
        "bytecode": "0x" + output["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + output["evm"]["deployedBytecode"]["object"],
    }


def main() -> None:
    names, check = [argument for argument in sys.argv[1:] if argument != "--check"], "--check" in sys.argv[1:]
    artifacts = compile_all(names, doubles=not check)
    changed = differing(artifacts)
    if check:
        changed += [file for file in outdated_doubles() if not names or file.stem in names]
        if changed:
            told = ", ".join(path.stem for path in changed)
            raise SystemExit(f"out of date: {told}; run `python scripts/export_abi.py` and commit the files")
        return
    for path in changed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(render(artifacts[path]))
    for path, artifact in artifacts.items():
        size = len(artifact["deployedBytecode"]) // 2 - 1
        print(f"{path.stem:20} {size:6} bytes{'  (written)' if path in changed else ''}")


if __name__ == "__main__":
    main()
