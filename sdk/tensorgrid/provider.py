"""What the owner of a worker does with the cold key: register it, put stake behind it, take the stake back.

The worker's hot key never appears here except to sign its consent once; it holds no money.
"""

from __future__ import annotations

from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.send import Sender, TxReceipt
from tensorgrid.domain.errors import InsufficientFunds
from tensorgrid.domain.workers import WorkerProfile, consent_digest


def sign_consent(contracts: Contracts, worker: LocalAccount, provider: str) -> bytes:
    """The worker's EIP-712 signature over (worker, provider), 65 bytes: it belongs to that provider from then on."""
    # not asked of the registry: a node that lies could have the hot key sign any 32 bytes
    digest = consent_digest(worker.address, provider, chain_id=contracts.chain_id, registry=contracts.registry.address)
    return bytes(worker.unsafe_sign_hash(Hash32(digest)).signature)


def register_worker(
    sender: Sender, contracts: Contracts, worker: LocalAccount | tuple[str, bytes], profile: WorkerProfile
) -> TxReceipt:
    """Register a worker under the sender's key (the provider).

    `worker` is its unlocked account, or (address, consent signature) when the hot key lives elsewhere; (address, b"")
    is right when the provider's own key does the work. Raises Reverted (AlreadyRegistered, BadConsent, ZeroAddress).
    """
    if isinstance(worker, tuple):
        address, consent = worker
    else:
        address = worker.address
        consent = b"" if address == sender.address else sign_consent(contracts, worker, sender.address)
    return sender.transact(contracts.registry.register(address, profile, consent))


def stake(sender: Sender, contracts: Contracts, worker: str, amount: int) -> list[TxReceipt]:
    """Move `amount` (stake-token units) of the provider's tokens behind `worker` and allocate it to the board.

    Three transactions: approve, deposit, allocate. Raises InsufficientFunds before the first, Reverted after.
    """
    token = contracts.token(contracts.vault.stake_token())
    have = token.balance_of(sender.address)
    if have < amount:
        raise InsufficientFunds(
            f"{sender.address} has {have} stake-token units and {amount} are to be staked; send it {amount - have} more"
        )
    return [
        sender.transact(token.approve(contracts.vault.address, amount)),
        sender.transact(contracts.vault.deposit(worker, amount)),
        allocate(sender, contracts, worker, amount),
    ]


def allocate(sender: Sender, contracts: Contracts, worker: str, amount: int) -> TxReceipt:
    """Let the board lock and slash `amount` more of the worker's free stake; it does not count in older draws.

    Raises Reverted (FreeTooSmall).
    """
    return sender.transact(contracts.vault.allocate(worker, contracts.board.address, amount))


def request_exit(sender: Sender, contracts: Contracts, worker: str, amount: int) -> TxReceipt:
    """Ask for `amount` back from the board: no longer lockable at once, still slashable until the exit delay is over.

    A second request adds up and restarts the clock. Raises Reverted (StakeTooSmall).
    """
    return sender.transact(contracts.vault.request_exit(worker, contracts.board.address, amount))


def finish_exit(sender: Sender, contracts: Contracts, worker: str) -> TxReceipt:
    """After the exit delay: make it free again. Raises Reverted (ExitNotReady, NoExit)."""
    return sender.transact(contracts.vault.finish_exit(worker, contracts.board.address))


def set_lock_cap(sender: Sender, contracts: Contracts, worker: str, cap: int | None) -> TxReceipt:
    """Let the worker's jobs lock at most `cap` (stake-token units) per day of chain time; None ends that.

    It bounds what a stolen hot key can put at risk before its offers are called back.
    """
    return sender.transact(contracts.vault.set_lock_cap(worker, contracts.board.address, cap))


def withdraw_stake(sender: Sender, contracts: Contracts, worker: str, amount: int, to: str) -> TxReceipt:
    """Send free stake to `to`. Raises Reverted (FreeTooSmall)."""
    return sender.transact(contracts.vault.withdraw(worker, amount, to))


def withdraw_pay(sender: Sender, contracts: Contracts, token: str, to: str) -> int:
    """Send all that the sender (a payout address) has earned in `token` to `to`. Returns the units, 0 for none."""
    free = contracts.escrow.balance(contracts.board.address, token, sender.address).free
    if free:
        sender.transact(contracts.escrow.withdraw(contracts.board.address, token, free, to))
    return free
