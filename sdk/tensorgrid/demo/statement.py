"""The bank statements of the story about money: what a step moved, and everything at the end; as JSON too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from tensorgrid.demo.audit import Check, Ended, Slash, missing
from tensorgrid.demo.book import LOCKED, PLACES, WALLET, Book, Key, Page
from tensorgrid.demo.report import table_of
from tensorgrid.domain.money import Amount


@dataclass(frozen=True, slots=True)
class MoneyNumbers:
    """The content of build/demo-money.json, beside the balances."""

    jobs: list[Ended]
    slash: Slash
    checks: list[Check]
    missing: dict[str, int]
    gasless_coin: int
    relay_fee: int
    surplus: int
    bond: int
    exit_delay: int
    worker_pids: list[int]
    sandbox: str
    transactions: int
    seconds: float

    def write(self, path: Path, book: Book, first: Page, last: Page) -> None:
        """Amounts as text: they exceed what JSON's numbers hold."""
        path.parent.mkdir(parents=True, exist_ok=True)
        told: dict[str, Any] = {"scenario": "money", **asdict(self)}
        for found, check in zip(told["checks"], self.checks, strict=True):
            found["holds"] = check.holds
        told["balances"] = [
            {"party": party, "place": place, "token": symbol, "before": before, "after": after}
            for (party, place, symbol), before, after in _rows(book, first, last, changed=False)
        ]
        path.write_text(json.dumps(_as_text(told), indent=2) + "\n")


def print_moves(console: Console, book: Book, before: Page, after: Page) -> None:
    """What one step changed, place by place."""
    moves = table_of("", "party", "where", "before", "after", "change")
    for key, first, last in _rows(book, before, after, changed=True):
        moves.add_row(*_cells(book, key, first, last))
    console.print(moves)


def print_balances(console: Console, book: Book, before: Page, after: Page) -> None:
    """Every place that ever had something, and the sums over all of them."""
    everything = table_of("Every balance", "party", "where", "before", "after", "change")
    for token in (book.pay, book.stake):
        for key, first, last in _rows(book, before, after, changed=False):
            if key[2] == token.symbol:
                everything.add_row(*_cells(book, key, first, last))
        first, last = before.total(token), after.total(token)
        everything.add_row("sum", "everywhere", *_cells(book, ("", "", token.symbol), first, last)[2:], style="bold")
        contract, owned = ("Escrow", "in_escrow") if token == book.pay else ("StakeVault", "in_vault")
        first, last = getattr(before, owned), getattr(after, owned)
        everything.add_row(contract, "owns", *_cells(book, ("", "", token.symbol), first, last)[2:], style="bold")
        everything.add_section()
    console.print(everything)


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """Each promise with its two numbers, in the smallest unit."""
    shown = table_of("What must hold, in the smallest unit", "", "promise", "left", "is", "right")
    for check in checks:
        shown.add_row(check.name, check.says, str(check.left), check.wanted if check.holds else "NOT", str(check.right))
    console.print(shown)


def print_jobs(console: Console, book: Book, jobs: Sequence[Ended]) -> None:
    """E2: where each job's escrow went."""
    shown = table_of(
        "E2: where each job's money went",
        *("job", "escrowed", "paid", "fee burned", "bounty", "returned", "missing"),
    )
    for ended in jobs:
        parts = (ended.escrowed, ended.paid, ended.fee, ended.bounty, ended.returned)
        cells = [str(Amount(units, book.pay)).removesuffix(f" {book.pay.symbol}") for units in parts]
        shown.add_row(ended.how, *cells, f"{ended.escrowed - ended.spent} wei")
    console.print(shown)


def print_missing(console: Console, book: Book, page: Page) -> None:
    """The last line of the story."""
    for symbol, units in missing(book, page).items():
        console.print(
            f"{symbol}: {'nothing is missing: 0 wei' if not units else f'{units} wei are missing'}", style="bold"
        )


def _rows(book: Book, before: Page, after: Page, *, changed: bool) -> list[tuple[Key, int, int]]:
    """Party by party; `changed`: only what moved, else whatever is not empty."""
    keys = list(dict.fromkeys([*before.units, *after.units]))
    found = [(key, before.units.get(key, 0), after.units.get(key, 0)) for key in keys]
    found += [((n, LOCKED, book.stake.symbol), before.locked[n], after.locked[n]) for n in before.locked]
    order = {party: at for at, party in enumerate(book.parties)}
    places = {place: at for at, place in enumerate(PLACES)}
    if changed:
        kept = [row for row in found if row[1] != row[2]]
    else:  # of each party at least its purse: who has nothing is shown to have nothing
        kept = [row for row in found if row[1] or row[2] or row[0][1:] == (WALLET, book.pay.symbol)]
    return sorted(kept, key=lambda row: (order[row[0][0]], row[0][2] != book.pay.symbol, places[row[0][1]]))


def _cells(book: Book, key: Key, first: int, last: int) -> tuple[str, str, str, str, str]:
    party, place, symbol = key
    change = book.amount(last - first, symbol)
    signed = f"+{change}" if change.units > 0 else str(change) if change else "0"
    return party, place, str(book.amount(first, symbol)), str(book.amount(last, symbol)), signed


def coin_text(wei: int) -> str:
    """The chain's own coin, which pays for gas."""
    return f"{wei} wei" if wei < 10**9 else f"{wei / 10**18:.6f} ETH"


def _as_text(value: Any) -> Any:
    """Amounts of the whole document as text; counts stay numbers."""
    if isinstance(value, dict):
        return {key: item if key in _COUNTS else _as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_COUNTS = {"worker_pids", "transactions", "seconds", "exit_delay"}
