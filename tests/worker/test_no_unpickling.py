"""Strangers' bytes are never unpickled: no call that could, in SDK or worker (CVE-2025-32434 and kin)."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {"torch.load", "torch.jit.load", "numpy.load", "np.load", "pandas.read_pickle", "torch.hub.load"}
WORDS = {"allow_pickle", "weights_only"}


def offences(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            found += [ast.unparse(node.func)] if ast.unparse(node.func) in CALLS else []
            found += [str(word.arg) for word in node.keywords if word.arg in WORDS]
    return found


@pytest.mark.parametrize("package", ["sdk/tensorgrid", "worker/tensorgrid_worker"])
def test_sources__nothing_unpickles(root: Path, package: str) -> None:
    files = list((root / package).rglob("*.py"))
    assert len(files) > 20
    assert {
        str(path): offences(ast.parse(path.read_text())) for path in files if offences(ast.parse(path.read_text()))
    } == {}


def test_offences__are_seen() -> None:
    code = "import pickle\nfrom dill import x\ntorch.load(p)\nnumpy.load(p, allow_pickle=True)"
    assert offences(ast.parse(code)) == ["pickle", "dill", "torch.load", "numpy.load", "allow_pickle"]


def test_torch__floor_is_above_known_faults(root: Path) -> None:
    """CVE-2026-24747 is fixed in 2.10."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(one for group in project["optional-dependencies"].values() for one in group)]
    floors = [re.search(r"^torch.*>=\s*(\d+)\.(\d+)", one) for one in named if re.match(r"torch\b", one)]
    assert floors and all(one and (int(one[1]), int(one[2])) >= (2, 10) for one in floors)
