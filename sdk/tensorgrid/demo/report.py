"""The end of the demo: one page for people, one JSON file for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tensorgrid.demo.ledger import BURNED, ESCROW, VAULT, Ledger, Snapshot
from tensorgrid.demo.transactions import Sent
from tensorgrid.domain.money import Amount, Token
from tensorgrid.runs.story import SeatStory
from tensorgrid.text import short_id

_STEPS = {
    "USDC.approve": "lets the escrow take the budget",
    "Escrow.deposit": "deposits the budget",
    "JobBoard.post": "posts the job: the budget is locked",
    "JobBoard.postWithOffers": "posts the job, matched with an offer",
    "JobBoard.postFor": "posts the job that another has signed",
    "JobBoard.take": "is drawn, takes a seat: stake is locked",
    "JobBoard.progress": "publishes sealed progress",
    "JobBoard.commit": "commits to a result still hidden",
    "JobBoard.commitExtra": "commits to a result still hidden",
    "JobBoard.commitAndSettle": "commits, and settles the job before",
    "ReplicationVerifier.reveal": "opens what it has committed to",
    "ReplicationVerifier.openExtra": "opens more seats",
    "JobBoard.closeWork": "ends the work without those who are late",
    "JobBoard.settle": "settles: pays, slashes, returns the rest",
    "JobBoard.expire": "ends a job that was not done",
    "Escrow.withdraw": "takes its money out of the escrow",
    "Escrow.flushBurned": "sends the burned fee to 0x…dEaD",
    "StakeVault.flushBurned": "sends the burned stake to 0x…dEaD",
}
_MONEY = {"escrowed", "paid", "fee burned", "bounty", "returned", "missing"}
_RIGHT = {"gas", "before", "after", "change", "left", "right"} | _MONEY


@dataclass(frozen=True, slots=True)
class Numbers:
    """The content of build/demo.json."""

    accuracy: float
    balance_sum: int
    paid: int
    slashed: int
    worker_pids: list[int]
    sandbox: str
    transactions: int
    seconds: float

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def print_steps(console: Console, sent: Sequence[Sent], names: Mapping[str, str], *, posted_block: int) -> None:
    """Every transaction since the first posting, in order; what set the network up is one line."""
    table = table_of("What happened", "block", "who", "does", "transaction", "gas")
    before = [tx for tx in sent if tx.block < posted_block]
    job = [tx for tx in sent if tx.block >= posted_block]
    table.add_row(f"…{posted_block - 1}", "all", f"set the network up: {len(before)} transactions", "", _gas(before))
    for group in _folded(job):
        tx = group[0]
        does = _STEPS.get(tx.name, tx.name) if tx.ok else f"comes too late, refused: {tx.name}"
        if len(group) > 1:
            does += f", {len(group)} times"
        table.add_row(str(tx.block), names.get(tx.sender, short_id(tx.sender)), does, short_id(tx.hash), _gas(group))
    table.add_section()
    table.add_row("", "all", f"the job: {len(job)} transactions", "", _gas(job), style="bold")
    console.print(table)


def print_balances(
    console: Console, ledger: Ledger, before: Snapshot, after: Snapshot, reasons: Mapping[tuple[str, str], str]
) -> None:
    """Each party in each token, before and after; the changes of each token sum to zero.

    `reasons`: by (party, token symbol), why its balance changed.
    """
    table = table_of("Who has what", "party", "before", "after", "change", "because")
    for token in ledger.tokens:
        for party in ledger.parties:
            first, last = before.units[party, token.symbol], after.units[party, token.symbol]
            if not (first or last or party in (ESCROW, VAULT, BURNED)):
                continue
            change = ledger.change(party, token, before, after)
            why = reasons.get((party, token.symbol), "") if change else ""
            table.add_row(party, _units(first, token), _units(last, token), _signed(change), why)
        total = ledger.sums(before, after)[token.symbol]
        table.add_row("sum", "", "", f"{total} {token.symbol}", "exactly, in the smallest unit", style="bold")
        table.add_section()
    console.print(table)


def print_workers(console: Console, rows: Sequence[tuple[str, SeatStory | None, str, str]]) -> None:
    """rows: name, its seat (None: not drawn), what it was paid or lost, its score."""
    table = table_of("Who was paid, who was slashed", "worker", "seat", "answer", "outcome", "score")
    for name, seat, outcome, score in rows:
        answer = short_id(seat.root_hash) if seat and seat.root_hash else "-"
        number = "not drawn" if seat is None else f"{seat.number}{' (extra)' if seat.extra else ''}"
        table.add_row(name, number, answer, outcome, score)
    console.print(table)


def table_of(title: str, *columns: str) -> Table:
    """As all tables of the demo look; numbers to the right."""
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False
    )
    for column in columns:
        right = column in _RIGHT
        wraps = column in {"does", "because"}
        table.add_column(column, justify="right" if right else "left", no_wrap=not wraps)
    return table


def _folded(sent: Sequence[Sent]) -> list[list[Sent]]:
    """Progress of one worker becomes one row, at its first; everything else stands alone."""
    groups: list[list[Sent]] = []
    progress: dict[str, list[Sent]] = {}
    for tx in sent:
        if tx.name.endswith(".progress") and tx.sender in progress:
            progress[tx.sender].append(tx)
            continue
        groups.append([tx])
        if tx.name.endswith(".progress"):
            progress[tx.sender] = groups[-1]
    return groups


def _gas(sent: Sequence[Sent]) -> str:
    return f"{sum(tx.gas for tx in sent):,}"


def _units(units: int, token: Token) -> str:
    return str(Amount(units, token))


def _signed(change: Amount) -> str:
    return f"+{change}" if change.units > 0 else str(change) if change else "0"
