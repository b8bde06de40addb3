"""What the worker of a private job gives the jurors of one case: its keys, sealed to each; one document for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tensorgrid.domain import schema
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, sha256
from tensorgrid.domain.errors import OpeningRejected, SpecInvalid
from tensorgrid.domain.jobkeys import MAX_WRAPPED_BYTES

VERSION = 1
MOST_JURORS = 21
"""Of an appeal."""
MAX_JURY_KEYS_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class JuryKeys:
    """`case`: the match's key, 32 bytes. `wrapped`: JobKeys, sealed, by the juror's lower-case 0x-address. Raises
    SpecInvalid when built wrongly."""

    case: bytes
    wrapped: Mapping[str, bytes]

    def __post_init__(self) -> None:
        if len(self.wrapped) > MOST_JURORS:
            raise SpecInvalid(f"a jury has at most {MOST_JURORS} seats; seal to those of one round")
        for juror, sealed in self.wrapped.items():
            schema.address(juror, "a juror")
            if not 1 <= len(sealed) <= MAX_WRAPPED_BYTES:
                raise SpecInvalid(f"a wrapped key has 1 to {MAX_WRAPPED_BYTES} bytes")

    def to_bytes(self) -> bytes:
        """Canonical JSON, at most MAX_JURY_KEYS_BYTES."""
        wrapped = {juror: "0x" + sealed.hex() for juror, sealed in self.wrapped.items()}
        return canonical_json({"version": VERSION, "case": "0x" + self.case.hex(), "wrapped": wrapped})

    @classmethod
    def from_bytes(cls, data: bytes) -> JuryKeys:
        """A stranger's bytes. Raises OpeningRejected."""
        try:
            if len(data) > MAX_JURY_KEYS_BYTES:
                raise SpecInvalid(f"it has {len(data)} bytes, at most {MAX_JURY_KEYS_BYTES} are read")
            raw = parse_canonical_json(data, "the jury's keys")
            value = schema.fields(raw, ("version", "case", "wrapped"), "the jury's keys")
            schema.version(value["version"], VERSION, "the jury's keys")
            entries = schema.sized(value["wrapped"], MOST_JURORS, "wrapped")
            wrapped = {name: schema.hex_bytes(one, MAX_WRAPPED_BYTES, "wrapped") for name, one in entries.items()}
            return cls(schema.bytes32(value["case"], "case"), wrapped)
        except SpecInvalid as error:
            raise OpeningRejected(f"the jury's keys are malformed: {error}; they count as not handed") from error

    @property
    def digest(self) -> bytes:
        """sha256 of the canonical bytes, as Bisection.StatesServed shows it; the blob's CIDv1 is raw over it."""
        return sha256(self.to_bytes())
