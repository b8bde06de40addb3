"""`tensorgrid-worker init`: one identity per GPU, or one for the CPU; keys, settings, a first measurement."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment, deployment_path
from tensorgrid.chain.deployments import home as user_home
from tensorgrid.domain.errors import SandboxUnavailable, TensorgridError
from tensorgrid.domain.jobs import hardware_class
from tensorgrid.privacy import Identity
from tensorgrid_worker.capability.classes import class_of, table
from tensorgrid_worker.capability.ladder import shortfall
from tensorgrid_worker.capability.report import bench
from tensorgrid_worker.config import WorkerConfig, load_fleet
from tensorgrid_worker.hardware import NO_GPU, Gpu
from tensorgrid_worker.keys import IDENTITY, address_in, make_key, write_private
from tensorgrid_worker.membership.settings_file import Entry, Shared, text_of
from tensorgrid_worker.sandbox.plain import Plain
from tensorgrid_worker.start import choose_sandbox, lock

DEVNET_FILE = "devnet.json"
STORE = "http://127.0.0.1:5001"  # where an IPFS node of one's own listens
MAX_FILE = 1 << 20


class InitRefused(TensorgridError):
    """Something that is there already, or missing. Says what to pass."""


@dataclass(frozen=True, slots=True)
class Where:
    """What `init` has to be told: a node, the contracts (None: by the node's chain), a store, a folder."""

    rpc_url: str
    deployment: Path | None
    store: str
    home: Path

    @property
    def settings(self) -> Path:
        return self.home / "worker.toml"


def of_devnet(home: Path, folder: Path | None = None) -> Where:
    """The devnet that runs on this machine. Raises InitRefused."""
    file = (folder or user_home()) / DEVNET_FILE
    try:
        with file.open("rb") as source:
            told = json.loads(source.read(MAX_FILE))
        rpc_url, deployment, store = (str(told[name]) for name in ("rpc_url", "deployment", "store"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InitRefused(f"no devnet at {file} ({type(error).__name__}); start one: tensorgrid devnet") from error
    return Where(rpc_url, Path(deployment), store, home)


def prepare(
    where: Where,
    found: Sequence[Gpu],
    *,
    seconds: float,
    min_price: int = 0,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Writes all that a worker needs. What was done, as JSON values. `seconds`: per device measured, 0: none is.

    Keys that are there are kept, whatever `force` says; settings are rewritten only with it. Raises InitRefused,
    KeyMissing, UnknownDeployment, WrongChain, Unreachable, HomeInUse.
    """
    if where.settings.exists() and not force:
        raise InitRefused(f"{where.settings} exists; pass --force to write it anew (keys are kept), or another --home")
    where.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock(where.home), Connection(where.rpc_url) as connection:
        deployment, file = _deployment(where, connection.chain_id)
        contracts = Contracts(connection, deployment)
        entries, notes = identities(found, lambda name: contracts.parameters.class_allowed(hardware_class(name)))
        workers = [_with_keys(where.home, entry, say) for entry in entries]
        shared = Shared(where.rpc_url, file, where.store, where.home, min_price)
        _write(where.settings, text_of(shared, entries))
    fleet = load_fleet(where.settings)
    for config, told in zip(fleet.workers, workers, strict=True):
        told.update(_measured(config, seconds, say))
    return {"settings": str(where.settings), "network": deployment.network, "workers": workers, "notes": notes}


def identities(found: Sequence[Gpu], listed: Callable[[str], bool]) -> tuple[list[Entry], list[str]]:
    """One per GPU whose class the network lists; else one that sells the CPU. With notes on what was left out."""
    entries, notes = list[Entry](), list[str]()
    for gpu in found:
        model = class_of(gpu)
        if model is None:
            notes.append(f"GPU {gpu.index}, {gpu.name}: no class is known for it; add a [[worker]] table by hand")
        elif not listed(model.name):
            notes.append(f"GPU {gpu.index}, {gpu.name}: this network does not list its class, {model.name}")
        else:
            entries.append(Entry(f"gpu{gpu.index}", gpu.uuid, model.name))
    if entries:
        return entries, notes
    if not found:
        notes.append("NVML shows no GPU: this worker sells its CPU")
    return [Entry("", NO_GPU, "cpu")], notes


def _deployment(where: Where, chain_id: int) -> tuple[Deployment, Path]:
    """And a file of it that stays: one's own, or a copy of the one that came with this package."""
    if where.deployment is not None:
        return Deployment.load(where.deployment), where.deployment.resolve()
    found, own = Deployment.load(chain_id), deployment_path(chain_id)
    if own.is_file():
        return found, own
    return found, found.save(where.home / "deployment.json")


def _write(path: Path, text: str) -> None:
    """Whole or not at all. Only its owner reads it: a node's URL often has a key in it."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    write_private(part, text)
    part.replace(path)


def _with_keys(home: Path, entry: Entry, say: Callable[[str], None]) -> dict[str, Any]:
    folder = home / entry.name if entry.name else home
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keystore, password, identity = folder / "hot.json", folder / "hot.password", folder / IDENTITY
    if keystore.exists():
        address, kept = address_in(keystore), True
    else:
        say(f"making the hot key {keystore}")
        address, kept = make_key(keystore, password), False
    if not identity.exists():
        Identity.generate().save(identity)
    return {
        "name": entry.name,
        "address": address,
        "key_kept": kept,
        "gpu": entry.gpu,
        "hardware_class": entry.hardware_class,
        "keystore": str(keystore),
        "recipient": Identity.load(identity).recipient,
    }


def _measured(config: WorkerConfig, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """The score, or why there is none: a machine that cannot be measured can still be mended, and measured later."""
    if not seconds:
        return {"score": None, "score_note": "not measured: run `tensorgrid-worker bench`"}
    say(f"measuring {config.name or 'this machine'} for about {seconds:g} s")
    try:
        sandbox = choose_sandbox(config)
    except SandboxUnavailable:
        sandbox = Plain()  # the suite is our own code; `doctor` says what is missing for strangers'
    try:
        record = bench(config, sandbox, seconds=seconds)
    except TensorgridError as error:
        return {"score": None, "score_note": f"not measured: {error}"}
    current = table().get(config.hardware_class)
    note = shortfall(current, record) if current is not None else ""
    return {"score": min((found.score for found in record.measured), default=0), "score_note": note}
