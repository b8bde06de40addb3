"""Keys of a devnet: from a seed the same every time, otherwise new; on disk encrypted, mode 0600."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tensorgrid.domain.encoding import sha256
from tensorgrid.privacy import Identity

# 4096 instead of 262,144 rounds: a devnet's keys guard nothing, and each daemon opens its own at every start
_LIGHT_SCRYPT = 1 << 12


class Keyring:
    """Every key of one devnet, by role ("deployer", "worker-3")."""

    def __init__(self, seed: int | None = None) -> None:
        self._root = sha256(f"tensorgrid devnet {seed}".encode()) if seed is not None else secrets.token_bytes(32)
        self._password = self._derive("password").hex()

    def account(self, role: str) -> LocalAccount:
        account: LocalAccount = Account.from_key(self._derive(f"account {role}"))
        return account

    def identity(self, role: str) -> Identity:
        """The age key that results or segments are sealed to."""
        return Identity.from_seed(self._derive(f"identity {role}"))

    def save(self, role: str, folder: Path, *, identity: Path | None = None) -> KeyFiles:
        """Write the role's keystore, its password and its identity (at `identity`, or in `folder`)."""
        folder.mkdir(parents=True, exist_ok=True)
        account = self.account(role)
        keystore = Account.encrypt(account.key, self._password, kdf="scrypt", iterations=_LIGHT_SCRYPT)
        files = KeyFiles(
            account,
            keystore=folder / f"{role}.json",
            password=folder / f"{role}.password",
            identity=identity or folder / f"{role}.age",
        )
        write_private(files.keystore, json.dumps(keystore) + "\n")
        write_private(files.password, self._password + "\n")
        self.identity(role).save(files.identity)
        return files

    def _derive(self, purpose: str) -> bytes:
        return sha256(self._root + purpose.encode())


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """One role's account and where its files lie."""

    account: LocalAccount = field(repr=False)
    keystore: Path
    password: Path
    identity: Path


def write_private(path: Path, text: str) -> None:
    """A new file that only its owner reads, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
