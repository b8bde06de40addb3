"""Sealing: age encryption to the recipients a spec names. One way in, one way out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyrage

from tensorgrid.domain import bech32
from tensorgrid.domain.errors import KeyMissing, ResultRejected, SpecInvalid
from tensorgrid.domain.jobkeys import KEY_BYTES
from tensorgrid.domain.recipients import recipient_bytes, recipient_text
from tensorgrid.domain.specs import MAX_RECIPIENTS, MAX_SEALED_KEY

__all__ = [
    "MAX_SEALED_BYTES",
    "Identity",
    "open_file",
    "open_job_key",
    "open_sealed",
    "recipient_bytes",
    "recipient_text",
    "seal",
    "seal_blob",
    "sealed_size_limit",
]

MAX_SEALED_BYTES = 8 << 30
_SECRET_PREFIX = "age-secret-key-"  # noqa: S105 - the word every key starts with
_MAX_KEY_FILE = 4096
_HEADER_ROOM = 4096
_CHUNK, _TAG = 64 * 1024, 16
_AGE_LINE, _STANZA, _END_OF_HEADER = b"age-encryption.org/v1\n", b"\n-> ", b"\n--- "
_MAX_STANZAS = MAX_RECIPIENTS + 4  # age itself adds one that means nothing, so that readers stay tolerant


class Identity:
    """An age X25519 key pair: `recipient` is public, `secret` opens everything sealed to it. repr shows no secret."""

    def __init__(self, secret: str) -> None:
        """From "AGE-SECRET-KEY-1...". Raises KeyMissing."""
        try:
            self._key = pyrage.x25519.Identity.from_str(secret.strip())
        except pyrage.IdentityError:
            # The text is not quoted and not chained: it may be most of a secret.
            raise KeyMissing("not an age key; it starts with AGE-SECRET-KEY-1 and stands alone on one line") from None

    @classmethod
    def generate(cls) -> Identity:
        return cls(str(pyrage.x25519.Identity.generate()))

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The key pair whose X25519 secret is these 32 bytes; for repeatable demonstrations. Raises KeyMissing."""
        if len(seed) != 32:
            raise KeyMissing(f"a seed has 32 bytes, this one {len(seed)}")
        return cls(bech32.encode(_SECRET_PREFIX, seed).upper())

    @classmethod
    def load(cls, path: Path) -> Identity:
        """From a file that only its owner may read. Raises KeyMissing."""
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                text = file.read(_MAX_KEY_FILE)
        except OSError as error:
            raise KeyMissing(f"no readable key at {path}: {error.strerror}; save an Identity there") from error
        if os.name == "posix" and mode & 0o077:
            raise KeyMissing(f"{path} can be read by others; run: chmod 600 {path}")
        lines = [line.strip() for line in text.decode("ascii", "replace").splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        return cls(keys[0] if len(keys) == 1 else "")

    def save(self, path: Path) -> None:
        """To a new file of mode 0600, age's own format. Raises KeyMissing where one is already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise KeyMissing(f"{path} exists and is not overwritten; load it, or choose another path") from error
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"# public key: {self.recipient}\n{self.secret}\n")
            file.flush()
            os.fsync(file.fileno())

    @property
    def secret(self) -> str:
        return str(self._key)

    @property
    def recipient(self) -> str:
        return str(self._key.to_public())

    def __repr__(self) -> str:
        return f"Identity({self.recipient})"


def seal(data: bytes, recipients: Sequence[str]) -> bytes:
    """Encrypt so that each recipient alone can open it; every call gives other bytes. Raises SpecInvalid."""
    if not recipients:
        raise SpecInvalid("sealing needs at least one recipient; pass an age1... text")
    for recipient in recipients:
        recipient_bytes(recipient)
    keys = [pyrage.x25519.Recipient.from_str(recipient) for recipient in recipients]
    sealed: bytes = _guarded(pyrage.encrypt, data, keys)
    return sealed


def open_sealed(data: bytes, identity: Identity, *, max_bytes: int = MAX_SEALED_BYTES) -> bytes:
    """Decrypt a stranger's bytes. Raises ResultRejected when longer than `max_bytes`, altered, or sealed to others."""
    if len(data) > max_bytes:
        raise ResultRejected(f"a sealed file of {len(data)} bytes, at most {max_bytes} are opened")
    _check_header(data)
    try:
        opened: bytes = _guarded(pyrage.decrypt, data, [pyrage.x25519.Identity.from_str(identity.secret)])
    except pyrage.DecryptError as error:
        raise ResultRejected(f"a sealed file does not open for {identity.recipient}: {error}") from error
    return opened


# ------------------------------------------------------------------------------------------------------- private jobs


def seal_blob(data: bytes, key: bytes) -> bytes:
    """Encrypt so that whoever has the 32-byte `key` can open it: it is the secret of the only recipient."""
    return seal(data, [Identity.from_seed(key).recipient])


def open_file(source: Path, target: Path, key: bytes) -> None:
    """Decrypt what `seal_blob` made, a stranger's perhaps, from file to file.

    Raises ResultRejected when it is altered, or sealed under another key, OSError; then there is no `target`.
    """
    with source.open("rb") as file:
        _check_header(file.read(_HEADER_ROOM))
    secret = pyrage.x25519.Identity.from_str(Identity.from_seed(key).secret)
    target.touch(mode=0o600)
    try:
        _guarded(pyrage.decrypt_file, str(source), str(target), [secret])
    except (pyrage.DecryptError, ResultRejected, OSError) as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:  # a full disk; the library's own have no number
            raise
        raise ResultRejected(f"a sealed file does not open with its job's key: {error}") from error


def open_job_key(wrapped: bytes, identity: Identity) -> bytes:
    """The 32 bytes that were sealed to us. Raises ResultRejected."""
    if len(wrapped) > MAX_SEALED_KEY:
        raise ResultRejected(f"a wrapped key of {len(wrapped)} bytes, at most {MAX_SEALED_KEY} are opened")
    key = open_sealed(wrapped, identity)
    if len(key) != KEY_BYTES:
        raise ResultRejected(f"what was wrapped has {len(key)} bytes, a job key has {KEY_BYTES}")
    return key


def _check_header(data: bytes) -> None:
    """Raises ResultRejected for what the library should not be given: its work grows with the square of the recipients,
    3000 of them, 300 KB, take it more than a minute."""
    end = data.find(_END_OF_HEADER, 0, _HEADER_ROOM)
    if not data.startswith(_AGE_LINE) or end < 0 or data.count(_STANZA, 0, end) > _MAX_STANZAS:
        raise ResultRejected(f"no age file, or one for more than {MAX_RECIPIENTS} recipients; it is not opened")


def sealed_size_limit(plain_bytes: int) -> int:
    """The most bytes that `plain_bytes` sealed to at most 16 recipients can have."""
    return plain_bytes + (plain_bytes // _CHUNK + 1) * _TAG + _HEADER_ROOM


def _guarded(call: Any, *args: Any) -> Any:
    try:
        return call(*args)
    except BaseException as error:
        # The library's panics are not Exceptions, and would end a worker's thread past every handler.
        if type(error).__name__ == "PanicException":
            raise ResultRejected("the sealing library gave up on these bytes; do not use them") from None
        raise
