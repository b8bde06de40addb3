"""What is left to do until a worker's stake and pay are with their owner again. Read from the chain each time anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.jobs import ZERO_ADDRESS
from tensorgrid.domain.money import Token
from tensorgrid_worker.membership.bonding import purses
from tensorgrid_worker.membership.joining import JoiningRefused
from tensorgrid_worker.membership.wallet import Step, shown

EXIT_GAS, FINISH_GAS, WITHDRAW_GAS = 150_000, 150_000, 150_000


@dataclass(frozen=True, slots=True)
class Leaving:
    """`steps`: due now. `later`: what is not, and when, in words. `due_at`: Unix seconds of chain time, 0 for none."""

    worker: str
    provider: str
    steps: tuple[Step, ...]
    later: tuple[str, ...]
    due_at: int

    @property
    def done(self) -> bool:
        """Nothing is due, now or later."""
        return not self.steps and not self.later

    def to_json(self) -> dict[str, Any]:
        return {
            "worker": self.worker,
            "provider": self.provider,
            "now": [step.what for step in self.steps],
            "later": list(self.later),
            "due_at": self.due_at,
            "done": self.done,
        }


def leaving(contracts: Contracts, worker: str, *, to: str = "") -> Leaving:
    """`to`: where stake and pay go; empty: to the provider. Raises JoiningRefused, Unreachable."""
    standing = contracts.registry.standing(worker)
    provider = standing.provider
    if provider == ZERO_ADDRESS:
        raise JoiningRefused(f"{worker} is not registered here; there is nothing to leave. Is it the right network?")
    now, goal = contracts.connection.now(), to or provider
    now_steps, later, due_at = _stake(contracts, provider, worker, goal, now)
    paid, told = _pay(contracts, provider, standing.payee, goal)
    told += [
        f"{shown(purse.free, purse.token)} for {'appeals' if purse.appeals else 'disputes'} is the worker's own: "
        f"tensorgrid-worker bond --withdraw AMOUNT{' --appeals' if purse.appeals else ''}"
        for purse in purses(contracts, worker)
        if purse.free
    ]
    return Leaving(worker, provider, (*now_steps, *paid), (*later, *told), due_at)


def _stake(contracts: Contracts, provider: str, worker: str, to: str, now: int) -> tuple[list[Step], list[str], int]:
    vault, board, token = contracts.vault, contracts.board.address, contracts.deployment.stake_token
    held, queued = vault.allocation_of(provider, worker, board), vault.exit_of(provider, worker, board)
    free, steps = vault.free_of(provider, worker), list[Step]()
    if held.active:
        # It restarts the clock of what was asked back before: all of it is ready at once then.
        call = vault.request_exit(worker, board, held.active)
        steps.append(Step(f"ask for {shown(held.active, token)} back from the board", call, EXIT_GAS))
        if free:
            steps.append(_withdraw(contracts, worker, free, to))
        wait = f"then wait {vault.exit_delay()} s of chain time: until then it can be slashed for what the worker did"
        return steps, [wait], now + vault.exit_delay()
    later: list[str] = []
    due_at = 0
    ready = max(0, queued.amount - held.locked)
    if queued.amount and now < queued.ready_at:
        due_at = queued.ready_at
        later.append(f"{shown(queued.amount, token)} can go {_when(queued.ready_at, now)}; run leave again then")
    elif ready:
        steps.append(Step(f"end the exit of {shown(ready, token)}", vault.finish_exit(worker, board), FINISH_GAS))
        free += ready
    if queued.amount > ready and not due_at:
        stuck = shown(queued.amount - ready, token)
        later.append(f"{stuck} is locked by {held.locks} job(s) that still run; run leave again when they have ended")
    if free:
        steps.append(_withdraw(contracts, worker, free, to))
    return steps, later, due_at


def _withdraw(contracts: Contracts, worker: str, amount: int, to: str) -> Step:
    said = shown(amount, contracts.deployment.stake_token)
    return Step(f"send the stake of {said} to {to}", contracts.vault.withdraw(worker, amount, to), WITHDRAW_GAS)


def _pay(contracts: Contracts, provider: str, payee: str, to: str) -> tuple[list[Step], list[str]]:
    """Of jobs, and of juries."""
    steps, told = list[Step](), list[str]()
    tokens, jury = contracts.deployment.tokens, contracts.jury
    owed = [(contracts.board.address, token) for token in tokens]
    if jury is not None:
        # Who finds an accuser wrong is paid in stake.
        stake = contracts.deployment.stake_token or Token(contracts.vault.stake_token(), "units", 0)
        owed += [(jury.address, token) for token in {token.address: token for token in (stake, *tokens)}.values()]
    for payer, token in owed:
        free = contracts.escrow.balance(payer, token.address, payee).free
        if free and payee == provider:
            call = contracts.escrow.withdraw(payer, token.address, free, to)
            steps.append(Step(f"send the pay of {shown(free, token)} to {to}", call, WITHDRAW_GAS))
        elif free:
            told.append(f"pay of {shown(free, token)} waits for {payee}, whose key must withdraw it")
    return steps, told


def _when(at: int, now: int) -> str:
    return f"at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC of chain time, in {at - now} s"
