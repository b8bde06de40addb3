"""Refusals: every error of every contract is named, with its values and a hint."""

import re
from pathlib import Path

import pytest
from eth_abi.abi import encode

from tensorgrid.chain.abi import interface, type_of
from tensorgrid.chain.artifacts import artifact, artifact_names
from tensorgrid.chain.reverts import decode_revert, known_errors, printable, revert_data
from tensorgrid.domain import refusals
from tensorgrid.domain.errors import Reverted, UnknownDeployment
from tensorgrid.domain.refusals import REFUSALS

ROOT = Path(__file__).parents[2]
ADDRESS = "0x00000000000000000000000000000000DeaDBeef"
SAMPLES = {
    "address": ADDRESS,
    "bytes32": b"\x07" * 32,
    "bytes": b"\x01\x02",
    "bytes4": b"\x01\x02\x03\x04",
    "string": "takeTime",
    "bool": True,
}
ALL_ERRORS = [(name, entry) for name in artifact_names() for entry in interface(name).errors.values()]


def sample(kind: str, position: int):
    return SAMPLES.get(kind, position + 1)


@pytest.mark.parametrize(("contract", "entry"), ALL_ERRORS, ids=[f"{name}.{entry.name}" for name, entry in ALL_ERRORS])
def test_decode_revert__every_error_of_every_artifact__round_trips(contract, entry) -> None:
    types = [type_of(part) for part in entry.inputs]
    values = [sample(kind, i) for i, kind in enumerate(types)]
    found = decode_revert(entry.hash[:4] + encode(types, values))
    assert type(found) is getattr(refusals, entry.name)
    assert found.name == entry.name
    assert list(found.args_by_name.values()) == values


def test_refusals__errors_of_all_contracts__have_one_exception_each_and_none_is_stale() -> None:
    names = {entry.name for entry in known_errors().values()}
    assert set(REFUSALS) == names
    assert all(kind.__name__ == name and kind.__base__ is Reverted for name, kind in REFUSALS.items())


def test_refusals__interfaces__declare_nothing_that_is_missing() -> None:
    """Also what an interface declares and no contract uses yet."""
    declared = set()
    for file in (ROOT / "contracts").rglob("*.sol"):
        if file.parent.name != "test" or file.stem in artifact_names():
            declared |= set(re.findall(r"^\s*error (\w+)\(", file.read_text(), re.MULTILINE))
    assert len(declared) > 80
    assert declared - set(REFUSALS) == set()


@pytest.mark.parametrize("kind", REFUSALS.values(), ids=str)
def test_refusals__every_one__says_what_to_do(kind) -> None:
    assert len(kind.__doc__.split()) >= 2
    assert not kind.__doc__.endswith(".")
    assert str(kind(kind.__name__, {"have": 1}, kind.__doc__)) == f"{kind.__name__}(have=1): {kind.__doc__}"


def test_decode_revert__standard_forms__are_named() -> None:
    text = bytes.fromhex("08c379a0") + encode(["string"], ["not \x1b[31mtoday"])
    assert decode_revert(text).args_by_name == {"message": "not ?[31mtoday"}
    panic = decode_revert(bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]))
    assert (panic.name, panic.args_by_name) == ("Panic", {"code": "0x11"})
    assert "overflow" in str(panic)
    assert decode_revert(b"").name == "NoReason"


@pytest.mark.parametrize(
    "data",
    [b"\x01", b"\xde\xad\xbe\xef" + bytes(500), bytes.fromhex("08c379a0") + b"\xff" * 40, b"\x08\xc3\x79\xa0"],
    ids=["one byte", "unknown selector", "broken string", "no string"],
)
def test_decode_revert__hostile_data__is_shown_and_never_raises(data) -> None:
    found = decode_revert(data)
    assert isinstance(found, Reverted)
    assert found.name == "UnknownError"
    assert len(str(found)) < 500


def test_decode_revert__our_selector_over_foreign_bytes__is_unknown() -> None:
    selector = next(selector for selector, entry in known_errors().items() if entry.inputs)
    assert decode_revert(selector + b"\x01").name == "UnknownError"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0x01020304"}, b"\1\2\3\4"),  # geth, anvil
        ({"code": -32015, "message": "VM execution error.", "data": "Reverted 0x01020304"}, b"\1\2\3\4"),  # Nethermind
        ({"code": -32603, "message": "x", "data": {"data": "0x01020304", "message": "y"}}, b"\1\2\3\4"),  # Hardhat
        ({"code": 3, "message": "execution reverted", "data": "0x"}, b""),
        ({"code": -32000, "message": "execution reverted"}, b""),
        ({"code": -32601, "message": "Method not found"}, None),
        ({"code": -32000, "message": "x", "data": 7}, None),
    ],
)
def test_revert_data__dialects_of_nodes__are_understood(error, expected) -> None:
    assert revert_data(error) == expected


def test_printable__strangers_text__obeys_no_terminal_and_ends() -> None:
    assert printable("a\x1b]0;x\x07\r\nb\u202e") == "a?]0;x???b?"
    assert len(printable("x" * 10_000)) == 500


def test_artifact__unknown_or_crooked_name__is_refused() -> None:
    for name in ("Nothing", "../JobBoard", ""):
        with pytest.raises(UnknownDeployment, match="no artifact"):
            artifact(name)
