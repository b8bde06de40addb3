"""Prerequisites that lie outside this machine: nodes, contracts, store, registration, stake, gas."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from tensorgrid.chain.connection import Connection, redact
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import ZERO_ADDRESS, hardware_class
from tensorgrid.storage.open import open_store
from tensorgrid_worker.capability import fingerprints
from tensorgrid_worker.capability.report import advice
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import Gpu, chosen
from tensorgrid_worker.keys import address_in
from tensorgrid_worker.membership.bonding import purses
from tensorgrid_worker.membership.checks import Check, asked, green, red, yellow
from tensorgrid_worker.membership.joining import COIN, DEVNET
from tensorgrid_worker.membership.wallet import shown

FEW_TRANSACTIONS, GAS_EACH = 20, 300_000
MOST_SKEW = 60
"""Seconds between this clock and the chain's that a late block can explain."""


def of_store(config: WorkerConfig) -> Iterator[Check]:
    """A small blob goes in and comes back."""

    def store() -> Check:
        data, began = secrets.token_bytes(64), time.monotonic()
        found = open_store(config.store)
        if found.get(found.put(data), max_bytes=64) != data:
            return red("store", f"{config.store} gave other bytes back", "mend it, or set another store")
        shown = redact(config.store) if config.store.startswith("http") else config.store
        return green("store", f"{shown} in {time.monotonic() - began:.2f} s")

    yield from asked("store", [store])


def of_node(config: WorkerConfig, connection: Connection, deployment: Deployment) -> Iterator[Check]:
    """The node, its clock, its contracts, and the witnesses."""

    def node() -> Check:
        head = connection.latest()
        return green("node", f"{connection.shown_url}: chain {connection.chain_id}, block {head.number}")

    def clock() -> Check:
        skew = time.time() - connection.now()
        if connection.chain_id == DEVNET:
            return green("clock", "a devnet has a time of its own")
        if skew < -MOST_SKEW:
            return yellow("clock", f"{-skew:.0f} s behind the chain", "switch on NTP: timedatectl set-ntp true")
        if skew > 10 * MOST_SKEW:
            return red(
                "clock", f"the newest block is {skew:.0f} s old", "wait until the node has caught up, or set the clock"
            )
        return green("clock", f"{abs(skew):.0f} s from the newest block")

    def contracts() -> Check:
        found = Contracts(connection, deployment)
        return green("contracts", f"{len(deployment.contracts)} of network {found.deployment.network!r}, as deployed")

    def witness() -> Check:
        if not config.witness_urls:
            if connection.chain_id == DEVNET:
                return green("witness", "none, and a devnet has only one node")
            told = "none: a lying node could make you work for nothing"
            return yellow("witness", told, "name a node of another operator in witness_urls")
        for url in config.witness_urls:
            with Connection(url, chain_id=deployment.chain_id) as other:
                other.latest()
        return green("witness", f"{len(config.witness_urls)} answer")

    yield from asked("node", [node])
    yield from asked("clock", [clock])
    yield from asked("contracts", [contracts])
    yield from asked("witness", [witness])


def of_worker(config: WorkerConfig, contracts: Contracts, gpus: list[Gpu]) -> Iterator[Check]:
    """What the chain says of one identity."""
    me = address_in(config.keystore)
    yield from asked("gas", [lambda: _gas(contracts, me)])
    standing = contracts.registry.standing(me)
    if standing.provider == ZERO_ADDRESS:
        fix = "tensorgrid-worker register --stake N --price P --provider KEYSTORE"
        yield red("registration", f"{me} is not registered", fix)
        return
    yield green("registration", f"of provider {standing.provider}")
    yield from asked("class", [lambda: _class(config, contracts, me)])
    yield from asked("fingerprint", [lambda: _fingerprint(config, contracts, me, gpus)])
    yield from asked("stake", [lambda: _stake(contracts, standing.provider, me)])
    if config.audited_jobs:
        yield from asked("bond", [lambda: _bond(config, contracts, me)])
    yield _capacity(config, standing.capacity)
    told = advice(config, chosen(gpus, config.gpu))
    yield yellow("capability", *_halves(told)) if told else green("capability", "as its class promises")


