"""Whether the thousandth job costs what the tenth did: nothing in the contracts loops over jobs, and this shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .network import Network
from .paths import Steps, Walk

ByCount = dict[int, dict[str, int]]
"""Gas by call, by how many jobs there were."""


def after_jobs(network: Network, path: Callable[[Walk], Steps], counts: Sequence[int]) -> ByCount:
    """Gas per call of the job with that number, each after the other in the same lane."""
    network.chain.rewind()
    walk, found = Walk(network), {}
    for number in range(1, max(counts) + 1):
        gas = {call: receipt.gas for call, receipt in path(walk)}
        if number in counts:
            found[number] = gas
    return found


def beside_open_jobs(network: Network, counts: Sequence[int]) -> ByCount:
    """Gas per call of one more job, while so many of the same requester and worker are open."""
    network.chain.rewind()
    walk, found = Walk(network), {}
    list(walk.optimistic())  # the first of the lane
    for number in range(1, max(counts) + 1):
        walk.open_offered(number)
        if number in counts:
            found[number] = {call: receipt.gas for call, receipt in walk.optimistic()}
    return found


def spread(found: ByCount) -> int:
    """The most gas by which any call differs between the counts."""
    calls = next(iter(found.values()))
    return max(max(gas[call] for gas in found.values()) - min(gas[call] for gas in found.values()) for call in calls)
