"""What the same work costs on the nearest open-source networks.

Measured by us on anvil 1.7.1 with Prague rules, from receipts (calldata and refunds included), EOA callers, steady
state, each project's contracts built with its own compiler version and settings. None of their code is here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    gas: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """`target`: what it may cost at most. `floor`: what storage, logs, calldata and transfers cost without any code."""

    title: str
    target: int
    floor: int
    peers: tuple[Peer, ...]
    per: int = 1  # tasks, each of which all of this is counted for


SCENARIOS = {
    "optimistic_job": Scenario(
        "one worker: post with an offer, commit, settle",
        200_000,
        143_599,
        (
            Peer("Prime Intellect, work item + claim, no escrow", 365_346),
            Peer("Infernet, ERC-20, unverified", 365_883),
            Peer("Olas, ERC-20 per request", 494_398),
            Peer("iExec PoCo Boost, TEE", 589_513),
            Peer("Infernet, ERC-20, optimistic verifier", 594_517),
            Peer("iExec PoCo, contributeAndFinalize", 1_496_372),
            Peer("Lilypad", 1_651_365),
        ),
    ),
    "optimistic_job_piggyback": Scenario(
        "one worker: settle the job before and post the next with an offer, commit",
        165_000,
        122_000,
        (Peer("Livepeer, one winning ticket", 200_269), Peer("Olas, ERC-20, per job of ten", 230_479)),
    ),
    "replicated_2": Scenario(
        "two workers of enough score, each for himself: post, 2 takes, 2 commits, 2 reveals",
        540_000,  # as three
        230_000,  # two thirds of what three must cost
        (),  # none of them has it
    ),
    "replicated_3": Scenario(
        "three workers, each for himself: post, 3 takes, 3 commits, 3 reveals",
        540_000,
        345_000,
        (
            Peer("Infernet, redundancy 3, results not compared", 629_435),
            Peer("Infernet, redundancy 3, optimistic verifier", 1_248_462),
            Peer("iExec PoCo, 3 workers, per task of three", 2_063_433),
            Peer("iExec PoCo, 3 workers", 2_546_320),
        ),
    ),
    "replicated_3_relayed": Scenario(
        "three workers by signature: post, takeMany, commitMany, one reveal",
        320_000,
        141_000,
        (),  # none of them has it
    ),
    "audited_job_gas": Scenario(
        "one worker and two auditors of two segments in a hundred: post, 3 takes, commit, serve, 2 confirms, settle",
        800_000,
        576_176,
        (),  # none of them has it
    ),
    "batch_100_per_task": Scenario(
        "one of 100 tasks over ten workers: open, settle the batch before and post with offers, commits by signature",
        12_000,
        3_390,  # three transactions; ten slots written when posted, committed and settled, ten signatures, ten credits
        (Peer("Olas, ERC-20, per job of ten", 230_479), Peer("iExec PoCo, 3 workers, per task of three", 2_063_433)),
        per=100,
    ),
    "batch_100_one_worker": Scenario(
        "one of 100 tasks by one worker: open, settle the batch before and post with an offer, commit",
        2_000,
        1_220,  # as a single job
        (Peer("Olas, ERC-20, per job of ten", 230_479),),
        per=100,
    ),
}

CALLS = {
    "Escrow.deposit": (Peer("iExec", 68_258), Peer("Livepeer top-up", 65_832)),
    "Escrow.withdraw": (Peer("iExec", 61_009), Peer("Olas ERC-20", 101_384), Peer("Livepeer", 209_028)),
    "WorkerRegistry.register": (Peer("Prime Intellect addComputeNode", 288_310),),
    "JobBoard.post": (Peer("Infernet request", 217_007), Peer("Olas request", 340_196), Peer("iExec match", 758_780)),
    "JobBoard.postFor (offer, fee)": (Peer("iExec Boost match", 449_219), Peer("iExec match", 758_780)),
    "JobBoard.commit (offer)": (Peer("Infernet deliver", 148_876), Peer("Olas deliver", 154_202)),
    "JobBoard.commit (first)": (Peer("iExec contribute", 317_696),),
    "ReplicationVerifier.reveal (first)": (Peer("iExec reveal", 93_418),),
    "JobBoard.settle (silence)": (Peer("iExec finalize, 1 worker", 292_835),),
    "JobBoard.settle (three agree)": (Peer("iExec finalize, 3 workers", 371_977),),
    "JobBoard.settle (five seats, one slashed)": (Peer("Prime Intellect invalidate + slash", 362_404),),
    "StakeVault.deposit": (Peer("Livepeer bond", 644_232),),
}
