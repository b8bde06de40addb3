"""Public is a decision: what `tensorgrid` exports, and that importing it is light."""

import json
import subprocess
import sys

import pytest

import tensorgrid
from tensorgrid.domain import errors

HEAVY = ("web3", "eth_account", "pyrage", "numpy", "torch", "requests", "rich", "typer", "httpx", "safetensors")


def test_all__sorted_and_complete():
    assert tensorgrid.__all__ == sorted(set(tensorgrid.__all__))


@pytest.mark.parametrize("name", tensorgrid.__all__)
def test_all__every_name__can_be_had(name):
    value = getattr(tensorgrid, name)
    assert value.__module__.startswith("tensorgrid.")
    assert name in dir(tensorgrid)


def test_all__every_error_of_the_tree__is_public():
    tree = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert tree <= set(tensorgrid.__all__)


def test_errors__docstring__draws_the_real_tree():
    """The tree that people read is the one that is."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        name = line.strip().split(" ")[0]
        if not isinstance(getattr(errors, name, None), type):
            continue
        depth = (len(line) - len(line.lstrip())) // 4
        path[depth:] = [name]
        if depth:
            drawn[name] = path[depth - 1]
    real = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.TensorgridError) and value is not errors.TensorgridError
    }
    assert drawn == real


def test_unknown_name__is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        tensorgrid.nonsense  # noqa: B018


def test_import__job_and_report__load_nothing_heavy():
    """A job's code imports this package inside the sandbox."""
    code = (
        "import sys, json, tensorgrid as tg\n"
        "@tg.job(budget='1 USDC')\n"
        "def f(x: int) -> dict: return {'x': x}\n"
        "tg.report(step=1)\n"
        "assert f(2) == {'x': 2}\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
