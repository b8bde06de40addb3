"""Which chain, which contracts, which store, whose key: what Client() finds by itself.

A running devnet writes one file, devnet.json, under TENSORGRID_HOME; all in it is a path or an address, never a secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.deployments import Deployment, home
from tensorgrid.domain.errors import KeyMissing, UnknownDeployment
from tensorgrid.privacy import Identity

DEVNET_FILE = "devnet.json"
IDENTITY_FILE = "identity.age"
_MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Network:
    """Where to connect. `account` and `identity` are files; they are opened only when something is signed or opened."""

    rpc_url: str
    deployment: Deployment
    store: str
    keystore: Path | None = None
    password_file: Path | None = None
    identity: Path | None = None

    @classmethod
    def find(cls, network: str | Path | None, home_folder: Path | None = None) -> Network:
        """None: the devnet recorded in the home folder. A path: a devnet.json. An http(s) URL: a node whose chain id
        has a known deployment. Raises UnknownDeployment, Unreachable, WrongChain."""
        folder = home_folder or home()
        if isinstance(network, str) and network.startswith(("http://", "https://")):
            deployment = Deployment.load(Connection(network, chain_id=None).chain_id, home=folder)
            return cls(rpc_url=network, deployment=deployment, store=str(folder / "blobs"))
        file = Path(network) if network is not None else folder / DEVNET_FILE
        return cls._from_file(file, folder)

    @classmethod
    def _from_file(cls, file: Path, folder: Path) -> Network:
        record = _record(file)
        requester = record.get("requester") or {}
        try:
            rpc_url, store, deployment = record["rpc_url"], record["store"], record["deployment"]
            files = {name: _path(requester, name) for name in ("keystore", "password_file", "identity")}
            if not all(isinstance(text, str) for text in (rpc_url, store, deployment)):
                raise TypeError("rpc_url, store and deployment are texts")
        except (KeyError, TypeError, AttributeError) as error:
            raise UnknownDeployment(f"{file} lacks {error}; `tensorgrid devnet` writes a good one") from error
        return cls(rpc_url=rpc_url, deployment=Deployment.load(Path(deployment), home=folder), store=store, **files)

    def open_account(self) -> LocalAccount:
        """The requester's key. Raises KeyMissing."""
        if self.keystore is None:
            raise KeyMissing(
                "no key for this network; pass Client(account=…) an eth_account account or a keystore's path"
            )
        return open_keystore(self.keystore, self.password_file)


def open_keystore(keystore: Path, password_file: Path | None) -> LocalAccount:
    """Decrypt an Ethereum keystore (JSON, version 3) with the first line of `password_file`. Raises KeyMissing."""
    try:
        password = password_file.read_text().splitlines()[0] if password_file is not None else ""
        key = Account.decrypt(json.loads(keystore.read_text()), password)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        # the reason may quote the file: name its kind only
        raise KeyMissing(
            f"{keystore} does not open ({type(error).__name__}); check the path and its password file"
        ) from None
    account: LocalAccount = Account.from_key(key)
    return account


def open_identity(file: Path) -> Identity:
    """The age identity that results are sealed to; made (file mode 0600) when there is none yet."""
    if not file.exists():
        identity = Identity.generate()
        identity.save(file)
        return identity
    return Identity.load(file)


def _record(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MAX_FILE:
            raise UnknownDeployment(f"{file} is too large to be a network file")
        record = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise UnknownDeployment(
            f"no network at {file}; start one with `tensorgrid devnet`, or pass Client(network=…) a node's URL"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UnknownDeployment(f"{file} is not a network file: {error}; `tensorgrid devnet` writes one") from error
    if not isinstance(record, dict):
        raise UnknownDeployment(f"{file} is not a network file; `tensorgrid devnet` writes one")
    return record


def _path(record: dict[str, Any], name: str) -> Path | None:
    value = record.get(name)
    return Path(value) if value else None
