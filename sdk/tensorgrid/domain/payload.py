"""Result files: one safetensors file whose metadata key "json" holds the JSON part as RFC 8785 text.

Files come from strangers. The parser is stricter than the format (no foreign metadata, no unknown keys, printable
names, canonical JSON, booleans 0 or 1), so that one meaning has one root and nothing rides along unhashed; whatever it
accepts, the safetensors library loads alike.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, parse_json
from tensorgrid.domain.errors import ResultRejected, SpecInvalid

if TYPE_CHECKING:  # packing needs no roots: a job in its sandbox starts sooner without their hashes
    from tensorgrid.domain.results import Leaf

ITEM_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E5M2": 1,
    "F8_E4M3": 1,
    "F8_E8M0": 1,
    "U16": 2,
    "I16": 2,
    "F16": 2,
    "BF16": 2,
    "U32": 4,
    "I32": 4,
    "F32": 4,
    "U64": 8,
    "I64": 8,
    "F64": 8,
    "C64": 8,
}
"""Size of one element of each dtype that may travel; packed sub-byte types may not."""

MAX_TENSORS = 65_536
MAX_NAME_BYTES = 512
MAX_DIMENSIONS = 64
MAX_HEADER_BYTES = 16 << 20
MAX_JSON_BYTES = 8 << 20
METADATA = "__metadata__"
_JSON_KEY = "json"
_TENSOR_KEYS = {"dtype", "shape", "data_offsets"}

TensorBytes = tuple[str, Sequence[int], bytes | memoryview]
"""dtype as safetensors spells it, shape, row-major little-endian bytes."""


class Block(Protocol):
    """Tensors that tell of themselves, and lie together behind those that `payload_pieces` describes."""

    def entries(self, begin: int) -> str:
        """What a header says of them where they begin there, without the braces around."""

    def data(self) -> Sequence[bytes]:
        """All their bytes, in the order of their entries, in as many pieces as suit."""


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor inside a payload; `data` is a view into the payload's bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: memoryview


@dataclass(frozen=True, slots=True)
class Payload:
    """A parsed result file. `json_text` is canonical, None where there is no JSON part; tensors are in file order."""

    tensors: tuple[TensorView, ...]
    json_text: bytes | None

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Payload:
        """Check every byte of the header and that the tensors tile the rest. Raises ResultRejected."""
        view = memoryview(data).cast("B")
        if len(view) < 8:
            _reject(f"{len(view)} bytes are no safetensors file")
        header_bytes = int.from_bytes(view[:8], "little")
        if header_bytes > min(MAX_HEADER_BYTES, len(view) - 8):
            _reject(f"its header claims {header_bytes} bytes of {len(view)}, at most {MAX_HEADER_BYTES} are allowed")
        entries = _header(bytes(view[8 : 8 + header_bytes]))
        json_text = _json_text(entries.pop(METADATA, {}))
        if len(entries) > MAX_TENSORS:
            _reject(f"{len(entries)} tensors, at most {MAX_TENSORS} are allowed")
        body = view[8 + header_bytes :]
        tensors, end = [], 0
        for begin, stop, name, dtype, shape in sorted(_entry(name, entry) for name, entry in entries.items()):
            if begin != end or stop > len(body):
                _reject(f"tensor {name!r} lies at {begin}..{stop}, not at {end} within {len(body)} bytes")
            tensors.append(TensorView(name, dtype, shape, body[begin:stop]))
            end = stop
        if end != len(body):
            _reject(f"{len(body) - end} bytes belong to no tensor")
        for tensor in tensors:
            if tensor.dtype == "BOOL" and bytes(tensor.data).translate(None, b"\0\1"):
                _reject(f"tensor {tensor.name!r} holds booleans that are neither 0 nor 1")
        return cls(tuple(tensors), json_text)

    @property
    def json(self) -> Any:
        """The JSON part, None where there is none. Numbers are as JSON has them: 1.0 comes back as 1."""
        return None if self.json_text is None else parse_canonical_json(self.json_text, "the JSON part of a result")

    def leaves(self, key: bytes | None = None) -> list[Leaf]:
        """One per tensor, and one for the JSON part if there is one. `key`: of a private job's roots."""
        from tensorgrid.domain.results import JSON_DTYPE, Leaf

        leaves = [Leaf.of(t.name, t.dtype, t.shape, t.data, key) for t in self.tensors]
        if self.json_text is not None:
            leaves.append(Leaf.of("", JSON_DTYPE, (), self.json_text, key))
        return leaves


def leaves_of_payload(data: bytes | memoryview, key: bytes | None = None) -> list[Leaf]:
    """The leaves of a result file. Raises ResultRejected."""
    return Payload.parse(data).leaves(key)


def json_of_payload(data: bytes | memoryview) -> Any:
    """The JSON part of a result file, None where there is none. Raises ResultRejected."""
    return Payload.parse(data).json


def payload_root(data: bytes | memoryview, key: bytes | None = None) -> bytes:
    """The 32-byte Merkle root of a result file, not yet bound to a job. `key`: of a private job's roots.

    Raises ResultRejected.
    """
    from tensorgrid.domain.results import merkle_root

    leaves = leaves_of_payload(data, key)
    if not leaves:
        _reject("it holds neither a tensor nor JSON")
    return merkle_root(leaves)


