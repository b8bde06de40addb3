"""Keys of a private job: one job key, and what follows from it.

    content = HKDF-SHA256(job key, info "tensorgrid/private/content"): code, arguments and inputs are sealed under it
    roots   = HKDF-SHA256(job key, info "tensorgrid/private/roots"): the key of BLAKE3 in every leaf of result and trace
    blob    = HKDF-SHA256(content, info "tensorgrid/private/blob/" || label): of one file
    check   = SHA-256("tensorgrid/private/check" || content || roots): stands in the spec, and tells nothing of either

Who has the content and the roots key can run the job and check its roots: a worker, and the auditors of its segments.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import cast

from tensorgrid.domain import schema
from tensorgrid.domain.encoding import canonical_json, parse_canonical_json, sha256
from tensorgrid.domain.errors import OpeningRejected, SpecInvalid

KEY_BYTES = 32
MAX_KEYS_BYTES = 512
"""Of a JobKeys in its plain form."""
MAX_WRAPPED_BYTES = 1024
"""Of a wrapped key: KeyBox.MOST_WRAPPED."""
BUNDLE, ARGUMENTS = "bundle", "arguments"
VERSION = 1


@dataclass(frozen=True, slots=True)
class JobKeys:
    """What is needed to run a private job and to check its roots; 32 bytes each. repr shows neither."""

    content: bytes
    roots: bytes

    def __post_init__(self) -> None:
        if len(self.content) != KEY_BYTES or len(self.roots) != KEY_BYTES:
            raise SpecInvalid(f"a key of a private job has {KEY_BYTES} bytes")

    @classmethod
    def of(cls, job_key: bytes) -> JobKeys:
        """Raises SpecInvalid unless it has 32 bytes."""
        if len(job_key) != KEY_BYTES:
            raise SpecInvalid(f"a job key has {KEY_BYTES} bytes, this one {len(job_key)}")
        return cls(_derived(job_key, "content"), _derived(job_key, "roots"))

    def blob(self, label: str) -> bytes:
        """The key of one sealed file, 32 bytes."""
        return _derived(self.content, f"blob/{label}")

    @property
    def check(self) -> bytes:
        """By which anybody who is given keys knows whether they are the job's; 32 bytes, may be public."""
        return sha256(b"tensorgrid/private/check" + self.content + self.roots)

    def to_bytes(self) -> bytes:
        """Canonical JSON, to be sealed or kept where nobody else reads."""
        return canonical_json(
            {"version": VERSION, "content": "0x" + self.content.hex(), "roots": "0x" + self.roots.hex()}
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> JobKeys:
        """A stranger's bytes. Raises OpeningRejected."""
        try:
            if len(data) > MAX_KEYS_BYTES:
                raise SpecInvalid(f"they have {len(data)} bytes, at most {MAX_KEYS_BYTES} are read")
            value = schema.fields(parse_canonical_json(data, "the keys"), ("version", "content", "roots"), "the keys")
            schema.version(value["version"], VERSION, "the keys")
            return cls(schema.bytes32(value["content"], "content"), schema.bytes32(value["roots"], "roots"))
        except SpecInvalid as error:
            raise OpeningRejected(
                f"the keys that a worker opened are malformed: {error}; go on without them"
            ) from error

    def __repr__(self) -> str:
        return "JobKeys(...)"


NO_KEYS = JobKeys(bytes(KEY_BYTES), bytes(KEY_BYTES))
"""In place of keys that were not given, or that are none: they open nothing, and the job has failed for everybody."""


def new_job_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def label_of(input_name: str) -> str:
    """Of an input, so that none is called like the bundle or the arguments."""
    return f"input/{input_name}"


def _derived(key: bytes, label: str) -> bytes:
    from Crypto.Hash import SHA256
    from Crypto.Protocol.KDF import HKDF

    return cast("bytes", HKDF(key, KEY_BYTES, b"", SHA256, context=f"tensorgrid/private/{label}".encode()))
