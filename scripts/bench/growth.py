"""Whether a take costs more where there are more workers: the same take, by the contracts that ship, beside ten
registered workers and beside a hundred thousand."""

from __future__ import annotations

from dataclasses import replace

from .flat import ByCount
from .jobs import TAKE, Job, Lanes, drawn_terms
from .network import CPU, FINGERPRINT, STAKED, Network
from .paths import STRATEGIES

FEW, MANY = 10, 100_000
TARGET = 1.05
ALL = ("LotteryScheduler", *STRATEGIES)
_TOGETHER = 2_500  # registered by one transaction: the node copies all it holds for every block
_GAS = 1_000_000_000


def take_growth(network: Network, many: int = MANY) -> ByCount:
    """Gas of the first of three takes, by strategy, by how many workers are registered. Leaves them where they are."""
    network.chain.rewind()
    network.deploy_double("Crowd")
    network.chain.rpc("evm_setBlockGasLimit", hex(10 * _GAS))
    lanes, found, there = Lanes(), {}, len(STAKED)
    for name in STRATEGIES:
        if not network.is_shipped(name):
            network.admit_scheduler(name, *STRATEGIES[name])
    for name in ALL:
        _take(network, lanes, name)  # the first of its policy
    for count in (FEW, many):
        _register(network, count - there)
        there = count
        found[count] = {name: _take(network, lanes, name) for name in ALL}
    return found


def ratio(found: ByCount) -> float:
    """How many times as much the dearest take costs beside most workers, of all strategies."""
    few, many = found[min(found)], found[max(found)]
    return max(many[name] / few[name] for name in few)


def _take(network: Network, lanes: Lanes, scheduler: str) -> int:
    terms = replace(drawn_terms(network, lanes.next(1)), scheduler=network.address(scheduler))
    job, _ = Job.post(network, terms)
    for _ in range(3):  # until the round is out; each block takes its time where there are many
        network.chain.mine(1)
    network.chain.at(job.terms.take_by - TAKE // 8)
    gas = job.take(0).gas
    network.chain.at(job.terms.take_by + 1)
    job.expire()
    return gas


def _register(network: Network, count: int) -> None:
    zero = "0x" + "0" * 40
    profile = (zero, CPU, FINGERPRINT, 1000, 1, 1, FINGERPRINT, FINGERPRINT)
    address, abi = network.address("Crowd"), network.interface("Crowd")
    registry = network.address("WorkerRegistry")
    while count > 0:
        now = min(count, _TOGETHER)
        call = abi.encode_call("hire", registry, profile, now)
        network.chain.send(network.deployer.address, address, call, gas=_GAS)
        count -= now