def pack_payload(tensors: Mapping[str, TensorBytes], json_value: Any = None) -> bytes:
    """A result file; equal arguments give equal bytes. No JSON part when `json_value` is None.

    Raises SpecInvalid for what cannot travel, such as an unknown dtype, a bad name, or a value that is not JSON.
    """
    return b"".join(payload_pieces(tensors, None if json_value is None else canonical_json(json_value)))


def payload_pieces(
    tensors: Mapping[str, TensorBytes], json_text: bytes | None, block: Block | None = None
) -> list[bytes | memoryview]:
    """The same in pieces, the tensors' own buffers among them: what is only written needs no copy.

    `json_text`: canonical. `block`: what comes behind them, under names that may travel. Raises SpecInvalid.
    """
    header: dict[str, Any] = {}
    if json_text is not None:
        if len(json_text) > MAX_JSON_BYTES:
            raise SpecInvalid(
                f"{len(json_text)} bytes of JSON, at most {MAX_JSON_BYTES} travel; return an array instead"
            )
        header[METADATA] = {_JSON_KEY: json_text.decode()}
    if len(tensors) > MAX_TENSORS:
        raise SpecInvalid(f"{len(tensors)} tensors, at most {MAX_TENSORS} travel; stack some")
    for name, (dtype, shape, data) in tensors.items():
        _check_tensor(name, dtype, shape, memoryview(data).nbytes)
    # Wide elements first, as the safetensors library does: every tensor is aligned to its element in the file.
    order = sorted(tensors, key=lambda name: (-ITEM_BYTES[tensors[name][0]], name.encode()))
    end = 0
    for name in order:
        dtype, shape, data = tensors[name]
        begin, end = end, end + memoryview(data).nbytes
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
    if block is not None:
        text = f"{text[:-1]}{',' if header else ''}{block.entries(end)}}}"
    head = text.encode()
    head += b" " * (-len(head) % 8)
    if len(head) > MAX_HEADER_BYTES:
        raise SpecInvalid(f"names and JSON take {len(head)} bytes, at most {MAX_HEADER_BYTES} travel; return fewer")
    behind = () if block is None else block.data()
    return [len(head).to_bytes(8, "little"), head, *(tensors[name][2] for name in order), *behind]


def _header(text: bytes) -> dict[str, Any]:
    if not text.startswith(b"{"):
        _reject("its header is no JSON object")
    try:
        header: dict[str, Any] = parse_json(text, "its header", object_pairs_hook=_distinct)
    except SpecInvalid as error:
        raise ResultRejected(f"a result file is malformed: {error}") from error
    return header


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        _reject("a name occurs twice in its header")
    return entries


def _json_text(metadata: Any) -> bytes | None:
    if not isinstance(metadata, dict) or metadata.keys() - {_JSON_KEY}:
        _reject("its metadata has other keys than json")
    text = metadata.get(_JSON_KEY)
    if text is None and not metadata:
        return None
    if not isinstance(text, str) or len(text) > MAX_JSON_BYTES:
        _reject(f"its JSON part is no text of at most {MAX_JSON_BYTES} bytes")
    try:
        data = text.encode()
        parse_canonical_json(data, "the JSON part of a result")
    except (SpecInvalid, UnicodeEncodeError) as error:
        raise ResultRejected(f"a result file is malformed: {error}") from error
    return data


def _entry(name: str, entry: Any) -> tuple[int, int, str, str, tuple[int, ...]]:
    if not isinstance(entry, dict) or entry.keys() != _TENSOR_KEYS:
        _reject(f"tensor {name[:64]!a} is not described by dtype, shape and data_offsets")
    offsets, dtype, shape = entry["data_offsets"], entry["dtype"], entry["shape"]
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_natural, offsets)) or offsets[0] > offsets[1]:
        _reject(f"tensor {name[:64]!a} has malformed data_offsets")
    try:
        _check_tensor(name, dtype, shape, offsets[1] - offsets[0])
    except SpecInvalid as error:
        raise ResultRejected(f"a result file is malformed: {error}") from error
    return offsets[0], offsets[1], name, dtype, tuple(shape)


def _check_tensor(name: Any, dtype: Any, shape: Any, size: int) -> None:
    if not isinstance(name, str) or not name or name == METADATA or not name.isprintable():
        raise SpecInvalid(f"{str(name)[:64]!r} cannot name a tensor; use printable text other than {METADATA}")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise SpecInvalid(f"the tensor name {name[:64]!a}... exceeds {MAX_NAME_BYTES} bytes; shorten it")
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise SpecInvalid(f"tensor {name!r} has dtype {str(dtype)[:32]!r}; convert it to {', '.join(ITEM_BYTES)}")
    if not isinstance(shape, list | tuple) or len(shape) > MAX_DIMENSIONS or not all(map(_natural, shape)):
        raise SpecInvalid(f"tensor {name!r} has no shape of at most {MAX_DIMENSIONS} natural numbers")
    if math.prod(shape) * ITEM_BYTES[dtype] != size:
        raise SpecInvalid(f"tensor {name!r}, {dtype} of {list(shape)}, does not fill its {size} bytes exactly")


def _natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _reject(reason: str) -> NoReturn:
    raise ResultRejected(f"a result file is malformed: {reason}")