def _halves(told: str) -> tuple[str, str]:
    words, _, fix = told.partition(": ")
    return words, fix or "see the how-to"


def _gas(contracts: Contracts, me: str) -> Check:
    have = contracts.connection.balance(me)
    need = FEW_TRANSACTIONS * GAS_EACH * max(1, contracts.connection.latest().base_fee)
    said = f"{have / COIN:.6g} coin for gas"
    if have < need:
        return red("gas", said, f"send {need / COIN:.3g} or more to the hot key, {me}")
    return green("gas", said)


def _class(config: WorkerConfig, contracts: Contracts, me: str) -> Check:
    profile = contracts.registry.profile_of(me)
    names = [config.hardware_class, *config.classes]
    name = next((name for name in names if hardware_class(name) == profile.hardware_class), "")
    if not name:
        return red(
            "class", f"registered in another class than {names[0]!r}", "run register again, or mend hardware_class"
        )
    if not contracts.parameters.class_allowed(profile.hardware_class):
        return red(
            "class", f"{name}, which this network does not list", "set another hardware_class and register again"
        )
    return green("class", f"{name}, capability {profile.capability} of 1000, least price {profile.price}")


def _fingerprint(config: WorkerConfig, contracts: Contracts, me: str, gpus: list[Gpu]) -> Check:
    """The kept one is compared, not a new one taken: `register` takes it where the machine has changed."""
    again = "tensorgrid-worker register, which takes it anew"
    registered, kept = contracts.registry.profile_of(me).fingerprint, fingerprints.load(config.home)
    if kept is None:
        return yellow("fingerprint", "never taken: no audited jobs, no auditor's seats", again)
    if changed := kept.stale(fingerprints.devices_of(config, gpus)):
        return yellow("fingerprint", f"taken on another machine ({'; '.join(changed)})", again)
    if kept.digest != registered:
        return yellow("fingerprint", f"0x{kept.digest.hex()[:12]} here, 0x{registered.hex()[:12]} registered", again)
    return green("fingerprint", f"0x{registered.hex()}")


def _stake(contracts: Contracts, provider: str, me: str) -> Check:
    vault, token = contracts.vault, contracts.deployment.stake_token
    try:
        least = contracts.parameters.values().min_stake
    except ChainError:
        least = 0
    held = vault.allocation_of(provider, me, contracts.board.address)
    free = vault.lockable(provider, me, contracts.board.address)
    said = f"{shown(held.active, token)}, of which {shown(held.locked, token)} is locked"
    if held.active < least:
        return red(
            "stake", f"{said}; the least is {shown(least, token)}", "tensorgrid-worker register with a higher --stake"
        )
    if free < least:
        return yellow(
            "stake", f"{said}: no further job fits", "wait for jobs to end, or register with a higher --stake"
        )
    return green("stake", said)


def _bond(config: WorkerConfig, contracts: Contracts, me: str) -> Check:
    """Of disputes: one token that covers one is enough for the jobs that pay in it."""
    disputes = [purse for purse in purses(contracts, me) if not purse.appeals]
    if not disputes:
        return green("bond", "none is needed: this network has no audits")
    enough = [purse for purse in disputes if purse.free >= purse.least * config.capacity]
    if enough:
        return green("bond", "; ".join(purse.line() for purse in enough))
    wanted = " or ".join(f"{shown(purse.least, purse.token)}" for purse in disputes)
    fix = "tensorgrid-worker bond --deposit AMOUNT --provider KEYSTORE"
    if not config.dispute_bond:
        return yellow("bond", "none: a false accusation cannot be contested (dispute_bond = false)", fix)
    return yellow("bond", f"too little for {config.capacity} audited job(s): {wanted} each", fix)


def _capacity(config: WorkerConfig, registered: int) -> Check:
    if registered == 0:
        return red("capacity", "registered for no job at once", "run register again: it tells the settings' capacity")
    if registered < config.capacity:
        told = f"registered for {registered}, the settings say {config.capacity}"
        return yellow("capacity", told, "run register again, or lower the setting")
    return green("capacity", f"{config.capacity} job(s) at once")
