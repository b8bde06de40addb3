"""The money that a worker of audited jobs keeps ready for disputes: what lies there, how it comes in, how it goes out.

The Escrow lets anybody deposit for a worker, so the provider's cold key pays; only the worker's own key takes it out.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.errors import InsufficientFunds, Reverted, Unreachable
from tensorgrid.domain.money import Token
from tensorgrid_worker.config import WorkerConfig
from tensorgrid_worker.keys import address_in
from tensorgrid_worker.membership.joining import DEVNET, JoiningRefused, parse_units
from tensorgrid_worker.membership.wallet import Step, shown
from tensorgrid_worker.memory.records import JobRecord
from tensorgrid_worker.memory.rows import NO_JOB, WITHDRAW_BOND, Status
from tensorgrid_worker.parts import opened
from tensorgrid_worker.start import HomeInUse, lock

APPROVE_GAS, DEPOSIT_GAS = 100_000, 200_000
WORKER = 1
"""Number of the audited worker's seat."""
PATIENCE_SECONDS, POLL_SECONDS = 60.0, 0.5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Purse:
    """One worker's money in one pay token. `least`: what one dispute, or one appeal, takes of it; units of the token.
    `appeals`: the jury's, for appeals; else the audit verifier's, for disputes."""

    token: Token
    appeals: bool
    free: int
    held: int
    least: int

    def line(self) -> str:
        what = "appeal" if self.appeals else "dispute"
        enough = f"covers {self.free // self.least} {what}(s)" if self.free >= self.least else f"covers no {what}"
        return f"{what}s: {shown(self.free, self.token)} free, {shown(self.held, self.token)} held; {enough}"

    def to_json(self) -> dict[str, Any]:
        return {
            "for": "appeals" if self.appeals else "disputes",
            "token": self.token.symbol,
            "free": self.free,
            "held": self.held,
            "least": self.least,
        }


def purses(contracts: Contracts, worker: str) -> list[Purse]:
    """In every pay token that the jury hears cases in. Empty where the network has no audits. Raises Unreachable."""
    audit, jury, found = contracts.audit, contracts.jury, list[Purse]()
    if audit is None or jury is None:
        return found
    for token in contracts.deployment.tokens:
        for controller, least, appeals in (
            (audit.address, jury.fee(token.address), False),
            (jury.address, jury.appeal_fee(token.address), True),
        ):
            if least:
                balance = contracts.escrow.balance(controller, token.address, worker)
                found.append(Purse(token, appeals, balance.free, balance.held, least))
    return found


def controller_of(contracts: Contracts, *, appeals: bool) -> str:
    """Under which the Escrow keeps it. Raises JoiningRefused where the network has no audits."""
    contract = contracts.jury if appeals else contracts.audit
    if contract is None or contracts.audit is None:
        raise JoiningRefused("this network has no audits, hence no disputes; nothing is to be deposited")
    return contract.address


def amount_of(contracts: Contracts, text: str) -> tuple[Token, int]:
    """Of "10 USDC"; units alone are of the first pay token. Raises JoiningRefused, SpecInvalid, UnknownToken."""
    tokens = contracts.deployment.tokens
    for token in tokens:
        with contextlib.suppress(JoiningRefused):
            units = parse_units(text, token, tokens)
            if not units:
                break
            return token, units
    raise JoiningRefused(f"{text[:60]!a} is no amount to move; write one such as '10 {tokens[0].symbol}'")


def deposit_steps(
    contracts: Contracts, worker: str, payer: str, token: Token, units: int, *, appeals: bool
) -> Iterator[Step]:
    """What `payer` signs. Raises InsufficientFunds, JoiningRefused, Unreachable."""
    controller, escrow = controller_of(contracts, appeals=appeals), contracts.escrow
    money, said = contracts.token(token.address), shown(units, token)
    have = money.balance_of(payer)
    if have < units and contracts.chain_id == DEVNET:
        yield Step(
            f"mint {shown(units - have, token)} of a devnet's money", money.mint(payer, units - have), DEPOSIT_GAS
        )
    elif have < units:
        raise InsufficientFunds(f"{payer} has {shown(have, token)} and needs {said}; send it the rest, or deposit less")
    if money.allowance(payer, escrow.address) < units:
        yield Step(f"let the escrow take {said}", money.approve(escrow.address, units), APPROVE_GAS)
    call = escrow.deposit(controller, token.address, worker, units)
    yield Step(f"deposit {said} for {worker}", call, DEPOSIT_GAS)


