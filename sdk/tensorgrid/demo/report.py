"""The end of the demo: one page for people, one JSON file for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tensorgrid.demo.ledger import Ledger, Snapshot
from tensorgrid.demo.transactions import Sent
from tensorgrid.domain.money import Amount, Token
from tensorgrid.story import SeatStory
from tensorgrid.text import short_id

_STEPS = {
    "approve": "lets the contract take its tokens",
    "deposit": "puts money or stake in",
    "post": "posts the job: the whole budget is locked",
    "take": "is drawn and takes a seat: stake is locked",
    "progress": "publishes sealed progress",
    "commit": "commits to a result that nobody can see yet",
    "reveal": "reveals the hash of the result",
    "revealRoot": "reveals the result's root itself",
    "openExtra": "opens two more seats: the answers differ",
    "store": "fixes the draw's randomness",
    "settle": "closes the job: pays, slashes, returns the rest",
    "expire": "closes the job that was not done",
    "withdraw": "takes its money out",
    "flushBurned": "sends burned tokens to 0x…dEaD",
}


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
    table = Table(title="What happened", title_justify="left", expand=False)
    for column in ("block", "who", "does", "transaction"):
        table.add_column(column, no_wrap=column != "does")
    table.add_column("gas", justify="right")
    before = [tx for tx in sent if tx.block < posted_block]
    table.add_row(
        f"…{posted_block - 1}", "everybody", f"set the network up: {len(before)} transactions", "", f"{_gas(before):,}"
    )
    for group in _folded([tx for tx in sent if tx.block >= posted_block]):
        tx = group[0]
        contract, _, function = tx.name.partition(".")
        times = f" ({len(group)} times)" if len(group) > 1 else ""
        does = _STEPS.get(function, tx.name) + times + ("" if tx.ok else "; refused, came too late")
        table.add_row(
            str(tx.block),
            names.get(tx.sender, short_id(tx.sender)),
            does,
            f"{short_id(tx.hash)} {contract}.{function}" if function else short_id(tx.hash),
            f"{_gas(group):,}",
        )
    table.add_section()
    after = [tx for tx in sent if tx.block >= posted_block]
    table.add_row("", "", f"{len(after)} transactions of the job, all parties", "", f"{_gas(after):,}")
    console.print(table)


def print_balances(
    console: Console, ledger: Ledger, before: Snapshot, after: Snapshot, outcome: Mapping[str, str]
) -> None:
    """Each party in each token, before and after; the changes of each token sum to zero."""
    table = Table(title="Who has what", title_justify="left")
    for column in ("party", "before", "after", "change"):
        table.add_column(column, justify="left" if column == "party" else "right", no_wrap=True)
    table.add_column("because")
    for token in ledger.tokens:
        for party in ledger.parties:
            change = ledger.change(party, token, before, after)
            first, last = before.units[party, token.symbol], after.units[party, token.symbol]
            if not (first or last):
                continue
            why = outcome.get(party, "") if change else ""
            table.add_row(party, _units(first, token), _units(last, token), _signed(change), why)
        total = ledger.sums(before, after)[token.symbol]
        table.add_row("sum of changes", "", "", f"{total} units of {token.symbol}", "to the last unit", style="bold")
        table.add_section()
    console.print(table)


def print_workers(console: Console, rows: Sequence[tuple[str, SeatStory | None, str, str]]) -> None:
    """rows: name, its seat (None: not drawn), what it was paid or lost, its score."""
    table = Table(title="Who was paid, who was slashed", title_justify="left")
    for column in ("worker", "seat", "answer", "outcome", "score"):
        table.add_column(column, no_wrap=True)
    for name, seat, outcome, score in rows:
        answer = short_id(seat.root_hash) if seat and seat.root_hash else "-"
        number = "not drawn" if seat is None else f"{seat.number}{' (extra)' if seat.extra else ''}"
        table.add_row(name, number, answer, outcome, score)
    console.print(table)


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


def _gas(sent: Sequence[Sent]) -> int:
    return sum(tx.gas for tx in sent)


def _units(units: int, token: Token) -> str:
    return str(Amount(units, token))


def _signed(change: Amount) -> str:
    return f"+{change}" if change.units > 0 else str(change) if change else "0"
