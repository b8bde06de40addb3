"""Every row of protocol.md §5 for the replicate tier, played on chain and compared with tests/model.py to the wei.

One letter per seat: "a" commits to a and reveals it, "a!" commits and stays silent, "-" takes and never commits, "." is
never taken (extra seats only). First-round seats, then after "/" the extra ones, if a second round is expected.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests import model
from tests.contracts.job import Job
from tests.contracts.purses import Purses, assert_carried_out
from tests.contracts.world import BOUNTY, PRICE, World, refused

from tensorgrid.domain.jobs import JobState

HALF = PRICE // 2
PAID, NOTHING, HALVED = (PRICE, "none"), (0, "none"), (HALF, "none")
NO_SHOW, SLASHED = (0, "no-show"), (0, "slashed")

ROWS = [
    # first round decides
    ("three equal", "a a a", [PAID] * 3),
    ("the user's code failed: agreed and paid", "raised raised raised", [PAID] * 3),
    ("the wall limit was reached: agreed and paid", "wall_limit wall_limit wall_limit", [PAID] * 3),
    ("two equal, one never committed", "a a -", [PAID, PAID, NO_SHOW]),
    ("two equal, one committed and silent", "a a! a", [PAID, SLASHED, PAID]),
    ("nobody reveals", "a! b! a!", [SLASHED] * 3),
    ("nobody reveals, one never committed", "a! - a!", [SLASHED, NO_SHOW, SLASHED]),
    # four of five
    ("four equal, the odd one in the first round", "b a a / a a", [SLASHED, PAID, PAID, PAID, PAID]),
    ("four say raised: no exemption", "a raised raised / raised raised", [SLASHED, PAID, PAID, PAID, PAID]),
    ("the odd one says wall limit", "wall_limit a a / a a", [NOTHING, PAID, PAID, PAID, PAID]),
    ("the odd one says memory limit", "a memory_limit a / a a", [PAID, NOTHING, PAID, PAID, PAID]),
    ("four say wall limit", "a wall_limit wall_limit / wall_limit wall_limit", [NOTHING, PAID, PAID, PAID, PAID]),
    ("the odd one says output too large: no exemption", "output_too_large a a / a a", [SLASHED] + [PAID] * 4),
    # groups of three and of two
    ("three against two", "b a a / a b", [NOTHING, PAID, PAID, PAID, NOTHING]),
    ("the minority of the first round wins", "a b b / a a", [PAID, NOTHING, NOTHING, PAID, PAID]),
    ("three against one and one", "a b c / a a", [PAID, NOTHING, NOTHING, PAID, PAID]),
    ("three against one, an extra seat empty", "a b b / b .", [NOTHING, PAID, PAID, PAID]),
    ("three against one, an extra seat silent", "a b b / b b!", [NOTHING, PAID, PAID, PAID, SLASHED]),
    ("three against one, an extra seat never committed", "a b b / - b", [NOTHING, PAID, PAID, NO_SHOW, PAID]),
    ("one revealed, two extra agree with it", "a - - / a a", [PAID, NO_SHOW, NO_SHOW, PAID, PAID]),
    ("one revealed, one extra agrees, nothing else shown", "a b! - / a .", [PAID, SLASHED, NO_SHOW, PAID]),
    # no such group: half each
    ("one revealed and nobody comes", "a - - / . .", [HALVED, NO_SHOW, NO_SHOW]),
    ("one revealed, one extra differs", "a - - / b .", [HALVED, NO_SHOW, NO_SHOW, HALVED]),
    ("one revealed, two extra agree with each other only", "a - - / b b", [HALVED, NO_SHOW, NO_SHOW, HALVED, HALVED]),
    ("all differ", "a b c / d e", [HALVED] * 5),
    ("two and two and one", "a a b / b c", [HALVED] * 5),
    ("two against one and nobody comes", "a b b / . .", [HALVED] * 3),
    ("two against one and both extra seats never commit", "a b b / - -", [HALVED] * 3 + [NO_SHOW] * 2),
    ("two against one and both extra seats silent", "a b b / a! b!", [HALVED] * 3 + [SLASHED] * 2),
    ("two differ, one silent, nobody comes", "a b c! / . .", [HALVED, HALVED, SLASHED]),
    ("two differ, one silent, the extra ones side with one", "a b c! / a a", [PAID, NOTHING, SLASHED, PAID, PAID]),
]


@pytest.mark.parametrize("together", [False, True], ids=["each by himself", "together"])
@pytest.mark.parametrize(("first", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_row(world: World, first: str, expected: list[tuple[int, str]], together: bool) -> None:
    """Each for himself, and with takes, seals and reveals posted together: there a first round that agrees settles."""
    first, _, second = first.partition(" / ")
    plays = first.split()
    job, before, receipt = first_round(world, plays, together)
    seats = list(range(len(plays)))
    if second:
        assert job.extra.count == 2
        with refused("VerdictPending"):
            job.settle()
        extra = second.split()
        taken, before = second_round(job, extra, together)
        seats += taken
        plays += [play for play in extra if play != "."]
    rulings = model.judge(PRICE, [model_seat(play) for play in plays])
    assert [(r.pay, r.fault) for r in rulings] == expected  # the model says what the page says

    at_once = together and not second and not any(play.endswith("!") for play in plays)
    assert (job.state == JobState.SETTLED) == at_once
    if job.state != JobState.SETTLED:
        receipt = job.settle()
    assert job.state == JobState.SETTLED
    assert_carried_out(job, before, seats, rulings, receipt)


def model_seat(play: str) -> model.Seat:
    if play == "-":
        return model.Seat(committed=False)
    return model.Seat(committed=True, answer=None if play.endswith("!") else play)


def show(job: Job, indexes: list[int], together: bool) -> Any:
    return job.reveal_together(*indexes) if together and indexes else job.reveal(*indexes)


def first_round(world: World, plays: list[str], together: bool = False, **changes: Any) -> tuple[Job, Purses, Any]:
    """Up to its end, and the opening of a second one where it is needed. Also the purses before the reveals, and the
    receipt of the last of them."""
    answers = [None if play == "-" else play.rstrip("!") for play in plays]
    job = world.committed(answers, relayed=together, **changes)
    assert bool(job.record.folded) == (together and "-" not in plays)
    before = Purses.of(world)
    receipt = show(job, [i for i, play in enumerate(plays) if play != "-" and not play.endswith("!")], together)
    if any(play.endswith("!") for play in plays):
        with refused("VerdictPending"):
            job.settle()
        world.at(job.committed_at + 151)  # reveal time and grace are over
        world.mine(1)
    if world.replication.extraNeeded(job.terms.as_tuple(), job.held):
        job.open_extra()
    return job, before, receipt


def second_round(job: Job, plays: list[str], together: bool = False) -> tuple[list[int], Purses]:
    """Plays the extra seats with workers 3, 4 and, in a pair, 5. Returns those who took one, and the purses with all
    stakes locked."""
    world, extra = job.world, job.extra
    takers = [3 + i for i, play in enumerate(plays) if play != "."]
    job.draw_extra()
    job.take(*takers)
    answers = {3 + i: play for i, play in enumerate(plays) if play not in {".", "-"}}
    for index, play in answers.items():
        job.commit(index, play.rstrip("!"))
    before = Purses.of(world)
    if "-" in plays:
        world.at(extra.workBy + 1)
    elif "." in plays:
        world.at(extra.takeBy + 1)
    show(job, [index for index, play in answers.items() if not play.endswith("!")], together)
    if any(play.endswith("!") for play in plays):
        with refused("VerdictPending"):
            job.settle()
        world.at(extra.workBy + 151)
    world.mine(1)
    return takers, before


def test_nobody_opens_the_second_round__past_the_settle_deadline_each_revealed_one_gets_half(world: World) -> None:
    job = first_round_unopened(world)
    with refused("VerdictPending"):
        job.settle()
    world.at(job.deadline)
    rulings = model.judge(PRICE, [model_seat(play) for play in ("a", "b", "c!")])
    before = Purses.of(world)
    receipt = job.settle()
    assert [(r.pay, r.fault) for r in rulings] == [HALVED, HALVED, SLASHED]
    assert_carried_out(job, before, [0, 1, 2], rulings, receipt)


def first_round_unopened(world: World) -> Job:
    job = world.committed(["a", "b", "c"])
    job.reveal(0, 1)
    return job


def test_pays_go_to_the_payout_address_of_the_provider(world: World) -> None:
    till = world.spare[2]
    provider, worker = world.providers[0], world.workers[0]
    world.registry.update(worker, world.profile(provider, payout=till), sender=provider)
    job = world.committed(["a", "a", "a"])
    job.reveal(0, 1, 2)
    job.settle()
    assert (world.free(till), world.free(provider)) == (PRICE, 0)


def test_odd_price__half_rounds_down_and_the_dust_returns(world: World) -> None:
    assert PRICE % 2 == 1
    job, _, _ = first_round(world, ["a", "b", "c"])
    second_round(job, [".", "."])
    before = Purses.of(world)
    receipt = job.settle()
    rulings = [model.Ruling(HALF)] * 3
    assert_carried_out(job, before, [0, 1, 2], rulings, receipt)
    money = model.settlement(job.terms.escrow, 100, job.terms.bounty, rulings)
    assert money.returned == job.terms.escrow - 3 * HALF - model.fee_on(100, 3 * HALF)


def test_seats_below_the_terms_price__each_is_paid_his_own_and_the_surplus_returns(world: World) -> None:
    """The second round too: its reserve is twice the terms' price, and its seats may cost less."""
    stub = world.deploy_double("StubScheduler", world.board)
    world.parameters.setScheduler(stub, True, sender=world.deployer)
    costs = [PRICE, PRICE - 1, PRICE // 3, 7, 0]
    job = world.post(scheduler=str(stub.address))
    job.draw()
    for index in range(3):
        stub.set(True, costs[index], sender=world.stranger)
        job.take(index)
    for index, answer in enumerate("abb"):
        job.commit(index, answer)
    job.reveal(0, 1, 2)
    job.draw_extra()
    for index in (3, 4):
        stub.set(True, costs[index], sender=world.stranger)
        job.take(index)
    job.commit(3, "b")
    job.commit(4, "b")
    before = Purses.of(world)
    job.reveal_together(3, 4)
    receipt = job.settle()
    seats = [model.Seat(True, answer, cost) for answer, cost in zip("abbbb", costs, strict=True)]
    rulings = model.judge(PRICE, seats)
    assert [(r.pay, r.fault) for r in rulings] == [SLASHED, *((cost, "none") for cost in costs[1:])]
    money = model.settlement(job.terms.escrow, 100, job.terms.bounty, rulings)
    assert world.free(world.requester) - before.requester == money.returned
    assert money.paid == sum(costs[1:])
    assert [int(log.pay) for log in receipt.decode_logs(world.board.WorkerSettled)] == [r.pay for r in rulings]


def test_attack_bounty_strands_in_the_verifier__what_may_pay_nobody_is_left_to_others(world: World) -> None:
    """A job that pays nobody has a bounty for who settles it: never a contract that could not spend it. So it is where
    halves of one unit are nothing, and where the seats of an agreed job were given away."""
    stub = world.deploy_double("StubScheduler", world.board)
    world.parameters.setScheduler(stub, True, sender=world.deployer)
    stub.set(True, 0, sender=world.stranger)
    halved = world.committed(["a", "b", "c"], price=1, reserve=2)
    halved.reveal_together(0, 1, 2)
    world.at(halved.extra.takeBy + 1)
    given = world.committed(["a", "a", "a"], relayed=True, scheduler=str(stub.address))
    given.reveal_together(0, 1, 2)
    for job in (halved, given):
        assert job.state == JobState.COMMITTED
        before = Purses.of(world)
        receipt = job.settle()
        agreed = job is given
        assert_carried_out(job, before, [0, 1, 2], [model.Ruling(0, agreed=False)] * 3, receipt)
        assert [bool(log.agreed) for log in receipt.decode_logs(world.board.WorkerSettled)] == [agreed] * 3
        assert world.free(world.closer) - before.closer == BOUNTY
    assert world.free(world.replication) == 0
