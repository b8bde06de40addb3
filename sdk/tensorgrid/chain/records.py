"""What the contracts keep, in plain values. Money: integers of the token's units. Times: Unix seconds of chain time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensorgrid.domain.jobs import LAST_SEQUENCE, Fault, JobState, fee_on


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's money in the Escrow under one controller and token."""

    free: int
    held: int


@dataclass(frozen=True, slots=True)
class Allocation:
    """Stake of one (provider, worker) under one controller. `active`: lockable or locked, without what is exiting.

    `since`: when it last grew; `locks`: jobs in progress; `capped`: the provider has set a daily lock cap.
    """

    active: int
    locked: int
    since: int
    locks: int
    capped: bool


@dataclass(frozen=True, slots=True)
class Exit:
    """Stake asked back; it can go at `ready_at`."""

    amount: int
    ready_at: int


@dataclass(frozen=True, slots=True)
class LockCap:
    """How much a worker's jobs may lock per day (chain time / 86400); `used` counts on `day`."""

    cap: int
    used: int
    day: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What `take` asks of the registry; an unknown worker has the zero address as provider.

    `payee`: where pay is credited; `class_tag`: the first 5 bytes of the hardware class.
    """

    provider: str
    payee: str
    since: int
    capacity: int
    class_tag: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A worker as a scheduler is shown him; `stake` is active under the board, what jobs have locked included."""

    worker: str
    provider: str
    stake: int

    def as_tuple(self) -> tuple[str, str, int]:
        """In ABI order, for contract calls."""
        return self.worker, self.provider, self.stake


@dataclass(frozen=True, slots=True)
class Lane:
    """The last job of one lane of a requester: NONE and 0 where there was none."""

    state: JobState
    sequence: int

    @property
    def free(self) -> bool:
        """Whether the next job may be posted there: the last one has ended, and a sequence is left."""
        return (self.state is JobState.NONE or self.state.ended) and self.sequence < LAST_SEQUENCE


@dataclass(frozen=True, slots=True)
class Score:
    """As stored at `at`, not decayed."""

    points: int
    at: int
    wins: int
    faults: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """Hard bounds of a network, seconds and basis points; field order is the ABI order."""

    min_take_time: int
    max_take_time: int
    min_work_time: int
    max_work_time: int
    max_settle_time: int
    max_fee_bps: int
    max_reopens: int


@dataclass(frozen=True, slots=True)
class Values:
    """What posting compares terms with now; field order is the ABI order."""

    fee_bps: int
    min_stake: int
    min_no_show_bond: int
    paused: bool


@dataclass(frozen=True, slots=True)
class TokenRule:
    """A payment token: most one job may escrow (0: not allowed), points per 1e18 units of burned fee."""

    max_escrow: int
    score_weight: int


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawing of seats: seed (32 bytes), when it was committed to, when it ends."""

    seed: bytes
    opens_at: int
    closes_at: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A scheduler's answer: may this worker take a seat, and at what price."""

    may: bool
    price: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Reveals so far: `group[seat number - 1]`, 0 for not revealed; equal numbers are equal results."""

    group: tuple[int, ...]
    groups: int
    limits: int
    revealed: int
    extra_opened_at: int
    extra_round: int


@dataclass(frozen=True, slots=True)
class Needs:
    """What a verifier asks of terms: least reserve (basis points of one price, rounded up) and settle time (seconds).

    `silent`: silence is consent; uncontested, the job pays by its terms once the first clock has passed.
    """

    reserve_bps: int
    settle_time: int
    silent: bool

    def reserve(self, price: int) -> int:
        """In pay-token units."""
        return fee_on(self.reserve_bps, price)


@dataclass(frozen=True, slots=True)
class Admission:
    """What the board remembers of an admitted policy; field order is the ABI order."""

    version: int
    min_take_time: int
    max_take_time: int
    reserve_bps: int
    silent: bool
    draws: bool
    max_escrow: int


@dataclass(frozen=True, slots=True)
class Bond:
    """What a rejection still holds of the requester, and since when (0: none)."""

    amount: int
    since: int


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verifier's judgement of one seat."""

    pay: int
    fault: Fault
    agreed: bool
    finder: str


def rulings_of(values: Iterable[tuple[int, int, bool, str]]) -> tuple[Ruling, ...]:
    """From the ABI's tuples."""
    return tuple(Ruling(pay, Fault(fault), agreed, finder) for pay, fault, agreed, finder in values)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`done` false: pending, and `rulings` is empty; else one ruling per seat asked about."""

    done: bool
    rulings: tuple[Ruling, ...]
