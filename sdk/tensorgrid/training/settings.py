"""What the job's code has set its optimisers to: learning rate, momentum, weight decay and the like.

An optimiser's state_dict carries them, and a kept state would bring them back. Then whoever trains at another rate
would be right in every replay that starts from a state of his. So they are never taken from there: at the beginning and
after each step they are what the code made them, or what its schedulers in tg.State(...) come to after so many steps.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tensorgrid.domain.arrays import kind_of
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.training.state import SCALARS, State

LIBRARY = "torch.optim"
NAMES = frozenset("lr initial_lr lr_decay momentum betas weight_decay eps dampening nesterov amsgrad maximize".split())
"""Of other libraries' optimisers only these: some of them keep what they have learnt beside them."""
PLATEAU_LEARNS = frozenset({"best", "num_bad_epochs", "cooldown_counter", "last_epoch", "_last_lr"})
MOST_STEPS = 64
"""Of a scheduler, for each step of the loop: a served state may not keep a replay counting."""
NEAR = 1e-6
SETTLED = (*SCALARS, tuple)
"""What cannot change while it is the same object."""

Group = dict[str, Any]


class Settings:
    """Of all optimisers that a state names or its schedulers drive, as they are when the loop is about to begin."""

    def __init__(self, state: State) -> None:
        values = list(state.values.values())
        driven = [value for value in values if _groups_of(getattr(value, "optimizer", None)) is not None]
        optimizers = {id(value): value for value in values if _groups_of(value) is not None}
        optimizers |= {id(value.optimizer): value.optimizer for value in driven}
        self._held = [_held(one, [each for each in driven if each.optimizer is one]) for one in optimizers.values()]

    def check(self, step: int) -> None:
        """Before a step is recorded, the `step`th. Raises SpecInvalid for what a replay could not follow."""
        for held in self._held:
            held.check(step)

    def put_back(self, step: int) -> None:
        """After that, and where a kept state was restored: `step` steps are done. Raises SpecInvalid."""
        for held in self._held:
            held.put_back(step)


def _held(optimizer: Any, schedulers: Sequence[Any]) -> _Constant | _Scheduled | _Reduced:
    library = _schedulers()
    if not schedulers:
        return _Constant(optimizer)
    if library and all(
        isinstance(one, library.LRScheduler) and not isinstance(one, library.ReduceLROnPlateau) for one in schedulers
    ):
        return _Scheduled(optimizer, schedulers)
    return _Reduced(optimizer, schedulers)


class _Constant:
    """Without a scheduler: what is set in a step is for this step alone, and has to be set again in the next.

    `without`: names that something else looks after.
    """

    def __init__(self, optimizer: Any, without: frozenset[str] = frozenset()) -> None:
        self._optimizer = optimizer
        self._made = [
            {name: _copied(group[name]) for name in _names(optimizer, group) - without}
            for group in optimizer.param_groups
        ]
        self._put: list[Group] = [{} for _ in self._made]
        self._moved: set[tuple[int, str]] = set()

    def check(self, step: int) -> None:
        for place, name, value, _ in self._each() if self._moved else ():
            if (place, name) in self._moved and self._is_ours(value, self._put[place].get(name)):
                raise SpecInvalid(
                    f"step {step} relies on an optimiser's {name} that an earlier step has set, and no replay could"
                    f" know it; set {name} in every step, from the step's number, or name its scheduler in"
                    " tg.State(...)"
                )

    def put_back(self, step: int) -> None:
        del step
        self._moved.clear()
        for place, name, value, made in self._each():
            put = self._put[place]
            if isinstance(value, SETTLED) and name in put and value is put[name]:
                continue
            if _differs(value, made):
                self._moved.add((place, name))
            self._optimizer.param_groups[place][name] = put[name] = _into(value, made)

    def _each(self) -> Iterator[tuple[int, str, Any, Any]]:
        for place, (group, made) in enumerate(zip(self._optimizer.param_groups, self._made, strict=False)):
            for name, wanted in made.items():
                yield place, name, group.get(name), wanted

    @staticmethod
    def _is_ours(value: Any, put: Any) -> bool:
        """Not set since we did. Numbers that are the same object everywhere count as not set when they are equal."""
        return value is put if isinstance(value, float | tuple) else _same(value, put)


class _Scheduled:
    """With schedulers that only count: doubles of them are stepped beside the real ones, from the beginning."""

    def __init__(self, optimizer: Any, schedulers: Sequence[Any]) -> None:
        self._optimizer, self._schedulers = optimizer, schedulers
        self._checked = -1
        self._bare = _Bare(optimizer)
        try:
            memo: dict[int, Any] = {id(optimizer): self._bare}
            self._doubles = [copy.deepcopy(one, memo) for one in schedulers]
        except Exception as error:  # whatever a scheduler of anybody's holds
            raise SpecInvalid(
                f"the scheduler {type(schedulers[0]).__name__} cannot be copied ({type(error).__name__}), and a replay"
                " could not follow it; use one of torch.optim.lr_scheduler"
            ) from error

    def check(self, step: int) -> None:
        self._advance(step)
        self._checked = step
        if not self._agrees():
            raise SpecInvalid(
                f"in step {step} the optimiser is not where its schedulers have it after so many steps; call"
                " scheduler.step() without arguments, and change nothing of the optimiser beside it"
            )

    def put_back(self, step: int) -> None:
        if step == self._checked:
            return
        self._advance(step)
        if self._agrees():
            return
        for real, double in zip(self._schedulers, self._doubles, strict=True):
            real.load_state_dict(copy.deepcopy(double.state_dict()))
        for group, wanted in zip(self._optimizer.param_groups, self._bare.param_groups, strict=True):
            for name, value in wanted.items():
                group[name] = _into(group.get(name), value)

    def _advance(self, step: int) -> None:
        """In rounds, as a loop steps several schedulers."""
        for _ in range(MOST_STEPS * (step + 1)):
            behind = [
                double
                for real, double in zip(self._schedulers, self._doubles, strict=True)
                if _count(double) < _count(real)
            ]
            if not behind:
                return
            for double in behind:
                double.step()
            if min(map(_count, self._doubles)) > MOST_STEPS * (step + 1):
                break
        raise SpecInvalid(f"a scheduler has done more than {MOST_STEPS} steps for each of the loop's {step}")

    def _agrees(self) -> bool:
        groups = zip(self._optimizer.param_groups, self._bare.param_groups, strict=True)
        return all(_same(group.get(name), value) for group, wanted in groups for name, value in wanted.items()) and all(
            _same(real.state_dict(), double.state_dict())
            for real, double in zip(self._schedulers, self._doubles, strict=True)
        )


