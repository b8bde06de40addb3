"""What is bought around a function. Light: the decorator needs it where scripts are read inside the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.money import Amount


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What is bought around the function. Durations as "90s", "10m", "1h" or seconds; sizes as "2GiB" or bytes.

    gpu: None for the CPU class, "any" for whatever class the network sells, or a class by name.
    budget: the ceiling, e.g. "5 USDC"; nothing beyond it is ever locked.
    verify: how the result is checked; "replicate" runs it on three workers, on five when they differ. "accept" runs
    it on one and checks nothing: it is paid unless you reject it in time, which a jury then judges. "audit" runs a
    training loop (tg.checkpoint) on one, and others replay a few drawn pieces of it.
    strategy: who gets the seat. "lottery": by lot, the chance as the stake; "reputation": those of a higher score
    earlier; "price": a reverse auction, in which the price rises until somebody takes it, to what the budget leaves at
    most, and what it stayed below comes back; "offers": what you pass as offers; or the address of a scheduler that the
    network allows. Left out, it is the lottery, or the offers if there are any. Seats that check one another are drawn
    by lot.
    replicas: with "replicate", 3, or 2: enough when both answer the same and the past of each is worth the job,
    otherwise three more are asked. Refused where no two workers have such a past, unless any_score is True.
    steps: with "audit", how often the function calls tg.checkpoint in all. checkpoint_every: how many of them make one
    segment, so many that there are a hundred when left out. keep_bytes: the most disk that its states may take on the
    worker. lint: read the source for what makes runs differ, and refuse it; False goes on regardless.
    private: with "audit", seal code, arguments and inputs: only the worker and the auditors can read them. You (or a
    delegate) must hand the worker the key within wrap_within of the take: whoever follows the run does, and so does
    `tensorgrid handover`. A worker who is handed none keeps missed_share percent of the price.
    coin_price: what one coin of the chain costs in the budget's token, to refuse audits whose gas is out of proportion.
    reject_within: with "accept", how long you may reject; the network's least time, and a minute at least, if left out.
    tolerance: of a batch with "audit" alone, how far an output may lie from what an auditor finds on an unlike machine:
    |worker's - auditor's| <= atol + rtol * |auditor's|, of each float. A number for both, or {"rtol", "atol"}. Beyond
    it a clean audit is repeated, bit for bit; nobody is slashed for it.
    wall: the longest one run may take; reaching it is an outcome that is paid.
    """

    gpu: str | None = None
    budget: str | Amount | None = None
    verify: str = "replicate"
    wall: str | int = "5m"
    memory: str | int = "2GiB"
    output: str | int = "256MiB"
    threads: int = 1
    recipients: tuple[str, ...] = ()
    take_within: str | int | None = None
    progress_every: int = 2
    reject_within: str | int | None = None
    steps: int | None = None
    checkpoint_every: int | None = None
    keep_bytes: str | int = "4GiB"
    lint: bool = True
    private: bool = False
    wrap_within: str | int | None = None
    missed_share: int = 10
    coin_price: str | Amount | None = None
    replicas: int = 3
    any_score: bool = False
    strategy: str | None = None
    tolerance: float | Mapping[str, float] | None = None

    def changed(self, **changes: Any) -> JobOptions:
        """A copy with some options changed. Raises SpecInvalid for names that are no option."""
        if unknown := sorted(changes.keys() - self.__dataclass_fields__.keys()):
            known = ", ".join(sorted(self.__dataclass_fields__))
            raise SpecInvalid(f"unknown job option {', '.join(unknown)}; there are {known}")
        return replace(self, **changes)


@runtime_checkable
class Buyable(Protocol):
    """A function together with its options: what @tg.job makes."""

    @property
    def function(self) -> Callable[..., Any]: ...

    @property
    def settings(self) -> JobOptions: ...
