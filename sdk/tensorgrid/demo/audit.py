"""What must hold between the numbers of a chain, by the names that docs/invariants.md gives it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tensorgrid.demo.book import (
    ACTIVE,
    BOND,
    CLAIMABLE,
    EXITING,
    FREE,
    HELD,
    UNUSED,
    WAITING,
    Book,
    Page,
)
from tensorgrid.domain.money import Amount


@dataclass(frozen=True, slots=True)
class Check:
    """One promise with its numbers, in the smallest unit. `wanted`: "=" or ">=", what `left` has to be of `right`."""

    name: str
    says: str
    left: int
    right: int
    wanted: str = "="

    @property
    def holds(self) -> bool:
        return self.left == self.right if self.wanted == "=" else self.left >= self.right


@dataclass(frozen=True, slots=True)
class Ended:
    """One ended job, pay-token units. `bounty`: what its closer's balance grew by, not what is left of the sum."""

    job: str
    how: str
    escrowed: int
    paid: int
    fee: int
    bounty: int
    returned: int
    relay_fee: int = 0

    @property
    def spent(self) -> int:
        """Where the escrow went, all parts of it; the relayer's fee came on top."""
        return self.paid + self.fee + self.bounty + self.returned


@dataclass(frozen=True, slots=True)
class Slash:
    """One slash, stake-token units, as the vault's event tells it; `lost`: what the provider's stake fell by."""

    lost: int
    burned: int
    finder_share: int


def checks_of(book: Book, page: Page) -> Iterator[Check]:
    """What holds at every block: the ledgers own what they owe (E1, S1), and nothing is anywhere else."""
    pay, stake = book.pay, book.stake
    owed = page.total(pay, FREE, HELD, BOND, WAITING)
    yield Check("E1", f"credits of all = {pay.symbol} of the Escrow", owed, page.in_escrow)
    staked = page.total(stake, UNUSED, ACTIVE, EXITING, CLAIMABLE, WAITING)
    yield Check("S1", f"stakes of all = {stake.symbol} of the StakeVault", staked, page.in_vault)
    for name, locked in page.locked.items():
        backed = page.of(name, ACTIVE, stake) + page.of(name, EXITING, stake)
        yield Check("S1", f"{name}: active + exiting >= locked", backed, locked, ">=")
    for token in (pay, stake):
        says = f"all balances = all {token.symbol} there is"
        yield Check("sum", says, page.total(token), page.supply[token.symbol])


def checks_of_job(ended: Ended) -> Iterator[Check]:
    """E2."""
    yield Check("E2", f"{ended.how}: paid + fee + bounty + returned = escrowed", ended.spent, ended.escrowed)


def checks_of_slash(slash: Slash) -> Iterator[Check]:
    """S3."""
    yield Check("S3", "burned + finder's share = slashed", slash.burned + slash.finder_share, slash.lost)
    yield Check("S3", "twice the burned >= slashed", 2 * slash.burned, slash.lost, ">=")


def missing(book: Book, page: Page) -> dict[str, int]:
    """Units by token symbol that exist and are in no place of the book: zero, or money was lost."""
    return {token.symbol: page.supply[token.symbol] - page.total(token) for token in (book.pay, book.stake)}


def broken(checks: Iterable[Check]) -> list[str]:
    """A sentence for each that does not hold."""
    return [f"{c.name} ({c.says}) does not hold: {c.left}, {c.right}" for c in checks if not c.holds]


def change(book: Book, before: Page, after: Page, party: str, place: str) -> Amount:
    """Of a payment-token place."""
    return Amount(after.of(party, place, book.pay) - before.of(party, place, book.pay), book.pay)