class _Reduced:
    """With a scheduler that looks at more than the step: the rate is the state's, what else there is stays the code's.

    Where a plateau alone reduces it, the rate has to be one that it can reduce to.
    """

    def __init__(self, optimizer: Any, schedulers: Sequence[Any]) -> None:
        self._optimizer = optimizer
        self._rest = _Constant(optimizer, frozenset({"lr"}))
        self._rates = [_copied(group.get("lr")) for group in optimizer.param_groups]
        library = _schedulers()
        plateaus = [one for one in schedulers if library and isinstance(one, library.ReduceLROnPlateau)]
        self._plateau = plateaus[0] if len(plateaus) == len(schedulers) == 1 else None
        self._rules = [
            (one, {k: copy.deepcopy(v) for k, v in one.state_dict().items() if k not in PLATEAU_LEARNS})
            for one in plateaus
        ]

    def check(self, step: int) -> None:
        self._rest.check(step)
        for place, rate in self._unreachable():
            raise SpecInvalid(
                f"in step {step} the rate of group {place} is {rate}, to which ReduceLROnPlateau does not reduce; leave"
                " the rate to it"
            )

    def put_back(self, step: int) -> None:
        self._rest.put_back(step)
        for plateau, rules in self._rules:
            plateau.load_state_dict(plateau.state_dict() | copy.deepcopy(rules))
        for place, rate in self._unreachable():
            self._optimizer.param_groups[place]["lr"] = _into(rate, self._rates[place])

    def _unreachable(self) -> Iterator[tuple[int, Any]]:
        if self._plateau is None:
            return
        for place, (group, made) in enumerate(zip(self._optimizer.param_groups, self._rates, strict=True)):
            if not _reduces(self._plateau, place, float(made), float(group["lr"])):
                yield place, group["lr"]


class _Bare:
    """An optimiser's groups without their parameters: all that a scheduler looks at."""

    def __init__(self, optimizer: Any) -> None:
        self.param_groups = [
            {name: _copied(group[name]) for name in _names(optimizer, group)} for group in optimizer.param_groups
        ]
        self._opt_called = True  # else torch warns of a wrong order

    def step(self) -> None:
        """Nothing."""

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]  # noqa: SLF001


def _schedulers() -> Any:
    return sys.modules.get("torch.optim.lr_scheduler")


def _groups_of(value: Any) -> list[Group] | None:
    groups = getattr(value, "param_groups", None)
    whole = isinstance(groups, list) and groups and all(isinstance(group, dict) for group in groups)
    return groups if whole else None


def _names(optimizer: Any, group: Iterable[str]) -> frozenset[str]:
    """Of the settings in a group."""
    names = frozenset(group) - {"params"}
    return names if type(optimizer).__module__.startswith(LIBRARY) else names & NAMES


def _count(scheduler: Any) -> int:
    """Steps that it has done."""
    inner = getattr(scheduler, "_schedulers", None)
    found = getattr(scheduler, "last_epoch", None)
    if found is None and inner:
        return _count(inner[0])
    return found if isinstance(found, int) else 0


def _reduces(plateau: Any, place: int, rate: float, wanted: float) -> bool:
    while rate > wanted:
        lower = max(rate * plateau.factor, plateau.min_lrs[place])
        if rate - lower <= plateau.eps:
            break
        rate = lower
    return rate == wanted


def _differs(value: Any, made: Any) -> bool:
    if isinstance(value, float) and isinstance(made, float) and math.isclose(value, made, rel_tol=NEAR):
        return False  # a schedule that ends where it began, but for rounding
    return not _same(value, made)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, SCALARS):
        return type(left) is type(right) and bool(left == right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and type(left) is type(right):
        return len(left) == len(right) and all(map(_same, left, right))
    if kind_of(left) or kind_of(right):
        return kind_of(left) == kind_of(right) and left.shape == right.shape and bool((left == right).all())
    return type(left) is type(right) and bool(left == right)


def _copied(value: Any) -> Any:
    """Another object of the same value, so that it can be told from one that the job's code sets."""
    if isinstance(value, float):
        return float.fromhex(value.hex())
    return (*value,) if isinstance(value, tuple) else copy.deepcopy(value)


def _into(living: Any, value: Any) -> Any:
    """`value` for a group; a tensor stays the tensor that compiled code may know."""
    if kind_of(living) == kind_of(value) == "torch" and living.shape == value.shape:
        with sys.modules["torch"].no_grad():
            living.copy_(value)
        return living
    return _copied(value)
