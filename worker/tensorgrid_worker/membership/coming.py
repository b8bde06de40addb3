"""`register` and `leave` as a whole: whose key signs, what is sent or printed, what is still to come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from tensorgrid.chain.abi import checksum
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.deployments import Deployment
from tensorgrid.chain.send import Sender
from tensorgrid.domain.errors import ChainError, KeyMissing, SandboxUnavailable, TensorgridError
from tensorgrid_worker.capability import fingerprints
from tensorgrid_worker.capability.fingerprints import Fingerprint
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.hardware import gpus
from tensorgrid_worker.keys import address_in, unlock
from tensorgrid_worker.membership import bonding
from tensorgrid_worker.membership.joining import Join, JoiningRefused, give_devnet_money, parse_units, steps
from tensorgrid_worker.membership.leaving import leaving
from tensorgrid_worker.membership.wallet import Step, open_provider, send, unsigned
from tensorgrid_worker.sandbox.plain import Plain
from tensorgrid_worker.start import choose_sandbox

Say = Callable[[str], None]


def register(
    workers: Sequence[WorkerConfig],
    provider: str,
    password_file: Path | None,
    *,
    stake: str,
    price: str,
    unsigned: bool,
    say: Say,
) -> dict[str, Any]:
    """`provider`: a keystore, or an address when `unsigned`. What was sent, or is to be signed, as JSON values.

    Raises JoiningRefused, KeyMissing, InsufficientFunds, Reverted, Unreachable.
    """
    with _chain(workers[0]) as contracts:
        owner = _Owner(contracts, provider, password_file, unsigned=unsigned)
        return {"workers": [_register(owner, config, stake, price, say) for config in workers]} | owner.asks()


def leave(
    workers: Sequence[WorkerConfig],
    provider: str,
    password_file: Path | None,
    *,
    to: str,
    unsigned: bool,
    say: Say,
) -> dict[str, Any]:
    """As far as it can be done now; the rest is told with its time. Raises what `register` raises."""
    with _chain(workers[0]) as contracts:
        owner = _Owner(contracts, provider, password_file, unsigned=unsigned)
        goal = address(to) if to else ""
        return {"workers": [_leave(owner, config, goal, say) for config in workers]} | owner.asks()


def bond(
    workers: Sequence[WorkerConfig],
    provider: str,
    password_file: Path | None,
    *,
    deposit: str,
    appeals: bool,
    unsigned: bool,
    say: Say,
) -> dict[str, Any]:
    """Pays `deposit` in for each worker, and tells what lies there; empty: tells only, and needs no `provider`.

    Raises what `register` raises.
    """
    with _chain(workers[0]) as contracts:
        if not deposit:
            return {"workers": bonding.show(contracts, workers)}
        if not provider:
            raise JoiningRefused("who pays? pass --provider with the keystore of the one who has the money")
        owner = _Owner(contracts, provider, password_file, unsigned=unsigned)
        token, units = bonding.amount_of(contracts, deposit)
        sent = []
        for config in workers:
            me = address_in(config.keystore)
            for step in bonding.deposit_steps(contracts, me, owner.address, token, units, appeals=appeals):
                sent += owner.do([step], say)
        return {"sent": sent, "workers": bonding.show(contracts, workers)} | owner.asks()


class _Owner:
    """The provider: a key that signs here, or an address whose key is elsewhere."""

    def __init__(self, contracts: Contracts, provider: str, password_file: Path | None, *, unsigned: bool) -> None:
        self.contracts, self.to_sign = contracts, list[dict[str, Any]]()
        self.sender: Sender | None = None
        self._unsigned = unsigned
        if unsigned:
            self.address = address_in(Path(provider)) if Path(provider).is_file() else address(provider)
            return
        account: LocalAccount = open_provider(Path(provider).expanduser(), password_file)
        self.address = account.address
        self.sender = Sender(contracts.connection, account)

    def do(self, wanted: Sequence[Step], say: Say) -> list[dict[str, Any]]:
        """What was sent; where nothing is signed here, it is kept for `asks`."""
        if self.sender is not None:
            return send(self.sender, wanted, say)
        self.to_sign += unsigned(self.contracts, self.address, wanted)
        return []

    def asks(self) -> dict[str, Any]:
        """The transactions to sign elsewhere, in order."""
        return {"transactions": self.to_sign} if self._unsigned else {}


def _register(owner: _Owner, config: WorkerConfig, stake: str, price: str, say: Say) -> dict[str, Any]:
    contracts, deployment = owner.contracts, owner.contracts.deployment
    tokens, pay = deployment.tokens, deployment.tokens[0] if deployment.tokens else None
    staked = (deployment.stake_token,) if deployment.stake_token else ()
    join = Join(
        config=config,
        account=unlock(config.keystore, config.password_file),
        provider=owner.address,
        stake=parse_units(stake, deployment.stake_token, staked),
        price=parse_units(price, pay, tokens) if price else config.min_price,
    )
    notes = _fingerprint_note(config, say)
    money = give_devnet_money(contracts, join)
    sent = owner.do([money], say) if money is not None and owner.sender is not None else []
    sent += owner.do(steps(contracts, join), say)
    if join.price != config.min_price:
        notes.append(
            f"clients are told {join.price}, the daemon holds to min_price = {config.min_price} of its settings"
        )
    notes += _bond_note(contracts, config)
    done = owner.sender is not None
    return {"worker": join.account.address, "provider": owner.address, "sent": sent, "notes": notes, "done": done}


def _leave(owner: _Owner, config: WorkerConfig, to: str, say: Say) -> dict[str, Any]:
    me = address_in(config.keystore)
    before = leaving(owner.contracts, me, to=to)
    if before.provider.lower() != owner.address.lower():
        raise JoiningRefused(
            f"{me} belongs to provider {before.provider}; pass his keystore, not that of {owner.address}"
        )
    sent = owner.do(before.steps, say)
    after = leaving(owner.contracts, me, to=to) if owner.sender is not None else before
    return {
        "worker": me,
        "provider": owner.address,
        "sent": sent,
        "notes": list(after.later),
        "due_at": after.due_at,
        "done": after.done,
    }


def fingerprint(config: WorkerConfig, say: Say) -> Fingerprint:
    """Taken where none is kept or the machine has changed. Raises CapabilityUnknown, RunFailed, GpuMissing."""
    try:
        sandbox = choose_sandbox(config)
    except SandboxUnavailable:
        sandbox = Plain()  # what runs is our own code; `doctor` says what is missing for strangers'
    return fingerprints.of_worker(config, gpus(), sandbox, say=say)


def _fingerprint_note(config: WorkerConfig, say: Say) -> list[str]:
    """Without one a worker does every job but audited ones."""
    try:
        fingerprint(config, say)
    except TensorgridError as error:
        return [f"no fingerprint, hence no audited jobs and no auditor's seats: {error}"]
    return []


def _bond_note(contracts: Contracts, config: WorkerConfig) -> list[str]:
    """What audited jobs need besides a stake."""
    disputes = [purse for purse in bonding.purses(contracts, address_in(config.keystore)) if not purse.appeals]
    if not config.audited_jobs or not disputes or any(purse.free >= purse.least for purse in disputes):
        return []
    wanted = " or ".join(f"{purse.least} {purse.token.symbol} units" for purse in disputes)
    return [f"no audited jobs without a bond for disputes: {wanted} per job; tensorgrid-worker bond --deposit AMOUNT"]


@contextmanager
def _chain(config: WorkerConfig) -> Iterator[Contracts]:
    deployment = Deployment.load(config.deployment)
    with Connection(config.rpc_url, chain_id=deployment.chain_id) as connection:
        yield Contracts(connection, deployment)


def address(text: str) -> str:
    """Checksummed. Raises KeyMissing."""
    try:
        return checksum(text)
    except (ChainError, ValueError) as error:
        raise KeyMissing(f"{text[:64]!a} is neither a keystore file nor an address; pass one of them") from error
