"""Refusals: every error of every contract is named, with its values and a hint."""

import pytest
from eth_abi.abi import encode

from tensorgrid.chain.abi import interface, type_of
from tensorgrid.chain.artifacts import artifact, artifact_names
from tensorgrid.chain.hints import HINTS
from tensorgrid.chain.reverts import decode_revert, known_errors, printable, revert_data
from tensorgrid.domain.errors import Reverted, UnknownDeployment

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
# OpenZeppelin's administration and signature errors: nothing that a user of ours can mend by himself
LIBRARY = (
    "AccessManager",
    "AccessManaged",
    "Address",
    "ECDSA",
    "ERC20",
    "ERC2612",
    "Failed",
    "Insufficient",
    "Invalid",
)
LIBRARY += ("Reentrancy", "SafeCast", "SafeERC20", "String")


def sample(kind: str, position: int):
    return SAMPLES.get(kind, position + 1)


@pytest.mark.parametrize(("contract", "entry"), ALL_ERRORS, ids=[f"{name}.{entry.name}" for name, entry in ALL_ERRORS])
def test_decode_revert__every_error_of_every_artifact__round_trips(contract, entry) -> None:
    types = [type_of(part) for part in entry.inputs]
    values = [sample(kind, i) for i, kind in enumerate(types)]
    found = decode_revert(entry.hash[:4] + encode(types, values))
    assert found.name == entry.name
    assert list(found.args_by_name.values()) == values


def test_hints__errors_of_our_own__all_have_one_and_none_is_stale() -> None:
    names = {entry.name for entry in known_errors().values()}
    ours = {name for name in names if not name.startswith(LIBRARY)}
    assert ours - set(HINTS) == set()
    assert set(HINTS) - names == set()


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
