"""From a function and its items to the jobs of a batch: slices under one Merkle root, each planned like any job."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from tensorgrid.domain.arrays import kind_of
from tensorgrid.domain.batches import MOST_ITEMS, BatchSlice, Stretch, item_leaf, pack_slice
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.domain.items import pack_item
from tensorgrid.domain.money import Amount
from tensorgrid.domain.specs import AUDIT, Checkpoint, JobSpec
from tensorgrid.domain.tolerance import Tolerance
from tensorgrid.lint import lint_source, refuse
from tensorgrid.ordering.auditing import check_slices
from tensorgrid.ordering.options import Buyable, JobOptions
from tensorgrid.ordering.packing import PackedJob, pack
from tensorgrid.ordering.planning import Plan, Planner
from tensorgrid.ordering.posting import CPU, proposal_of, resolve_class
from tensorgrid.storage.cid import cid_of_bytes

OF_EACH = ("reopens", "stake")
"""Fields of the terms that may be named, for every slice alike."""
_NOT_OF_BATCHES = ("steps", "checkpoint_every", "private")


@dataclass(frozen=True, slots=True)
class BatchEstimate:
    """What a batch would hold, and what of it would stay spent when all goes well. `drawn`: of each slice's items, how
    many auditors compute again; 0 without audits."""

    items: int
    slices: int
    ceiling: Amount
    likely: Amount
    drawn: int

    @property
    def per_item(self) -> Amount:
        """The likely cost of one, rounded up."""
        return Amount(-(-self.likely.units // self.items), self.likely.token)

    def __str__(self) -> str:
        audited = f", {self.drawn} of each slice's items computed again" if self.drawn else ""
        return (
            f"{self.items} items in {self.slices} slices; held {self.ceiling}, likely cost {self.likely} "
            f"({self.per_item} an item){audited}"
        )


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """One plan per slice, in order."""

    root: bytes
    count: int
    plans: tuple[Plan, ...]

    @property
    def shares(self) -> list[int]:
        """Items of each slice."""
        found = [plan.packed.spec.batch for plan in self.plans]
        return [batch.items for batch in found if batch is not None]

    @property
    def estimate(self) -> BatchEstimate:
        found = [plan.estimate for plan in self.plans]
        token = found[0].ceiling.token
        ceiling, likely = (sum(getattr(one, name).units for one in found) for name in ("ceiling", "likely"))
        drawn = max(one.replayed for one in found)
        return BatchEstimate(self.count, len(found), Amount(ceiling, token), Amount(likely, token), drawn)


def plan_batch(
    planner: Planner,
    work: Callable[..., Any] | Buyable,
    items: Iterable[Any],
    shared: Mapping[str, Any],
    workers: int,
    changes: Mapping[str, Any],
) -> BatchPlan:
    """`workers`: slices at most. `changes`: job options over those of the work (the budget is for the whole batch), and
    OF_EACH.

    Raises SpecInvalid, NotAuditable, FunctionNotPortable, InsufficientFunds (budget too small), Unreachable.
    """
    function = work.function if isinstance(work, Buyable) else work
    fixed = {name: changes[name] for name in OF_EACH if name in changes}
    asked = {name: value for name, value in changes.items() if name not in fixed}
    options = (work.settings if isinstance(work, Buyable) else JobOptions()).changed(**asked)
    _check_options(options)
    tolerance = None if options.tolerance is None else Tolerance.of(options.tolerance)
    calls = calls_of(function, items, shared)
    shares = shares_of(len(calls), workers)
    if options.verify == AUDIT:
        check_slices(proposal_of(planner.contracts), len(calls), len(shares))
    whole = _whole(planner, function, shared, options, shares[0])
    packed = pack_slices(whole, [pack_item(call) for call in calls], shares, kind_of_items(calls), tolerance)
    return _planned(planner, packed, options, fixed)


def _whole(
    planner: Planner, function: Callable[..., Any], shared: Mapping[str, Any], options: JobOptions, steps: int
) -> PackedJob:
    """The function with what all items share."""
    gpus = int(resolve_class(planner.contracts, options.gpu) != CPU)
    audited = options.verify == AUDIT
    cut = options.changed(steps=steps, checkpoint_every=1, tolerance=None) if audited else options
    whole = pack(function, dict(shared), cut, gpus=gpus, recipients=(planner.recipient(), *options.recipients))
    if audited and options.lint:
        refuse(lint_source(whole.blobs[0], gpu=gpus > 0, items=True))
    return whole


def _planned(planner: Planner, packed: Sequence[PackedJob], options: JobOptions, fixed: Mapping[str, Any]) -> BatchPlan:
    """Slices of one size differ in nothing but their specs: each size is planned once."""
    batches = [job.spec.batch for job in packed if job.spec.batch is not None]
    every = {field.name: getattr(options, field.name) for field in fields(options)} | dict(fixed)
    budget = options.budget
    budget = budget if isinstance(budget, Amount) else Amount.parse(str(budget), planner.contracts.deployment.tokens)
    by_size: dict[int, Plan] = {}
    found = []
    for job, batch in zip(packed, batches, strict=True):
        if batch.items not in by_size:
            share = Amount(budget.units * batch.items // batch.count, budget.token)
            steps = batch.items if options.verify == AUDIT else None
            by_size[batch.items] = planner.plan(job, None, {**every, "budget": share, "steps": steps})
        plan = by_size[batch.items]
        found.append(replace(plan, packed=job, terms=replace(plan.terms, spec_digest=job.spec.digest)))
    return BatchPlan(batches[0].root, batches[0].count, tuple(found))


def shares_of(count: int, workers: int) -> list[int]:
    """How many items each slice has: the same, or one more in the first ones. Raises SpecInvalid."""
    if type(workers) is not int or workers < 1:
        raise SpecInvalid(f"workers is {workers!r}; give a whole number of at least 1")
    slices = min(workers, count)
    return [count // slices + (place < count % slices) for place in range(slices)]


def calls_of(function: Callable[..., Any], items: Iterable[Any], shared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The arguments of each item by name: the value of the one parameter that has no default and is not shared, or,
    where that is not one, a dict of arguments. Raises SpecInvalid."""
    signature, name = inspect.signature(function), getattr(function, "__name__", "the function")
    own = [one for one in signature.parameters.values() if one.name not in shared]
    if any(one.kind in (one.POSITIONAL_ONLY, one.VAR_POSITIONAL) for one in own):
        raise SpecInvalid(f"{name}: arguments travel by name; make them ordinary parameters")
    named = [one for one in own if one.kind is not one.VAR_KEYWORD]
    single = [one.name for one in named if one.default is one.empty] or [one.name for one in named]
    calls = [{single[0]: item} if len(single) == 1 else item for item in items]
    if not 1 <= len(calls) <= MOST_ITEMS:
        raise SpecInvalid(f"{len(calls)} items: a batch has 1 to {MOST_ITEMS}; split them")
    for place, call in enumerate(calls):
        _check_call(signature, name, place, call, shared)
    return calls


