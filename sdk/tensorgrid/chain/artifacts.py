"""ABI and bytecode of our contracts: data of the package, written by scripts/export_abi.py, compared by a test."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypedDict

from tensorgrid.domain.errors import UnknownDeployment


class Artifact(TypedDict):
    """`abi`: the list of a Solidity compiler; `bytecode`: creation code as 0x-hex, unlinked parts none."""

    abi: list[dict[str, Any]]
    bytecode: str


@lru_cache(maxsize=64)
def artifact(name: str) -> Artifact:
    """The artifact of contract `name`, such as "JobBoard". Raises UnknownDeployment when there is none."""
    source = files("tensorgrid") / "artifacts" / f"{name}.json"
    if not name.isidentifier() or not source.is_file():
        raise UnknownDeployment(
            f"no artifact of a contract named {name!r}; known are {', '.join(artifact_names())} "
            "(a checkout writes them with `python scripts/export_abi.py`)"
        )
    data = json.loads(source.read_bytes())
    return Artifact(abi=data["abi"], bytecode=data.get("bytecode", "0x"))


@lru_cache(maxsize=1)
def artifact_names() -> tuple[str, ...]:
    """Every contract and interface that has an artifact, sorted."""
    folder = files("tensorgrid") / "artifacts"
    if not folder.is_dir():
        return ()
    return tuple(sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json")))
