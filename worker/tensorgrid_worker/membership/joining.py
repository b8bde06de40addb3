"""Which transactions make a worker the provider's, with so much stake behind it. Idempotent: only what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import InsufficientFunds, TensorgridError
from tensorgrid.domain.jobs import ZERO32, ZERO_ADDRESS, hardware_class
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.workers import WorkerProfile
from tensorgrid.privacy import Identity, recipient_bytes
from tensorgrid_worker.capability import fingerprints
from tensorgrid_worker.capability import record as records
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.keys import IDENTITY, sign_consent
from tensorgrid_worker.logs import short
from tensorgrid_worker.membership.wallet import Step, shown
from tensorgrid_worker.memory.spoken import spoken_for_in

DEVNET = 31337
COIN = 10**18
REGISTER_GAS, UPDATE_GAS, APPROVE_GAS, DEPOSIT_GAS, ALLOCATE_GAS = 400_000, 200_000, 100_000, 200_000, 150_000


class JoiningRefused(TensorgridError):
    """Not like this. Says what to change."""


@dataclass(frozen=True, slots=True)
class Join:
    """`stake`: in all behind this worker, stake-token units. `price`: least per job, units of the first pay token."""

    config: WorkerConfig
    account: LocalAccount
    provider: str
    stake: int
    price: int


def steps(contracts: Contracts, join: Join) -> list[Step]:
    """What `provider` still has to sign; empty: nothing. Raises JoiningRefused, InsufficientFunds, Unreachable."""
    _check(contracts, join)
    return [*_registration(contracts, join), *_stake(contracts, join)]


def missing_stake(contracts: Contracts, join: Join) -> int:
    """Stake-token units that the provider must bring from outside the vault."""
    vault, worker = contracts.vault, join.account.address
    active = vault.allocation_of(join.provider, worker, contracts.board.address).active
    return max(0, join.stake - active - vault.free_of(join.provider, worker))


def parse_units(text: str, default: Token | None, tokens: tuple[Token, ...]) -> int:
    """Digits alone are units of `default`, "30 TGS" is an amount. Raises SpecInvalid, UnknownToken, JoiningRefused."""
    if text.strip().isascii() and text.strip().isdigit():
        return int(text)
    found = Amount.parse(text, tokens)
    if default is not None and found.token != default:
        raise JoiningRefused(f"{text[:60]!a} is in {found.token}, and {default} is wanted here; write it in {default}")
    return found.units


def profile(join: Join) -> WorkerProfile:
    """As the settings, the measurement, the fingerprint and the identity say. Never measured: claims nothing, 0."""
    config = join.config
    last = records.load(config.home)
    score = min((found.score for found in last.measured), default=0) if last is not None else 0
    replaying = fingerprints.load(config.home)
    return WorkerProfile(
        payout=join.provider,
        hardware_class=hardware_class(config.hardware_class),
        fingerprint=replaying.digest if replaying is not None else ZERO32,
        capability=score,
        price=join.price,
        capacity=config.capacity,
        recipient=_recipient(config.home),
    )


def _recipient(home: Path) -> bytes:
    file = home / IDENTITY
    return recipient_bytes(Identity.load(file).recipient) if file.exists() else b"\0" * 32


def _check(contracts: Contracts, join: Join) -> None:
    least = contracts.parameters.values().min_stake
    token = contracts.deployment.stake_token
    if join.stake < least:
        raise JoiningRefused(
            f"a stake of {shown(join.stake, token)} is below the least, {shown(least, token)}, which each "
            "job locks: stake three times as much to work on several, and to survive a slash"
        )
    name = join.config.hardware_class
    if not contracts.parameters.class_allowed(hardware_class(name)):
        raise JoiningRefused(f"this network does not list class {name!a}; set hardware_class to one that it lists")


def _registration(contracts: Contracts, join: Join) -> Iterator[Step]:
    registry, worker = contracts.registry, join.account.address
    owner, wanted = registry.provider_of(worker), profile(join)
    if owner == ZERO_ADDRESS:
        consent = sign_consent(join.account, join.provider, chain_id=contracts.chain_id, registry=registry.address)
        yield Step(f"register worker {worker}", registry.register(worker, wanted, consent), REGISTER_GAS)
        return
    if owner.lower() != join.provider.lower():
        raise JoiningRefused(
            f"{worker} belongs to provider {owner} for ever; use his key, or make another worker with `init`"
        )
    have = registry.profile_of(worker)
    # where its pay goes and what it tells of itself beside this is the provider's own business
    wanted = replace(wanted, payout=have.payout, metadata=have.metadata)
    if wanted.fingerprint == ZERO32:
        wanted = replace(wanted, fingerprint=have.fingerprint)  # not taken here and now: no reason to forget it
    if (have.hardware_class, have.fingerprint) != (wanted.hardware_class, wanted.fingerprint):
        _check_free(contracts, join)
    if have != wanted:
        yield Step(f"update worker {worker}", registry.update(worker, wanted), UPDATE_GAS)


def _check_free(contracts: Contracts, join: Join) -> None:
    job = spoken_for_in(join.config.home, contracts, join.account.address)
    if job is not None:
        raise JoiningRefused(
            f"{join.account.address} has a seat in the audited job {short(job)}, and its auditors "
            "are drawn by what is registered; run register again when that job has ended"
        )


def _stake(contracts: Contracts, join: Join) -> Iterator[Step]:
    vault, worker, named = contracts.vault, join.account.address, contracts.deployment.stake_token
    grow = join.stake - vault.allocation_of(join.provider, worker, contracts.board.address).active
    if grow <= 0:
        return
    bring = missing_stake(contracts, join)
    if bring:
        token = contracts.token(vault.stake_token())
        have = token.balance_of(join.provider)
        if have < bring:
            raise InsufficientFunds(
                f"{join.provider} has {shown(have, named)} and needs {shown(bring, named)} more behind {worker}; send "
                f"{shown(bring - have, named)} to it, or stake less"
            )
        if token.allowance(join.provider, vault.address) < bring:
            yield Step(f"let the vault take {shown(bring, named)}", token.approve(vault.address, bring), APPROVE_GAS)
        yield Step(f"deposit {shown(bring, named)} behind {worker}", vault.deposit(worker, bring), DEPOSIT_GAS)
    call = vault.allocate(worker, contracts.board.address, grow)
    yield Step(f"let the board lock {shown(grow, named)} of it", call, ALLOCATE_GAS)


def give_devnet_money(contracts: Contracts, join: Join) -> Step | None:
    """On a devnet: coin for both keys, and the minting of the stake that is missing; None elsewhere, or nothing to do.

    Raises Unreachable.
    """
    if contracts.chain_id != DEVNET:
        return None
    for address in (join.provider, join.account.address):
        if contracts.connection.balance(address) < COIN:
            contracts.connection.rpc("anvil_setBalance", address, hex(100 * COIN))
    token = contracts.token(contracts.vault.stake_token())
    short = missing_stake(contracts, join) - token.balance_of(join.provider)
    if short <= 0:
        return None
    said = shown(short, contracts.deployment.stake_token)
    return Step(f"mint {said} of a devnet's money", token.mint(join.provider, short), APPROVE_GAS)