def kind_of_items(calls: Sequence[Mapping[str, Any]]) -> str:
    """Whose arrays they hold. Raises SpecInvalid for arrays of both libraries."""
    kinds = {kind for call in calls for value in call.values() if (kind := kind_of(value))}
    if len(kinds) > 1:
        raise SpecInvalid("some items hold numpy arrays and some torch tensors; convert them to one of both")
    return kinds.pop() if kinds else "numpy"


def pack_slices(
    whole: PackedJob, items: Sequence[bytes], shares: Sequence[int], kind: str, tolerance: Tolerance | None = None
) -> list[PackedJob]:
    """One job per share. `whole`: the function with what all items share. Raises SpecInvalid."""
    tree = Stretch(len(items), 0, [item_leaf(index, data) for index, data in enumerate(items)])
    found, first = [], 0
    for share in shares:
        blob = pack_slice(first, items[first : first + share], tree.prove(first, share))
        batch = BatchSlice(tree.root, len(items), first, share, kind, cid_of_bytes(blob), len(blob), tolerance)
        found.append(PackedJob(_sliced(whole.spec, batch), (*whole.blobs, blob)))
        first += share
    return found


def _sliced(spec: JobSpec, batch: BatchSlice) -> JobSpec:
    kept = spec.checkpoint and Checkpoint(1, spec.checkpoint.keep_bytes)
    return replace(spec, batch=batch, checkpoint=kept)


def _check_options(options: JobOptions) -> None:
    usual = JobOptions()
    if given := [name for name in _NOT_OF_BATCHES if getattr(options, name) != getattr(usual, name)]:
        raise SpecInvalid(f"{', '.join(given)}: a batch is cut by its items, and lies open; leave it out")
    if options.tolerance is not None and options.verify != AUDIT:
        raise SpecInvalid(f"tolerance is for audits, not verify={options.verify!r}; leave it out, or verify={AUDIT!r}")
    if options.budget is None:
        raise SpecInvalid('no budget; say how much the whole batch may cost at most, such as budget="5 USDC"')


def _check_call(signature: inspect.Signature, name: str, place: int, call: Any, shared: Mapping[str, Any]) -> None:
    if not isinstance(call, dict) or not all(isinstance(key, str) for key in call):
        raise SpecInvalid(f"{name} takes several arguments: make item {place} a dict of them, or pass some as shared=…")
    if both := sorted(call.keys() & shared.keys()):
        raise SpecInvalid(f"item {place} names {both[0]}, which all items share; name it once")
    try:
        signature.bind(**shared, **call)
    except TypeError as error:
        raise SpecInvalid(f"{name} cannot be called with item {place}: {error}") from error
