"""The hot key: how it is opened, and what it signs for others to post.

Each signature names the chain and the contract that may use it. Posting stays with the worker's own transactions by
default; takes and seals are signed where a relayer posts those of several workers in one.
"""

from __future__ import annotations

import json
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.errors import KeyMissing
from tensorgrid.domain.jobs import JobId, seal_digest
from tensorgrid.domain.takes import SignedTake, take_digest

MAX_KEYSTORE = 64 * 1024


def unlock(keystore: Path, password_file: Path) -> LocalAccount:
    """The hot key. Raises KeyMissing, which quotes neither key nor password."""
    try:
        text = keystore.read_bytes()[:MAX_KEYSTORE]
        password = password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        name = getattr(error, "filename", None) or password_file
        raise KeyMissing(f"cannot read {name}: {type(error).__name__}; check keystore and password_file") from error
    try:
        secret = Account.decrypt(json.loads(text), password)
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise KeyMissing(f"{keystore} does not open with the password in {password_file}; check both") from error
    account: LocalAccount = Account.from_key(secret)
    return account


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
