"""StakeVault: stake that can be lost."""

from __future__ import annotations

from tensorgrid.chain.calls import Call, Contract
from tensorgrid.chain.records import Allocation, Exit, LockCap


class StakeVault(Contract):
    """Stake of (provider, worker) pairs, in stake-token units. Writers are the provider's, with the cold key."""

    def stake_token(self, *, block: int | str = "latest") -> str:
        return str(self.read("STAKE_TOKEN", block=block))

    def exit_delay(self, *, block: int | str = "latest") -> int:
        """Seconds."""
        return int(self.read("EXIT_DELAY", block=block))

    def free_of(self, provider: str, worker: str, *, block: int | str = "latest") -> int:
        """Deposited and not allocated."""
        return int(self.read("freeOf", provider, worker, block=block))

    def allocation_of(self, provider: str, worker: str, controller: str, *, block: int | str = "latest") -> Allocation:
        return Allocation(*self.read("allocationOf", provider, worker, controller, block=block))

    def exit_of(self, provider: str, worker: str, controller: str, *, block: int | str = "latest") -> Exit:
        return Exit(*self.read("exitOf", provider, worker, controller, block=block))

    def cap_of(self, provider: str, worker: str, controller: str, *, block: int | str = "latest") -> LockCap:
        """Counts only where the allocation is `capped`."""
        return LockCap(*self.read("capOf", provider, worker, controller, block=block))

    def lockable(self, provider: str, worker: str, controller: str, *, block: int | str = "latest") -> int:
        """What the controller could lock now."""
        return int(self.read("lockable", provider, worker, controller, block=block))

    def claimable_of(self, finder: str, *, block: int | str = "latest") -> int:
        return int(self.read("claimableOf", finder, block=block))

    def deposit(self, worker: str, amount: int) -> Call:
        """By a provider who has approved the vault."""
        return self.build("deposit", worker, amount)

    def allocate(self, worker: str, controller: str, amount: int) -> Call:
        return self.build("allocate", worker, controller, amount)

    def request_exit(self, worker: str, controller: str, amount: int) -> Call:
        return self.build("requestExit", worker, controller, amount)

    def finish_exit(self, worker: str, controller: str) -> Call:
        return self.build("finishExit", worker, controller)

    def withdraw(self, worker: str, amount: int, to: str) -> Call:
        return self.build("withdraw", worker, amount, to)

    def set_lock_cap(self, worker: str, controller: str, cap: int | None) -> Call:
        """By the provider: at most `cap` locked per day under `controller`; None ends the cap."""
        return self.build("setLockCap", worker, controller, cap is not None, cap or 0)

    def claim(self, to: str) -> Call:
        """By a finder: the unburned share of slashes."""
        return self.build("claim", to)

    def flush_burned(self) -> Call:
        """By anyone: really send burned stake to the burn address."""
        return self.build("flushBurned")
