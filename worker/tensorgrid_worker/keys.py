"""The hot key: how it is opened, and what it signs for others to post.

Each signature names the chain and the contract that may use it. Posting stays with the worker's own transactions by
default; takes and seals are signed where a relayer posts those of several workers in one.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.errors import KeyMissing
from tensorgrid.domain.jobs import JobId, seal_digest
from tensorgrid.domain.takes import SignedTake, take_digest
from tensorgrid.domain.workers import consent_digest

IDENTITY = "identity.age"
"""In a worker's home: what is sealed to its registered recipient opens with it."""
MAX_KEYSTORE = 64 * 1024
PASSWORD_BYTES = 32


def unlock(keystore: Path, password_file: Path) -> LocalAccount:
    """The hot key. Raises KeyMissing, which quotes neither key nor password."""
    return open_keystore(keystore, read_password(password_file), where=f"in {password_file}")


def read_password(file: Path) -> str:
    """The whole file but its line end. Raises KeyMissing."""
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyMissing(f"cannot read {file}: {type(error).__name__}; check password_file") from error


def open_keystore(keystore: Path, password: str, *, where: str = "given") -> LocalAccount:
    """The key in an Ethereum keystore. Raises KeyMissing, which quotes neither key nor password."""
    try:
        text = keystore.read_bytes()[:MAX_KEYSTORE]
    except OSError as error:
        raise KeyMissing(f"cannot read {keystore}: {type(error).__name__}; check the path of the keystore") from error
    try:
        secret = Account.decrypt(json.loads(text), password)
    except (ValueError, KeyError, TypeError, NotImplementedError, RecursionError) as error:
        raise KeyMissing(f"{keystore} does not open with the password {where}; check both") from error
    account: LocalAccount = Account.from_key(secret)
    return account


def make_key(keystore: Path, password_file: Path) -> str:
    """A new key in an encrypted keystore, opened by a random password; both files are new and of mode 0600.

    Returns its address. Raises KeyMissing where one of the files exists: a key that is lost is stake that is stuck.
    """
    for path in (keystore, password_file):
        if path.exists():
            raise KeyMissing(f"{path} exists and is never overwritten; use it, or move it away yourself")
    account, password = Account.create(secrets.token_hex(32)), secrets.token_urlsafe(PASSWORD_BYTES)
    write_private(password_file, password + "\n")  # first: a keystore without its password opens for nobody
    write_private(keystore, json.dumps(Account.encrypt(account.key, password)) + "\n")
    return str(account.address)


def address_in(keystore: Path) -> str:
    """As the keystore says, without opening it. Raises KeyMissing."""
    from eth_utils.address import to_checksum_address

    try:
        return str(to_checksum_address(json.loads(keystore.read_bytes()[:MAX_KEYSTORE])["address"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyMissing(f"{keystore} does not say whose key it is; check the setting keystore") from error


def write_private(path: Path, text: str) -> None:
    """Only its owner reads it, from its first byte on; on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sign_consent(account: LocalAccount, provider: str, *, chain_id: int, registry: str) -> bytes:
    """For WorkerRegistry.register: this worker belongs to `provider` from then on. 65 bytes."""
    return sign_digest(account, consent_digest(account.address, provider, chain_id, registry)).to_bytes()


def sign_digest(account: LocalAccount, digest: bytes) -> Signature:
    """Of 32 bytes that an EIP-712 hash has made."""
    signed = account.unsafe_sign_hash(Hash32(digest))
    return Signature.from_vrs(signed.v, signed.r, signed.s)


def sign_take(account: LocalAccount, job: JobId, until: int, *, chain_id: int, board: str) -> SignedTake:
    """For JobBoard.takeMany: "seat me in this job". Good while it has seats, and until the timestamp `until`; the stake
    is locked when posted, so allow no more time than a relayer needs."""
    return SignedTake(until, sign_digest(account, take_digest(job, until, chain_id, board)))


def sign_seal(account: LocalAccount, job: JobId, commitment: bytes, *, chain_id: int, board: str) -> Signature:
    """For JobBoard.commitMany. A seat commits once, so sign no second commitment for the same job."""
    return sign_digest(account, seal_digest(job, commitment, chain_id, board))