def wanted(contracts: Contracts, records: Iterable[JobRecord], worker: str, token: Token) -> int:
    """Units that his open audited jobs may have to be contested with, a bond each. Raises Unreachable."""
    audit = contracts.audit
    if audit is None:
        return 0
    ours = (record for record in records if record.number_of(worker) == WORKER and not record.ended)
    terms = (record.terms for record in ours)
    return sum(
        audit.bond_for(each) for each in terms if each.verifier == audit.address and each.pay_token == token.address
    )


def check_leaves(free: int, units: int, needed: int, token: Token) -> None:
    """Raises JoiningRefused where less would be left than is needed."""
    if free - units < needed:
        raise JoiningRefused(
            f"{shown(needed, token)} must stay for the audited jobs that are open: a false accusation could not be "
            f"contested. Withdraw at most {shown(max(0, free - needed), token)}, wait for their ends, or say --force"
        )


def withdraw(
    config: WorkerConfig, text: str, to: str, say: Say, *, appeals: bool, force: bool = False
) -> dict[str, Any]:
    """Out of the worker's free balance, by his hot key: the daemon sends it where one runs, otherwise we do. What a
    dispute holds stays, and, unless `force`, a bond for each open audited job. `to`: empty: the provider.

    Raises JoiningRefused, Reverted, Unreachable, what `opened` raises.
    """
    config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with opened(config) as parts, contextlib.ExitStack() as stack:
        contracts, me = parts.contracts, parts.account.address
        controller, (token, units) = controller_of(contracts, appeals=appeals), amount_of(contracts, text)
        free = contracts.escrow.balance(controller, token.address, me).free
        if units > free:
            raise JoiningRefused(f"{shown(free, token)} are free, not {shown(units, token)}; withdraw at most that")
        if not appeals and not force:
            records = parts.journal.open_jobs().values()
            check_leaves(free, units, wanted(contracts, records, me, token), token)
        goal = to or contracts.registry.provider_of(me)
        kind = f"{WITHDRAW_BOND}{time.time_ns()}"
        parts.journal.enqueue(NO_JOB, kind, contracts.escrow.withdraw(controller, token.address, units, goal))
        submitter = None
        with contextlib.suppress(HomeInUse):
            stack.enter_context(lock(config.home))
            submitter = parts.submitter(config)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            if submitter is not None:
                submitter.step(contracts.connection.latest().number)
            rows = [row for row in parts.journal.outbox(*Status) if (row.job, row.kind) == (NO_JOB, kind)]
            if rows and rows[0].status is Status.DONE:
                say(f"sent {shown(units, token)} to {goal}")
                return {"worker": me, "to": goal, "token": token.symbol, "units": units}
            if not rows or rows[0].status in (Status.REFUSED, Status.DEAD):
                raise Reverted(rows[0].reason if rows else "dropped", {}, "nothing was withdrawn")
            if time.monotonic() > give_up:
                raise Unreachable("the transaction is not mined yet; see that this key has gas, and look again later")
            time.sleep(POLL_SECONDS)


def show(contracts: Contracts, workers: Sequence[WorkerConfig]) -> list[dict[str, Any]]:
    """As JSON values, with `text` for people. Raises KeyMissing, Unreachable."""
    found = []
    for config in workers:
        me = address_in(config.keystore)
        have = purses(contracts, me)
        lines = [purse.line() for purse in have] or ["this network has no audits: no bond is needed"]
        found.append({"worker": me, "purses": [purse.to_json() for purse in have], "text": lines})
    return found
