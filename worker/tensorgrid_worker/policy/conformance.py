"""What every policy must stand, ours and yours: `check(policy)` in a test of your own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from tensorgrid_worker.policy.base import MAX_WORDS, Asked, Free, Need, Policy

_NONE, _MUCH = 0, 2**128
_ADDRESSES = ("0x" + "00" * 20, "0x" + "fF" * 20)
_START = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the night in which Europe's clocks jump


def check(policy: Policy) -> None:
    """Ask `policy` some hundred questions, nasty ones among them. Raises AssertionError that says what is wrong."""
    told: dict[str, Any] = {"name": policy.name, "passing": policy.passing}
    assert isinstance(told["name"], str) and told["name"], "name must be a text that is not empty"
    assert isinstance(told["passing"], bool), "passing must be True or False"
    questions = list(samples())
    answers: list[Any] = [policy.refusal(asked) for asked in questions]
    for answer in answers:
        assert isinstance(answer, str), f"refusal must be text, not {type(answer).__name__}"
        assert len(answer) <= MAX_WORDS, f"a reason has at most {MAX_WORDS} characters"
        assert not answer or answer.isprintable(), "a reason is one printable line"
    assert [policy.refusal(asked) for asked in questions] == answers, "the same question must get the same answer"
    with ThreadPoolExecutor(max_workers=4) as pool:
        assert list(pool.map(policy.refusal, questions)) == answers, "it must answer alike from several threads"


def samples() -> Iterator[Asked]:
    """Questions at the edges: nothing and far too much, before and after the spec was read, round the clock."""
    needs = (None, Need(1, 1, 1, 0, 0, 1), Need(86_400, 2**50, 2**40, 2**40, 64, 1024))
    frees = (Free(0, 0), Free(2**40, 2**50, (2**36, 2**36)), Free(2**30, 2**30, (0,)))
    for address, amount, need, free in product(_ADDRESSES, (_NONE, 1, _MUCH), needs, frees):
        yield _asked(address, amount, need, free, _START)
    for hour in range(48):
        yield _asked(_ADDRESSES[0], 1, needs[1], frees[1], _START + timedelta(minutes=30 * hour))


def _asked(address: str, amount: int, need: Need | None, free: Free, now: datetime) -> Asked:
    return Asked(
        requester=address,
        pay_token=address,
        price=amount,
        value=amount * 3,
        stake=amount,
        seats=3,
        work_seconds=min(amount, 2**32),
        settle_seconds=1,
        now=now,
        free=free,
        need=need,
    )
