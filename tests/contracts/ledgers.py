"""The ledgers, the beacon and the parameters by themselves: no board, no scheduler, no verifier.

Controllers, boards and reporters are ordinary accounts, because the ledgers know no difference.
"""

from __future__ import annotations

from typing import Any

from ape.contracts import ContractInstance
from tests.contracts.world import CPU, DELAY, PARAMETERS, PRICE, WEI, container

BOUNDS = (60, 3600, 10, 7200, 20_000, 500, 2)
VALUES = (100, 100 * WEI, 5 * WEI, False)


class Ledgers:
    """One per session; ape rolls the chain back after every test."""

    def __init__(self, accounts: Any, chain: Any) -> None:
        self.chain = chain
        self.deployer, self.stranger, self.closer, self.requester = (accounts[i] for i in range(4))
        self.board, self.controller, self.payer, self.provider, self.worker = (accounts[i] for i in range(4, 9))
        self.spare = [accounts[i] for i in range(9, 13)]
        self.coin = self.deploy("TestToken", "coin", "USDC", 6)
        self.stake_token = self.deploy("TestToken", "stake", "TGS", 18)
        self.escrow = self.deploy("Escrow")
        self.vault = self.deploy("StakeVault", self.stake_token, PARAMETERS.exit_delay)
        self.registry = self.deploy("WorkerRegistry")
        self.reputation = self.deploy("Reputation", PARAMETERS.half_life)
        self.beacon = self.deploy("BlockBeacon", DELAY)
        self.manager = self.deploy("AccessManager", self.deployer)
        self.parameters = self.deploy("Parameters", self.manager, BOUNDS, VALUES)

    def deploy(self, name: str, *arguments: Any) -> ContractInstance:
        return self.deployer.deploy(container(name), *arguments)

    # ---- time

    @property
    def now(self) -> int:
        """Timestamp of the latest block."""
        return int(self.chain.blocks.head.timestamp)

    def at(self, timestamp: int) -> None:
        """The next transaction executes in a block of exactly this timestamp."""
        if timestamp != int(self.chain.pending_timestamp):
            self.chain.pending_timestamp = timestamp

    def mine(self, blocks: int) -> None:
        self.chain.mine(blocks)

    # ---- money

    def deposit(self, account: Any, amount: int, token: Any = None, controller: Any = None) -> Any:
        """Freshly minted money of `account` in the escrow, for `controller`."""
        token = token or self.coin
        token.mint(account, amount, sender=account)
        token.approve(self.escrow, amount, sender=account)
        return self.escrow.deposit(controller or self.controller, token, account, amount, sender=account)

    def balance(self, account: Any, token: Any = None, controller: Any = None) -> tuple[int, int]:
        """Free and held."""
        # A call with a sender spares eth-tester the search for one, which takes longer than the call.
        have = self.escrow.balanceOf(controller or self.controller, token or self.coin, account, sender=self.stranger)
        return int(have.free), int(have.held)

    # ---- workers

    def register(self, provider: Any, worker: Any, **changes: Any) -> None:
        consent = worker.sign_raw_msghash(self.registry.consentDigest(worker, provider)).encode_rsv()
        self.registry.register(
            worker, self.profile(changes.pop("payout", provider), **changes), consent, sender=provider
        )

    def profile(self, payout: Any, *, capacity: int = 3, hardware: bytes = CPU) -> tuple[Any, ...]:
        return (payout, hardware, b"\1" * 32, 1000, PRICE, capacity, b"\2" * 32, b"\3" * 32)
