"""All policies of one worker, asked together. None of them can end the daemon."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from tensorgrid_worker.config import ConfigInvalid
from tensorgrid_worker.logs import printable
from tensorgrid_worker.policy.anything import Anything
from tensorgrid_worker.policy.base import MAX_WORDS, Asked, Factory, Policy, Refusal, Settings, Tokens
from tensorgrid_worker.policy.hours import Hours
from tensorgrid_worker.policy.price import PriceFloor
from tensorgrid_worker.policy.requesters import Requesters
from tensorgrid_worker.policy.room import Room
from tensorgrid_worker.policy.size import JobSize

GROUP = "tensorgrid.policies"
"""Entry points of third parties: the name is the table's, the object a Factory."""

BUILT_IN: Mapping[str, Factory] = {
    "anything": Anything.of,
    "requesters": Requesters.of,
    "hours": Hours.of,
    "room": Room.of,
}
SHIPPED = frozenset({"price", "size", *BUILT_IN})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class House:
    """The first policy that refuses has said it."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        # Read once: a plug-in's own property is code that can fail too.
        self._policies = tuple((policy.name, policy.passing, policy) for policy in policies)

    @classmethod
    def of(cls, tables: Mapping[str, Any], tokens: Tokens, *, min_price: int, max_stake: int | None) -> House:
        """`tables`: the [policy.NAME] tables. `min_price`, `max_stake`: limits where no table names one.

        Raises ConfigInvalid for a policy that is unknown or cannot be made.
        """

        def price(table: Settings, known: Tokens) -> Policy:
            return PriceFloor.of(table, known, min_price)

        def size(table: Settings, known: Tokens) -> Policy:
            return JobSize.of(table, known, max_stake)

        always: Mapping[str, Factory] = {"price": price, "size": size}
        wanted = {name: tables.get(name, {}) for name in always} | dict(tables)
        return cls([_made(name, always.get(name) or _factory(name), table, tokens) for name, table in wanted.items()])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self._policies)

    def least_price(self, token: str) -> int:
        """Of one seat, for an offer; smallest units."""
        floors = [policy.least(token) for _, _, policy in self._policies if isinstance(policy, PriceFloor)]
        return max(floors, default=0)

    def most_stake(self) -> int:
        """That one job may lock, for an offer; 0 where nothing limits it."""
        limits = [policy.stake for _, _, policy in self._policies if isinstance(policy, JobSize)]
        return min((limit for limit in limits if limit is not None), default=0)

    def refusal(self, asked: Asked) -> Refusal | None:
        """None when all of them want the job."""
        for name, passing, policy in self._policies:
            if words := _words(policy, asked):
                return Refusal(name, words, passing)
        return None


def _words(policy: Policy, asked: Asked) -> str:
    try:
        words: Any = policy.refusal(asked)
    except (Exception, SystemExit) as error:  # of others' making: it costs a job, not the daemon
        return f"it failed with {type(error).__name__}; until it is mended, what it guards is not done"
    if not isinstance(words, str):
        return f"it answered with {type(words).__name__} instead of words"
    return printable(words)[:MAX_WORDS]


def _factory(name: str) -> Factory:
    """Code of third parties is imported only when the settings name it; it cannot take the place of what is shipped."""
    if not _NAME.fullmatch(name):
        known = ", ".join(sorted(SHIPPED))
        raise ConfigInvalid(f"policy.{printable(name)[:40]} is no name of a policy; there are {known}")
    if name in BUILT_IN:
        return BUILT_IN[name]
    found = entry_points(group=GROUP, name=name)
    if len(found) != 1:
        known = ", ".join(sorted(SHIPPED | {point.name for point in entry_points(group=GROUP)}))
        what = "two packages bring the policy" if found else "there is no policy"
        raise ConfigInvalid(f"{what} {name!r}; there are {known}; mend [policy.{name}]")
    try:
        factory: Factory = next(iter(found)).load()
    except Exception as error:
        raise ConfigInvalid(f"the policy {name!r} cannot be imported ({error!r}); install or remove it") from error
    return factory


def _made(name: str, factory: Factory, table: Any, tokens: Tokens) -> Policy:
    if not isinstance(table, Mapping):
        raise ConfigInvalid(f"policy.{name}: a policy is a table such as [policy.hours]")
    try:
        policy: Any = factory(table, tokens)
        # A name of its own would let a stranger's plug-in pass for one of ours in logs and metrics.
        good = policy.name == name and isinstance(policy.passing, bool) and callable(policy.refusal)
    except ValueError as error:
        raise ConfigInvalid(f"policy.{name}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigInvalid(f"policy.{name} cannot be made ({type(error).__name__}); mend or remove it") from error
    if not good:
        raise ConfigInvalid(f"policy.{name} is no policy: it needs name, passing and refusal; see its maker")
    made: Policy = policy
    return made
